"""Workers: this process, worker processes on this machine, or a Ray or Dask cluster.

A task may run anywhere and more than once; its results may not depend on where. Worker processes
and Dask come through joblib. A worker that dies takes the tasks in flight with it: the pool is
started again with what is missing. Workers end when the process that started them ends, however it
ends.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from moclink.sweep.cgroups import cpu_quota
from moclink.sweep.devices import take_gpu, visible_gpus
from moclink.sweep.signals import defer_signals, ignore_warnings_of_jobs, release_signals

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")
# (call, numbered tasks) -> (number, results), as tasks are finished
Spread = Callable[[Callable, dict[int, Any]], Iterator[tuple[int, list]]]

TRIES = 3  # breakdowns in a row, without a finished task between them, before giving up
WATCH_S = 0.5  # how often a worker checks whether its parent process still runs


class WorkersLost(RuntimeError):
    """Worker processes die repeatedly; the message says what may help."""


class Pool:
    """Workers that call a function on tasks; a context manager, which ends them.

    Args:
        workers: Number of worker processes; 1 is this process itself, without another.
        cluster: None for this machine; "local" or "ray://HOST:PORT" for Ray, "tcp://HOST:PORT" for
            Dask. The cluster's size is then the number of workers.

    Raises:
        ValueError: The cluster cannot be reached, or what it needs is not installed.

    Example:
        >>> with Pool(2) as pool:
        ...     for task, result in pool.run(work, tasks, partial(Session, plan)):
        ...         ...
    """

    def __init__(self, workers: int = 1, cluster: str | None = None) -> None:
        if workers < 1:
            raise ValueError(f"{workers} workers do nothing; at least 1 is needed")
        self.workers = workers
        self._close = contextlib.ExitStack()
        self._spread: Spread | None = None
        self._broken: tuple[type[BaseException], ...] = ()
        self._own = HeldSession()
        if cluster:
            from moclink.sweep.clusters import connect

            self._spread, self._broken, self.workers = connect(cluster, self._close)
        elif workers > 1 and _processes_can_be_had():
            self._spread, self._broken = _processes(workers, self._close)
        else:
            self.workers = 1

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        self._close.close()

    def run(
        self,
        function: Callable[[S, T], Iterable[R]],
        tasks: Sequence[T],
        make_session: Callable[[], S],
    ) -> Iterator[tuple[T, R]]:
        """Call function(session, task) on every task.

        Args:
            function: From a worker's session and a task to its results; importable by workers.
            tasks: What to work on, in the order of beginning.
            make_session: Makes what a worker keeps from task to task; can be pickled. Each worker
                makes one, and keeps it for later calls with the same one.

        Yields:
            (task, result) in the order of finishing. In this process results come one by one, from
            a worker all those of a task together.

        Raises:
            WorkersLost: Workers died `TRIES` times without finishing a task.
        """
        if self._spread is None:
            session = self._own.get(make_session, make_session)
            for task in tasks:
                for result in function(session, task):
                    yield task, result
            return
        from moclink.sweep.object_pickles import dumps  # for what a notebook has defined

        try:
            call = partial(call_with_session, function, dumps(make_session))
        except (TypeError, AttributeError, ValueError, pickle.PicklingError) as error:
            raise _not_sent(error) from error
        missing, tries = dict(enumerate(tasks)), 0
        while missing:
            before = len(missing)
            try:
                for number, results in self._spread(call, missing):
                    task = missing.pop(number)
                    for result in results:
                        yield task, result
            except self._broken as error:
                tries = tries + 1 if len(missing) == before else 1
                if tries == TRIES:
                    raise WorkersLost(
                        f"workers died {TRIES} times in a row without finishing anything "
                        f"({type(error).__name__}); fewer --workers or less --memory may help"
                    ) from error


class HeldSession:
    """The session of one worker, and what it was made for."""

    def __init__(self) -> None:
        self._key: Any = None
        self._session: Any = None

    def get(self, key: Any, make: Callable[[], S]) -> S:
        """The session of this key; another one's is given up first."""
        if self._key != key:
            self._key, self._session = None, None
            self._session = make()
            self._key = key
        return self._session


# A pool hands tasks to a process, not to an object: this is where a worker process keeps its
# session.
_OF_THIS_PROCESS = HeldSession()


def call_with_session(
    function: Callable[[Any, T], Iterable[R]], make_session: bytes, number: int, task: T
) -> tuple[int, list[R]]:
    """What a worker process does with a task: `function` of its session and of the task.

    Args:
        function: (session, task) -> results.
        make_session: Pickled function that makes a session, called unless the process has that one.
        number: Number of the task, which is returned too.
        task: The task.
    """
    session = _OF_THIS_PROCESS.get(make_session, _unpickled(make_session))
    return number, list(function(session, task))


def _unpickled(make_session: bytes) -> Callable[[], Any]:
    """A function that makes the session: reads the pickled one, and calls it."""

    def make() -> Any:
        from moclink.sweep.object_pickles import loads

        try:
            made = loads(make_session)
        except (TypeError, AttributeError, ImportError, ValueError, pickle.PickleError) as error:
            raise _not_sent(error) from error
        return made()

    return make


def _not_sent(error: Exception) -> ValueError:
    reason = " ".join(str(error).split())
    return ValueError(
        f"a chain or channel that was given cannot be sent to worker processes ({reason}); run with "
        "workers=1, or give its class, or the name of its file"
    )


def joblib_spread(config: dict[str, Any]) -> Spread:
    """Spread calls by joblib."""

    def spread(call: Callable, tasks: dict[int, Any]) -> Iterator[tuple[int, list]]:
        from joblib import Parallel, delayed, parallel_config

        with parallel_config(**config):
            parallel = Parallel(return_as="generator_unordered", batch_size=1)
        calls = [delayed(call)(number, task) for number, task in tasks.items()]
        results = None
        try:
            with defer_signals():
                results = parallel(calls)
            for result in results:  # noqa: UP028 - `yield from` would close the generator with its warning
                yield result
        finally:
            with defer_signals(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an interrupted run is meant to leave tasks undone
                if results is not None:
                    results.close()

    return spread


def _processes_can_be_had() -> bool:
    """Whether joblib can start processes: JOBLIB_MULTIPROCESSING=0, or no semaphores, prevent it."""
    from joblib.parallel import BACKENDS

    if "loky" not in BACKENDS:
        print(
            "note: joblib cannot start processes here (JOBLIB_MULTIPROCESSING=0, or a system "
            "without semaphores); this process does all the work",
            file=sys.stderr,
        )
    return "loky" in BACKENDS


def _processes(
    workers: int, close: contextlib.ExitStack
) -> tuple[Spread, tuple[type[BaseException], ...]]:
    """Worker processes on this machine, and how joblib tells that they died."""
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    threads = max(1, cpus() // workers)
    gpus = visible_gpus()
    claims = (
        close.enter_context(tempfile.TemporaryDirectory(prefix="moclink-gpus-")) if gpus else ""
    )
    config = {
        "backend": "loky",
        "n_jobs": workers,
        "initializer": _begin,
        "initargs": (os.getpid(), threads, gpus, workers, claims),
        "inner_max_num_threads": threads,
        "max_nbytes": None,  # pictures go through the pipe: no files to be left behind
    }

    def end() -> None:
        with defer_signals():
            get_reusable_executor(kill_workers=True).shutdown(kill_workers=True)

    close.callback(end)
    return joblib_spread(config), (BrokenProcessPool,)


def _begin(parent: int, threads: int, gpus: list[str], workers: int, claims: str) -> None:
    """Begin a worker process: its CPUs and its GPU, no part in Ctrl-C, and an end with its parent."""
    from joblib.externals.loky import process_executor

    # loky takes a worker that has grown by 300 MB for a leak and starts another in its place, which
    # then loads TensorFlow and traces all graphs again; a codec at work grows by more.
    process_executor._MAX_MEMORY_LEAK_SIZE = sys.maxsize
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ignore_warnings_of_jobs()
    release_signals()
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = str(threads)
    if gpus:
        take_gpu(gpus, workers, Path(claims))
    threading.Thread(target=_exit_with_parent, args=(parent,), daemon=True).start()


def _exit_with_parent(parent: int) -> None:
    """End this process when its parent has ended (another process then takes a parent's place)."""
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)


def cpus() -> int:
    """CPUs that this process may use, by its affinity and the quotas of its control groups."""
    import joblib

    try:
        found = joblib.cpu_count()
    except ValueError as error:
        limit = os.environ.get("LOKY_MAX_CPU_COUNT")
        raise ValueError(f"LOKY_MAX_CPU_COUNT is {limit!r}: give a number of CPUs") from error
    return min(found, math.ceil(cpu_quota() or 2**16))

"""Worker processes on a Ray cluster: one actor a CPU, or a GPU, or a share of a GPU.

Ray ends the process of a plain task that asks for a GPU when the task is done, and with it all
that a session holds: weights, traced graphs, encoded pictures. An actor keeps its process, and its
GPU, until the sweep ends. Ray does not repeat what an actor that died was called for; that is done
here.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

IN_FLIGHT = 2  # tasks of a worker: one that it works on, and the next one
TRIES = (
    3  # workers that one task may lose, and breakdowns of each worker in a row, before giving up
)


def lost_errors(ray: Any) -> tuple[type[BaseException], ...]:
    """How Ray tells that a worker, its node or what it has sent is lost."""
    names = (
        *("RayActorError", "WorkerCrashedError", "NodeDiedError"),
        *("ObjectLostError", "OutOfMemoryError"),
    )
    return tuple(getattr(ray.exceptions, name) for name in names)


class Worker:
    """A process of the cluster, an actor: it keeps its session and its GPU from task to task.

    Args:
        share: GPUs that it has: 1, or a fraction of one that it shares with others, or 0.
    """

    def __init__(self, share: float) -> None:
        # Set before any of these is loaded; Ray has set CUDA_VISIBLE_DEVICES for whoever has a GPU.
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NUMBA_NUM_THREADS"):
            os.environ.setdefault(name, "1")  # as many as CPUs that it asks for
        if share == 0:
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        elif share < 1:  # else the first would take all the device's memory
            os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"

    def begin(self) -> None:
        """Answer, once there is a place for the worker."""

    def apply(self, call: Callable, number: int, task: Any) -> Any:
        """Work on a task."""
        return call(number, task)


class RayWorkers:
    """Spreads calls over actors, which are started at the first call and kept until `end`.

    Args:
        ray: The module, connected to a cluster.
        share: GPUs of each worker.
        count: Number of workers. Those that find no place wait for one, as when a node was lost.
    """

    def __init__(self, ray: Any, share: float, count: int) -> None:
        self._ray, self._share, self._count = ray, share, count
        self._lost = lost_errors(ray)
        self._class = ray.remote(num_cpus=1, num_gpus=share)(Worker)
        self._workers: list[Any] = []

    def __call__(self, call: Callable, tasks: dict[int, Any]) -> Iterator[tuple[int, list]]:
        """Call `call(number, task)` on every task; yields what it returns, as tasks are finished.

        Raises:
            One of `lost_errors`: A task has lost so many workers, or workers die again and again.
            ValueError: A node cannot load moclink.
        """
        while len(self._workers) < self._count:
            self._workers.append(self._class.remote(self._share))
        waiting = list(tasks)[::-1]
        # What is waited for -> worker, and number of the task; None of one that begins.
        running: dict[Any, tuple[Any, int | None]] = {
            worker.begin.remote(): (worker, None) for worker in self._workers
        }
        in_flight: dict[Any, int] = {}  # tasks of each worker that has begun
        lost: Counter[int] = Counter()
        breakdowns = 0
        while waiting or any(in_flight.values()):
            (ready,), _ = self._ray.wait(list(running))
            worker, number = running.pop(ready)
            try:
                result = self._ray.get(ready)
            except self._lost as error:
                breakdowns += 1
                mine = [number, *(n for w, n in running.values() if w is worker)]
                running = {ref: entry for ref, entry in running.items() if entry[0] is not worker}
                in_flight.pop(worker, None)
                again = sorted((n for n in mine if n is not None), reverse=True)
                lost.update(again)
                waiting += again
                self._give_up(error, max(lost.values(), default=0), breakdowns)
                worker = self._replace(worker)
                running[worker.begin.remote()] = worker, None
            else:
                if number is None:
                    in_flight[worker] = 0
                else:
                    in_flight[worker] -= 1
                    breakdowns = 0
                    yield result
            while waiting and in_flight and min(in_flight.values()) < IN_FLIGHT:
                worker = min(in_flight, key=in_flight.__getitem__)
                number = waiting.pop()
                running[worker.apply.remote(call, number, tasks[number])] = worker, number
                in_flight[worker] += 1

    def end(self) -> None:
        """End all workers."""
        while self._workers:
            self._ray.kill(self._workers.pop())

    def _replace(self, worker: Any) -> Any:
        """Start another worker in a lost one's place."""
        self._ray.kill(worker)  # if only the connection was lost, it ends too
        new = self._class.remote(self._share)
        self._workers[self._workers.index(worker)] = new
        return new

    def _give_up(self, error: BaseException, lost: int, breakdowns: int) -> None:
        """Raise if it makes no sense to continue."""
        if "ModuleNotFoundError" in str(error):
            reason = str(error).strip().splitlines()[-1].strip()
            raise ValueError(
                f"--cluster: a node cannot load what it needs ({reason}); install the same moclink "
                "on every node"
            ) from error
        if lost >= TRIES or breakdowns >= TRIES * self._count:
            raise error

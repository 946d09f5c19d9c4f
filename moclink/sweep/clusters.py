"""Ray and Dask clusters: how calls are spread over them, and how they tell of lost workers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from moclink.sweep.workers import TRIES, Spread, joblib_spread


def connect(
    cluster: str, close: contextlib.ExitStack
) -> tuple[Spread, tuple[type[BaseException], ...], int]:
    """Connect to a cluster: how to spread calls, how it tells of lost workers, number of workers."""
    if cluster == "local" or cluster.startswith("ray://"):
        return _connect_ray(cluster, close)
    if cluster.startswith(("tcp://", "tls://")):
        return _connect_dask(cluster, close)
    raise ValueError(
        f"--cluster {cluster}: give local or ray://HOST:PORT for Ray, tcp://HOST:PORT for Dask"
    )


def _connect_ray(cluster: str, close: contextlib.ExitStack) -> tuple[Spread, tuple, int]:
    """Ray by its own tasks: its joblib backend hands back nothing before all is done."""
    try:
        import ray
    except ImportError as error:
        raise ValueError(
            f"--cluster {cluster}: Ray is missing; pip install moclink[ray]"
        ) from error
    try:
        if not ray.is_initialized():
            ray.init(
                None if cluster == "local" else cluster, log_to_driver=False, logging_level="error"
            )
            close.callback(ray.shutdown)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ValueError(f"--cluster {cluster}: Ray cannot be reached ({error})") from error
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))  # Ray shows a task the GPU that it is given, and no other
    workers = max(1, gpus or int(resources.get("CPU", 1)))

    def spread(call: Callable, tasks: dict[int, Any]) -> Iterator[tuple[int, list]]:
        # Ray itself repeats a task whose worker or node is lost.
        remote = ray.remote(num_cpus=1, num_gpus=min(gpus, 1), max_retries=TRIES)(_apply)
        waiting = list(tasks.items())[::-1]
        running: list[Any] = []
        while waiting or running:
            while waiting and len(running) < 2 * workers:
                running.append(remote.remote(call, *waiting.pop()))
            (ready,), running = ray.wait(running)
            yield ray.get(ready)

    lost = (
        ray.exceptions.WorkerCrashedError,
        ray.exceptions.NodeDiedError,
        ray.exceptions.ObjectLostError,
    )
    return spread, lost, workers


def _apply(call: Callable, number: int, task: Any) -> Any:
    """Call: Ray makes remote functions of functions only."""
    return call(number, task)


def _connect_dask(cluster: str, close: contextlib.ExitStack) -> tuple[Spread, tuple, int]:
    """Dask by joblib."""
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise ValueError(
            f"--cluster {cluster}: Dask is missing; pip install moclink[dask]"
        ) from error
    try:
        client = Client(cluster, timeout="10s", set_as_default=True)
    except (OSError, TimeoutError) as error:
        raise ValueError(
            f"--cluster {cluster}: Dask's scheduler cannot be reached ({error})"
        ) from error
    close.callback(client.close)
    workers = max(1, sum(client.nthreads().values()))
    return joblib_spread({"backend": "dask", "n_jobs": workers}), (KilledWorker,), workers

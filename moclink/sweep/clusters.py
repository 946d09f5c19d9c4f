"""Ray and Dask clusters: how calls are spread over them, and how they tell of lost workers."""

from __future__ import annotations

import contextlib

from moclink.sweep.devices import share_gpus
from moclink.sweep.ray_workers import RayWorkers, lost_errors
from moclink.sweep.workers import Spread, joblib_spread


def connect(
    cluster: str, close: contextlib.ExitStack
) -> tuple[Spread, tuple[type[BaseException], ...], int]:
    """Connect to a cluster: how to spread calls, how it tells of lost workers, number of workers."""
    if cluster.partition("?")[0] == "local" or cluster.startswith("ray://"):
        return _connect_ray(cluster, close)
    if cluster.startswith(("tcp://", "tls://")):
        return _connect_dask(cluster, close)
    raise ValueError(
        f"--cluster {cluster}: give local or ray://HOST:PORT for Ray, tcp://HOST:PORT for Dask"
    )


def _connect_ray(cluster: str, close: contextlib.ExitStack) -> tuple[Spread, tuple, int]:
    """Ray by actors of its own: its joblib backend hands back nothing before all is done."""
    address, asked = _read_gpus(cluster)
    try:
        import ray
    except ImportError as error:
        raise ValueError(
            f"--cluster {cluster}: Ray is missing; pip install moclink[ray]"
        ) from error
    try:
        if not ray.is_initialized():
            ray.init(
                None if address == "local" else address, log_to_driver=False, logging_level="error"
            )
            close.callback(ray.shutdown)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ValueError(f"--cluster {cluster}: Ray cannot be reached ({error})") from error
    resources = ray.cluster_resources()
    try:
        share, count = share_gpus(int(resources.get("GPU", 0)), int(resources.get("CPU", 1)), asked)
    except ValueError as error:
        raise ValueError(f"--cluster {cluster}: {error}") from error
    workers = RayWorkers(ray, share, count)
    close.callback(workers.end)
    return workers, lost_errors(ray), count


def _read_gpus(cluster: str) -> tuple[str, float | None]:
    """The address, and the GPUs that each worker asks for: 0.5 of local?gpus=0.5, or None."""
    address, _, query = cluster.partition("?")
    name, _, value = query.partition("=")
    try:
        if query and name != "gpus":
            raise ValueError
        return address, float(value) if query else None
    except ValueError:
        raise ValueError(
            f"--cluster {cluster}: behind ? stands what GPUs a worker asks for, such as gpus=0.5"
        ) from None


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

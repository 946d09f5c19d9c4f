"""Clusters, with fakes of Ray and Dask: addresses, workers, tasks in flight, what cannot be reached."""

import contextlib
import sys
from types import SimpleNamespace

import pytest

from moclink.sweep.clusters import connect


class FakeRay:
    """Remote functions that run when they are waited for, the latest first."""

    def __init__(self, resources, running=False, error=None):
        self.resources, self.initialized, self.error = resources, running, error
        self.address, self.options, self.most, self.stopped = "never", {}, 0, False
        self.exceptions = SimpleNamespace(
            WorkerCrashedError=KeyError, NodeDiedError=OSError, ObjectLostError=EOFError
        )

    def is_initialized(self):
        return self.initialized

    def init(self, address, **options):
        if self.error:
            raise self.error
        self.address = address

    def shutdown(self):
        self.stopped = True

    def cluster_resources(self):
        return self.resources

    def remote(self, **options):
        self.options = options
        return lambda function: SimpleNamespace(remote=lambda *args: (function, args))

    def wait(self, running):
        self.most = max(self.most, len(running))
        return [running[-1]], running[:-1]

    def get(self, ready):
        function, args = ready
        return function(*args)


def call(number, task):
    """What `Pool.run` hands over: (number, results)."""
    return number, [10 * task]


@pytest.mark.parametrize(
    ("resources", "workers", "gpus"),
    [({"CPU": 3.0}, 3, 0), ({"CPU": 8.0, "GPU": 2.0}, 2, 1), ({}, 1, 0)],
)
def test_ray_keeps_two_tasks_a_worker_in_flight(resources, workers, gpus, monkeypatch):
    ray = FakeRay(resources)
    monkeypatch.setitem(sys.modules, "ray", ray)
    with contextlib.ExitStack() as close:
        spread, lost, found = connect("local", close)
        assert (found, ray.address) == (workers, None)
        tasks = {number: number + 1 for number in range(20)}
        assert dict(spread(call, tasks)) == {n: [10 * task] for n, task in tasks.items()}
        assert ray.most == 2 * workers and not ray.stopped
        assert ray.options["num_gpus"] == gpus and ray.options["max_retries"] > 0
        assert lost == (KeyError, OSError, EOFError)
    assert ray.stopped


def test_a_ray_that_runs_already_is_used_and_left(monkeypatch):
    ray = FakeRay({"CPU": 2.0}, running=True)
    monkeypatch.setitem(sys.modules, "ray", ray)
    with contextlib.ExitStack() as close:
        assert connect("ray://head:10001", close)[2] == 2
    assert ray.address == "never" and not ray.stopped


def test_a_ray_that_cannot_be_reached_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", FakeRay({}, error=ConnectionError("no route")))
    with pytest.raises(
        ValueError, match=r"--cluster ray://head:1: Ray cannot be reached \(no route"
    ):
        connect("ray://head:1", contextlib.ExitStack())


class FakeClient:
    """A scheduler with two workers, or one that does not answer."""

    closed: list[str] = []

    def __init__(self, address, timeout, set_as_default):
        if address.endswith(":1"):
            raise TimeoutError("no answer")
        self.address = address

    def nthreads(self):
        return {"tcp://a": 4, "tcp://b": 2}

    def close(self):
        self.closed.append(self.address)


def test_dask_has_a_worker_for_each_thread(monkeypatch):
    monkeypatch.setitem(
        sys.modules, "distributed", SimpleNamespace(Client=FakeClient, KilledWorker=KeyError)
    )
    monkeypatch.setattr(FakeClient, "closed", [])
    with contextlib.ExitStack() as close:
        spread, lost, workers = connect("tcp://head:8786", close)
        assert callable(spread) and lost == (KeyError,) and workers == 6
        with pytest.raises(ValueError, match=r"tls://head:1: Dask's scheduler cannot be reached"):
            connect("tls://head:1", close)
    assert FakeClient.closed == ["tcp://head:8786"]


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (
            "slurm://x",
            "--cluster slurm://x: give local or ray://HOST:PORT for Ray, tcp://HOST:PORT",
        ),
        ("local", r"Ray is missing; pip install moclink\[ray\]"),
        ("tcp://head:8786", r"Dask is missing; pip install moclink\[dask\]"),
    ],
)
def test_what_is_unknown_or_not_installed_is_one_line(cluster, message, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # None makes the import fail
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=message):
        connect(cluster, contextlib.ExitStack())

"""Clusters, with fakes of Ray and Dask: addresses, workers, tasks in flight, what cannot be reached."""

import contextlib
import sys
from types import SimpleNamespace

import pytest

from moclink.sweep.clusters import connect


class FakeWorker(SimpleNamespace):
    """An actor, which is a key as Ray's are."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


class FakeRay:
    """Actors that work when they are waited for, the latest call first."""

    def __init__(self, resources, running=False, error=None):
        self.resources, self.initialized, self.error = resources, running, error
        self.address, self.options, self.most, self.stopped = "never", {}, 0, False
        self.made, self.killed = [], []
        names = ("RayActorError", "WorkerCrashedError", "NodeDiedError", "ObjectLostError")
        names += ("OutOfMemoryError",)
        self.exceptions = SimpleNamespace(**{name: type(name, (Exception,), {}) for name in names})

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
        return lambda kind: SimpleNamespace(remote=lambda share: self.start(share))

    def start(self, share):
        apply = SimpleNamespace(remote=lambda call, number, task: (call, number, task))
        self.made.append(FakeWorker(begin=SimpleNamespace(remote=object), apply=apply))
        return self.made[-1]

    def kill(self, worker):
        self.killed.append(worker)

    def wait(self, running):
        self.most = max(self.most, sum(isinstance(ref, tuple) for ref in running))
        return [running[-1]], running[:-1]

    def get(self, ready):
        return ready[0](*ready[1:]) if isinstance(ready, tuple) else None


def call(number, task):
    """What `Pool.run` hands over: (number, results)."""
    return number, [10 * task]


@pytest.mark.parametrize(
    ("cluster", "resources", "workers", "gpus"),
    [
        ("local", {"CPU": 3.0}, 3, 0),
        ("local", {"CPU": 8.0, "GPU": 2.0}, 2, 1),
        ("local?gpus=0.5", {"CPU": 8.0, "GPU": 2.0}, 4, 0.5),
        ("local?gpus=0", {"CPU": 8.0, "GPU": 2.0}, 8, 0),
        ("local", {}, 1, 0),
    ],
)
def test_ray_keeps_two_tasks_a_worker_in_flight(cluster, resources, workers, gpus, monkeypatch):
    ray = FakeRay(resources)
    monkeypatch.setitem(sys.modules, "ray", ray)
    with contextlib.ExitStack() as close:
        spread, lost, found = connect(cluster, close)
        assert (found, ray.address) == (workers, None)
        tasks = {number: number + 1 for number in range(40)}
        for _ in range(2):  # the second call takes the workers of the first
            assert dict(spread(call, tasks)) == {n: [10 * task] for n, task in tasks.items()}
        assert len(ray.made) == workers and not ray.killed
        assert 2 <= ray.most <= 2 * workers and not ray.stopped
        assert ray.options == {"num_cpus": 1, "num_gpus": gpus}
        assert ray.exceptions.RayActorError in lost and ray.exceptions.NodeDiedError in lost
    assert ray.stopped and len(ray.killed) == workers


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ("local?gpus=2", r"--cluster local\?gpus=2: gpus=2: a worker has one GPU"),
        ("local?gpus=-1", "gpus=-1: a worker has one GPU"),
        ("local?gpus=nan", "gpus=nan: a worker has one GPU"),
        ("local?gpus=0.5", "no node of the cluster has a GPU now"),
        ("local?gpus=half", r"behind \? stands what GPUs a worker asks for, such as gpus=0.5"),
        ("ray://head:10001?cpus=2", r"behind \? stands"),
    ],
)
def test_gpus_that_cannot_be_had_are_one_line(cluster, message, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", FakeRay({"CPU": 2.0}))
    with pytest.raises(ValueError, match=message), contextlib.ExitStack() as close:
        connect(cluster, close)


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

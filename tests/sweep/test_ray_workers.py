"""Workers on a Ray cluster: lost ones with a fake of Ray, GPUs and a lost node on Ray's simulated cluster."""

import contextlib
import os
import sys
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from moclink.sweep.clusters import connect
from moclink.sweep.ray_workers import TRIES, RayWorkers, Worker


class Lost(Exception):
    """Any of Ray's errors of what is lost."""


@dataclass(eq=False)
class Call:
    """What an actor was called for; stands for the reference to what it gives."""

    worker: Any
    arguments: tuple = ()


class FakeWorker(SimpleNamespace):
    """An actor, which is a key as Ray's are."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__
    dead = False


class FakeRay:
    """Actors that die of some tasks, and with them what else they were called for.

    Args:
        deadly: Numbers of tasks, each as often as it kills.
        message: What is said of a death.
    """

    def __init__(self, deadly=(), message="died"):
        self.deadly, self.message, self.begun, self.killed = list(deadly), message, 0, []
        names = ("RayActorError", "WorkerCrashedError", "NodeDiedError", "ObjectLostError")
        self.exceptions = SimpleNamespace(**dict.fromkeys([*names, "OutOfMemoryError"], Lost))

    def remote(self, **options):
        return lambda kind: SimpleNamespace(remote=self.start)

    def start(self, share):
        self.begun += 1
        worker = FakeWorker()
        worker.begin = SimpleNamespace(remote=lambda: Call(worker))
        worker.apply = SimpleNamespace(remote=lambda *arguments: Call(worker, arguments))
        return worker

    def kill(self, worker):
        worker.dead = True
        self.killed.append(worker)

    def wait(self, running):
        return [running[0]], running[1:]

    def get(self, call):
        if call.arguments and call.arguments[1] in self.deadly:
            self.deadly.remove(call.arguments[1])
            call.worker.dead = True
        if call.worker.dead:
            raise Lost(self.message)
        return call.arguments[0](*call.arguments[1:]) if call.arguments else None


def double(number, task):
    """What `Pool.run` hands over: (number, results)."""
    return number, [2 * task]


def test_tasks_of_workers_that_died_are_done_by_others():
    ray = FakeRay(deadly=[0, 3, 3, 7])
    workers = RayWorkers(ray, 1.0, 2)
    found = list(workers(double, dict(enumerate(range(10)))))
    assert sorted(found) == [(number, [2 * number]) for number in range(10)]
    assert len(ray.killed) == 4 and ray.begun == 2 + 4
    workers.end()
    assert len(ray.killed) == 6


def test_a_task_that_kills_again_and_again_ends_the_call():
    ray = FakeRay(deadly=[4] * TRIES)
    workers, found = RayWorkers(ray, 1.0, 2), []
    with pytest.raises(Lost):
        for result in workers(double, dict(enumerate(range(10)))):
            found.append(result)
    assert (4, [8]) not in found and len(found) > 0
    assert (4, [8]) in list(workers(double, {4: 4}))  # with workers that live


def test_workers_that_never_begin_end_the_call():
    ray = FakeRay()
    start = ray.start

    def start_dead(share):
        worker = start(share)
        worker.dead = True
        return worker

    ray.start = start_dead
    with pytest.raises(Lost):
        list(RayWorkers(ray, 1.0, 2)(double, {0: 0}))
    assert ray.begun == 2 + 2 * TRIES - 1


def test_a_node_without_moclink_is_one_line():
    ray = FakeRay([0], "The actor died:\n  ModuleNotFoundError: No module named 'moclink'\n")
    message = r"a node cannot load what it needs \(ModuleNotFoundError: No module named 'moclink'\)"
    with pytest.raises(ValueError, match=message):
        list(RayWorkers(ray, 0.0, 1)(double, {0: 0}))


@pytest.mark.parametrize(
    ("share", "visible", "growth"), [(1.0, "3", None), (0.5, "3", "true"), (0.0, "-1", None)]
)
def test_a_worker_sees_its_gpu_or_none(share, visible, growth, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")  # as Ray sets it
    for name in ("TF_FORCE_GPU_ALLOW_GROWTH", "NUMBA_NUM_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "4")
    worker = Worker(share)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == visible
    assert os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH") == growth
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "4" and os.environ["NUMBA_NUM_THREADS"] == "1"
    assert worker.apply(double, 1, 4) == (1, [8])


@pytest.fixture
def cluster():
    """Ray's simulated cluster: two nodes of two CPUs and one GPU each, which is only declared."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    node = {"num_cpus": 2, "num_gpus": 1, "object_store_memory": 100_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        cluster.second = cluster.add_node(**node)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()
        ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def whereabouts(folder, number, parties):
    """Process, node and GPU of this worker, once so many workers have come to a task."""
    import ray

    (folder / f"pid-{os.getpid()}").touch()
    deadline = time.monotonic() + 120  # only a worker that never comes reaches it
    while len(list(folder.glob("pid-*"))) < parties and time.monotonic() < deadline:
        time.sleep(0.01)
    node = ray.get_runtime_context().get_node_id()
    return number, [(os.getpid(), node, os.environ["CUDA_VISIBLE_DEVICES"])]


@pytest.mark.parametrize(("gpus", "each"), [("", 1), ("?gpus=0.5", 2)])
def test_workers_keep_their_gpu_from_task_to_task(gpus, each, cluster, tmp_path):
    folder = tmp_path

    def call(number, parties):
        return whereabouts(folder, number, parties)

    with contextlib.ExitStack() as close:
        spread, _, count = connect(f"local{gpus}", close)
        assert count == 2 * each
        found = []
        for _ in range(2):  # the second call finds the same processes
            tasks = dict.fromkeys(range(4 * count), count)
            found += [place for _, (place,) in spread(call, tasks)]
    places = set(found)
    assert len(places) == len({pid for pid, *_ in places}) == count
    nodes = [node for _, node, _ in places]
    assert sorted(map(nodes.count, set(nodes))) == [each, each]
    assert {gpu for *_, gpu in places} == {"0"}  # of its node


def test_the_tasks_of_a_lost_node_are_done_by_the_other(cluster, tmp_path):
    folder = tmp_path

    def held(number, second):
        import ray

        here = ray.get_runtime_context().get_node_id()
        if here == second:  # until the node is lost
            (folder / "caught").touch()
            while True:
                time.sleep(1)
        while not (folder / "caught").exists():
            time.sleep(0.01)
        return number, [here]

    with contextlib.ExitStack() as close:
        spread, _, count = connect("local", close)
        second, found = cluster.second.node_id, {}
        for number, (node,) in spread(held, dict.fromkeys(range(12), second)):
            if not found:
                cluster.remove_node(cluster.second, allow_graceful=False)
            assert number not in found
            found[number] = node
        assert count == 2 and set(found) == set(range(12)) and second not in found.values()

"""Pools of worker processes that die. Light imports: every new worker repeats them."""

import importlib.util
import os
import signal
import time
from pathlib import Path

import pytest

from moclink import devices
from moclink.devices import places, take_gpu, visible_gpus
from moclink.workers import Pool, WorkersLost


def kill_own_process_once(flag: Path):
    """A task that takes its worker with it the first time."""
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return [flag.name]


def kill_own_process(task):
    """A task that always takes its worker with it."""
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def test_tasks_of_killed_workers_are_done_again(tmp_path):
    flags = [tmp_path / str(number) for number in range(6)]
    for flag in flags[::2]:
        flag.touch()
    with Pool(2) as pool:
        results = [result for _, result in pool.run(kill_own_process_once, flags)]
    assert sorted(results) == list("012345")


def test_workers_that_always_die_are_given_up():
    with Pool(2) as pool, pytest.raises(WorkersLost, match="died 3 times in a row"):
        list(pool.run(kill_own_process, [1, 2]))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_task_is_the_users(workers):
    with Pool(workers) as pool, pytest.raises(ZeroDivisionError):
        list(pool.run(one_over, [1, 0, 2]))


def one_over(number):
    """A task with an error."""
    return [1 / number]


def grow(number):
    """A task after which its worker holds 330 MB more, as after loading a codec; who did it."""
    held.append(b"x" * 330_000_000 if len(held) == 1 else b"")
    time.sleep(1.1)  # how often growth is looked at
    return [os.getpid()]


held: list[bytes] = []


def gpu_of_this_worker(flag: Path):
    """A task that says which GPU its worker was shown; the first time it takes its worker with it."""
    kill_own_process_once(flag)
    return [(os.getpid(), os.environ["CUDA_VISIBLE_DEVICES"])]


def test_each_worker_is_shown_one_gpu_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("moclink.workers.visible_gpus", lambda: ["4", "GPU-7"])
    flags = [tmp_path / str(number) for number in range(8)]
    for flag in flags[1:]:
        flag.touch()
    with Pool(2) as pool:
        seen = {pair for _, pair in pool.run(gpu_of_this_worker, flags)}
    # The workers that died were two, as were those that came instead: no GPU is lost with its worker.
    assert {gpu for _, gpu in seen} <= {"4", "GPU-7"}
    alive = {pid for pid, _ in seen}
    assert len(seen) == len(alive)  # a worker keeps its GPU


def test_gpus_are_dealt_out_one_each_then_in_turns(tmp_path, monkeypatch):
    assert places(["0", "1"], 2) == [("0", 0), ("1", 0)]
    assert places(["0", "1"], 5) == [("0", 0), ("1", 0), ("0", 1), ("1", 1), ("0", 2)]
    monkeypatch.setattr(devices, "_PATIENCE_S", 0.3)
    monkeypatch.setattr(devices, "_claims", [])
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    taken = []
    for _ in range(3):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        take_gpu(["0", "1"], 3, tmp_path)
        taken.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert taken == ["0", "1", "0"] and os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    with pytest.raises(RuntimeError, match="all places on the GPUs 0, 1 are taken"):
        take_gpu(["0", "1"], 3, tmp_path)
    devices._claims.pop(1).close()  # the second worker has died
    take_gpu(["0", "1"], 3, tmp_path)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    for claim in devices._claims:
        claim.close()


@pytest.mark.parametrize(
    "chosen,expected",
    [
        (None, ["0", "1", "2"]),
        ("2,0", ["2", "0"]),
        ("-1", []),
        ("", []),
        ("1,-1,2", ["1"]),
        ("GPU-a", ["GPU-a"]),
    ],
)
def test_visible_gpus_are_those_of_cuda(chosen, expected, tmp_path, monkeypatch):
    for name in ("nvidia0", "nvidia1", "nvidia5", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if chosen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert visible_gpus(tmp_path) == expected


def test_without_cudas_libraries_there_are_no_gpus(tmp_path, monkeypatch):
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert visible_gpus(tmp_path) == []


def test_a_worker_that_grows_is_kept():
    with Pool(2) as pool:
        workers = {pid for _, pid in pool.run(grow, range(8))}
    assert len(workers) <= 2 and os.getpid() not in workers

"""Pools of worker processes that die. Light imports: every new worker repeats them."""

import os
import signal
import time
from pathlib import Path

import pytest

from moclink.sweep.workers import Pool, WorkersLost


def kill_own_process_once(session, flag: Path):
    """A task that takes its worker with it the first time."""
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return [flag.name]


def kill_own_process(session, task):
    """A task that always takes its worker with it."""
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def test_tasks_of_killed_workers_are_done_again(tmp_path):
    flags = [tmp_path / str(number) for number in range(6)]
    for flag in flags[::2]:
        flag.touch()
    with Pool(2) as pool:
        results = [result for _, result in pool.run(kill_own_process_once, flags, list)]
    assert sorted(results) == list("012345")


def test_workers_that_always_die_are_given_up():
    with Pool(2) as pool, pytest.raises(WorkersLost, match="died 3 times in a row"):
        list(pool.run(kill_own_process, [1, 2], list))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_task_is_the_users(workers):
    with Pool(workers) as pool, pytest.raises(ZeroDivisionError):
        list(pool.run(one_over, [1, 0, 2], list))


def one_over(session, number):
    """A task with an error."""
    return [1 / number]


def grow(session, number):
    """A task after which its worker holds 330 MB more, as after loading a codec; who did it."""
    session.append(b"x" * 330_000_000 if len(session) == 1 else b"")
    time.sleep(1.1)  # how often growth is looked at
    return [os.getpid()]


def count(session, number):
    """A task that says who did it, and how many tasks its session has seen before."""
    session.append(number)
    return [(os.getpid(), id(session), len(session) - 1)]


def gpu_of_this_worker(session, flag: Path):
    """A task that says which GPU its worker was shown; the first time it takes its worker with it."""
    kill_own_process_once(session, flag)
    return [(os.getpid(), os.environ["CUDA_VISIBLE_DEVICES"])]


def test_each_worker_is_shown_one_gpu_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("moclink.sweep.workers.visible_gpus", lambda: ["4", "GPU-7"])
    flags = [tmp_path / str(number) for number in range(8)]
    for flag in flags[1:]:
        flag.touch()
    with Pool(2) as pool:
        seen = {pair for _, pair in pool.run(gpu_of_this_worker, flags, list)}
    # The workers that died were two, as were those that came instead: no GPU is lost with its
    # worker.
    assert {gpu for _, gpu in seen} <= {"4", "GPU-7"}
    alive = {pid for pid, _ in seen}
    assert len(seen) == len(alive)  # a worker keeps its GPU


def test_a_worker_that_grows_is_kept():
    with Pool(2) as pool:
        workers = {pid for _, pid in pool.run(grow, range(8), list)}
    assert len(workers) <= 2 and os.getpid() not in workers


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_keeps_one_session_from_task_to_task(workers):
    with Pool(workers) as pool:
        seen = [
            result for tasks in (range(5), range(3)) for _, result in pool.run(count, tasks, list)
        ]
        others = [result for _, result in pool.run(count, range(100, 104), bytearray)]
    for process in {pid for pid, *_ in seen}:
        own = [(session, before) for pid, session, before in seen if pid == process]
        assert len({session for session, _ in own}) == 1
        assert [before for _, before in own] == list(range(len(own)))
    assert min(before for *_, before in others) == 0  # a session of another kind is a new one


def test_where_no_process_can_be_started_one_does_the_work(monkeypatch, capsys):
    """As with JOBLIB_MULTIPROCESSING=0: joblib then offers threads alone."""
    monkeypatch.setattr("joblib.parallel.BACKENDS", {"threading": object()})
    with Pool(2) as pool:
        assert pool.workers == 1
        done = list(pool.run(lambda session, task: [session + task], [1, 2], lambda: 10))
    assert done == [(1, 11), (2, 12)]
    assert "this process does all the work" in capsys.readouterr().err

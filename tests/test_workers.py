"""Pools of worker processes that die. Light imports: every new worker repeats them."""

import os
import signal
import time
from pathlib import Path

import pytest

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


def test_a_worker_that_grows_is_kept():
    with Pool(2) as pool:
        workers = {pid for _, pid in pool.run(grow, range(8))}
    assert len(workers) <= 2 and os.getpid() not in workers

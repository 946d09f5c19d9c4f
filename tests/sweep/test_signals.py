"""Ctrl-C and SIGTERM are held back where they would do harm, and given on afterwards."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from moclink.sweep.signals import defer_signals, interrupt_on_sigterm, release_signals
from moclink.sweep.workers import Pool

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "pthread_sigmask"), reason="signals cannot be held back"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR2])
def test_signals_come_when_they_do_no_harm(number):
    steps = []
    with pytest.raises(KeyboardInterrupt), interrupt_on_sigterm():
        with defer_signals():
            os.kill(os.getpid(), number)
            steps.append("held back")
        steps.append("given on")
    assert steps == ["held back"]
    signal.signal(signal.SIGUSR2, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_that_reach_another_thread_are_held_back_too(number):
    """The system gives a signal of the process to any thread that does not block it."""
    leave, steps = threading.Event(), []
    thread = threading.Thread(target=leave.wait)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt), interrupt_on_sigterm():
            with defer_signals():
                os.kill(os.getpid(), number)
                time.sleep(0.2)  # for the other thread to get it
                steps.append("held back")
            steps.append("given on")
    finally:
        leave.set()
        thread.join()
    assert steps == ["held back"]


def test_a_second_sigterm_does_not_disturb_the_end_of_a_run():
    with interrupt_on_sigterm():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_is_afterwards_what_it_was():
    before = signal.getsignal(signal.SIGTERM)
    with interrupt_on_sigterm():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_lost_connection_is_the_same_unless_it_is_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with interrupt_on_sigterm(), pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
        with interrupt_on_sigterm():
            os.kill(os.getpid(), signal.SIGHUP)
            with defer_signals():
                os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_goes_on_without():
    done = []

    def work():
        with interrupt_on_sigterm():
            done.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [before]


def test_a_process_lets_through_what_its_parent_held_back():
    program = (
        "import signal, sys; from moclink.sweep.signals import release_signals\n"
        "print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))\n"
        "release_signals(); print(signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    )
    with defer_signals():
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    before, after = done.stdout.splitlines()
    assert "SIGINT" in before and "SIGTERM" in before and after == "set()"
    release_signals()


def of_worker(session, task):
    """What a worker does with both signals, and whether it holds them back."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield (
        signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
        signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
        signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN,
        sorted(blocked & {signal.SIGINT, signal.SIGTERM}),
    )


def test_workers_take_no_part_in_ctrl_c_and_end_by_sigterm():
    with interrupt_on_sigterm(), Pool(2) as pool:
        found = [result for _, result in pool.run(of_worker, [0, 1], dict)]
    assert found == 2 * [(True, True, True, [])]


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU])
def test_warnings_of_batch_systems_and_of_limits_end_a_run(number):
    with interrupt_on_sigterm():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)  # a limit of CPU time warns every second
    assert signal.getsignal(number) is signal.SIG_IGN
    signal.signal(number, signal.SIG_DFL)


def test_a_users_own_handler_stays():
    caught = []
    before = signal.signal(signal.SIGUSR1, lambda *_: caught.append(1))
    try:
        with interrupt_on_sigterm():
            os.kill(os.getpid(), signal.SIGUSR1)
        assert caught == [1]
    finally:
        signal.signal(signal.SIGUSR1, before)

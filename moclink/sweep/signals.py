"""How Ctrl-C, SIGTERM, SIGHUP and limits end a run: at once, but not amid the start or end of processes."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

HANGUP = tuple(getattr(signal, name) for name in ("SIGHUP",) if hasattr(signal, name))
ENDINGS = (signal.SIGINT, signal.SIGTERM, *HANGUP)
# Warnings that a job has little time left: of batch systems (SLURM's --signal), which may send them to
# all processes of a job, and of `ulimit -t`, which counts the time of each process.
OF_JOBS = tuple(getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name))
WARNINGS = (*OF_JOBS, *(getattr(signal, name) for name in ("SIGXCPU",) if hasattr(signal, name)))
HELD = (*ENDINGS, *OF_JOBS)
REPEAT_S = 10.0  # a SIGTERM that follows another within this time adds nothing to it


@contextlib.contextmanager
def defer_signals() -> Iterator[None]:
    """Hold Ctrl-C, SIGTERM, SIGHUP and the warnings of jobs back while processes are started or ended.

    An exception amid either would leave a pool that nobody ends, and this process would wait for
    it. What is started meanwhile gets neither before it lets them through. Handlers of our own hold
    back what reaches another thread of this process, which the mask of this one does not cover.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    caught: list[int] = []
    handlers: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():  # which alone has handlers
        for number in HELD:
            handlers[number] = signal.signal(number, lambda number, _: caught.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for held in dict.fromkeys(caught):
            signal.raise_signal(held)


def ignore_warnings_of_jobs() -> None:
    """Leave the warnings that a batch system sends to all processes of a job to the one that was started."""
    for number in OF_JOBS:
        signal.signal(number, signal.SIG_IGN)


def release_signals() -> None:
    """End what `defer_signals` has left to a process that was started meanwhile."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


@contextlib.contextmanager
def interrupt_on_sigterm() -> Iterator[None]:
    """Take SIGTERM, and a SIGHUP that is not ignored, for Ctrl-C, in the main thread of a process.

    So are signals by which batch systems and limits of CPU time warn, where nobody has a handler for
    them; by itself each would end the process without a word.

    Then they are as they were before, but for a warning that came, which is ignored. SIGHUP comes
    when a connection is lost; nohup(1) ignores it.

    One that follows soon after another is of the same wish: timeout(1) and schedulers send it to a
    process and to its group, and it may not disturb how a run ends.
    """
    last = -REPEAT_S

    def interrupt(number: int, _: object) -> None:
        nonlocal last
        now = time.monotonic()
        if number in WARNINGS:  # a limit of CPU time warns every second
            signal.signal(number, signal.SIG_IGN)
            before.pop(number, None)  # to the end of the process
        if now - last >= REPEAT_S:
            last = now
            raise KeyboardInterrupt

    wanted = [signal.SIGTERM, *(n for n in HANGUP if signal.getsignal(n) is not signal.SIG_IGN)]
    wanted += [number for number in WARNINGS if signal.getsignal(number) is signal.SIG_DFL]
    try:
        before = {number: signal.signal(number, interrupt) for number in wanted}
    except ValueError:  # not in the main thread, which alone can catch signals
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)

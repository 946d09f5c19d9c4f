"""Run moclink.simulate, paused where a test wants it: python paused_simulate.py GATE ARGUMENTS...

So a test kills processes where it means to, on machines of any speed. GATE is a folder. A worker
that takes up task N of the sweep writes GATE/begun-N-PID and waits for GATE/go-N. If
GATE/statements holds a number, the process stops for good, and writes GATE/stopped, before the
statement of that number that writes results to the store, or at its very end if there are not so
many.
"""

import signal
import sqlite3
import sys
import time
from itertools import count
from pathlib import Path

gate = Path(sys.argv[1])
# Whoever runs the tests in the background, or under nohup, had them ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def wait_for(path):
    """Wait until a file is there."""
    while not path.exists():
        time.sleep(0.01)


def held_call(function, make_session, number, task):
    """What a worker does with a task; being of __main__, it goes to workers by value."""
    import os

    if function.__name__ == "work":
        (gate / f"begun-{number}-{os.getpid()}").touch()
        wait_for(gate / f"go-{number}")
    from moclink.sweep.workers import call_with_session  # in a worker it is as it was

    return call_with_session(function, make_session, number, task)


def stop():
    """Do nothing any more, until killed."""
    (gate / "stopped").touch()
    while True:
        time.sleep(1)


def main():
    from moclink import simulate
    from moclink.sweep import workers

    workers.call_with_session = held_call
    connect, numbers = sqlite3.connect, count(1)
    last = int((gate / "statements").read_text()) if (gate / "statements").exists() else None

    def counted(statement):
        if statement.startswith(("INSERT OR REPLACE", "COMMIT")) and next(numbers) == last:
            stop()

    def traced(path, *arguments, **options):
        base = connect(path, *arguments, **options)
        if Path(str(path)).name == "results.sqlite":
            base.set_trace_callback(counted)
        return base

    if last is not None:  # an interrupt amid a trace callback would be lost
        sqlite3.connect = traced
    status = simulate.main(sys.argv[2:])
    if last is not None:
        stop()
    return status


if __name__ == "__main__":
    sys.exit(main())

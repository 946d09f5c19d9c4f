"""Suppression of TensorFlow's log messages on CPU and GPU."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator


def _not_retracing(record: logging.LogRecord) -> bool:
    """Drop advice on retracing, which counts the first trace of every network of a process as one."""
    return "retracing" not in record.getMessage()


# Standard error is the process's: of two threads, each would put back what the other one has set.
_ONE_AT_A_TIME = threading.RLock()
# What TensorFlow's C++ code logs: I0000 00:00:1795724518.216727   32513 port.cc:153] oneDNN ...
_NOTE = re.compile(
    rb"[IWE]\d{4} \d\d:\d\d:[\d.]+ +\d+ \S+:\d+\]|WARNING: All log messages before absl"
    rb"|To enable the following instructions: "
)


@contextlib.contextmanager
def quietly(notes_only: bool = False) -> Iterator[None]:
    """Keep TensorFlow's notes on CPU and GPU, which it writes past Python, off the terminal.

    If something fails meanwhile, what was held back is shown. Threads take turns.

    Args:
        notes_only: Whether what others write to standard error meanwhile is shown at the end.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").addFilter(_not_retracing)
    with _ONE_AT_A_TIME, _set_aside(notes_only):
        yield


@contextlib.contextmanager
def _set_aside(notes_only: bool) -> Iterator[None]:
    """Keep what is written to standard error in a file meanwhile."""
    try:
        kept = os.dup(2)
    except OSError:  # standard error is closed: there is nothing to keep from it
        yield
        return
    failed = False
    with tempfile.TemporaryFile() as aside:
        _flush_errors()
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except ValueError:
            raise
        except Exception:
            failed = True
            raise
        finally:
            _flush_errors()
            os.dup2(kept, 2)
            aside.seek(0)
            for line in aside:
                if failed or (notes_only and not _NOTE.match(line)):
                    os.write(kept, line)
            os.close(kept)


def _flush_errors() -> None:
    """Write what Python has of standard error, so that it goes where it is meant to go."""
    if sys.stderr is not None:
        sys.stderr.flush()

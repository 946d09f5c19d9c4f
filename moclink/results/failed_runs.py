"""Failed runs: messages for results that cannot be stored, and removal of runs without any."""

from __future__ import annotations

import shlex
import sqlite3
from contextlib import suppress
from pathlib import Path

from moclink.file_locks import RUN_LOCK


def describe_write_error(folder: Path, error: sqlite3.Error) -> str:
    """What a run that cannot be written to any longer ends with.

    Args:
        folder: The run folder.
        error: What SQLite said of the transaction, of which nothing is left.
    """
    again = f"--out {shlex.quote(str(folder))} continues the run"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the upper bits tell variants
    if not (folder / "results.sqlite").exists():
        return (
            f"{folder} was moved or removed during the run; if it was moved, --out with its "
            "new place continues it"
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return (
            f"another program holds {folder / 'results.sqlite'} ({error}); finished cells are kept: "
            f"close it there, then {again}"
        )
    full = code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
    remedy = "make room" if full else "see that it can be written to"
    reason = f"{error}{describe_size_limit()}"
    return f"cannot write to {folder} ({reason}); finished cells are kept: {remedy}, then {again}"


def describe_size_limit() -> str:
    """A remark on the largest file that this process may write, empty if there is no limit."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limits
        return ""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit == resource.RLIM_INFINITY:
        return ""
    return f"; files of this process are limited to {limit} bytes (ulimit -f)"


def remove_begun_run(folder: Path) -> None:
    """Remove the files of a run that has no cells; what somebody else has put there is kept."""
    for name in ("results.sqlite", "results.sqlite-journal", "run.json", RUN_LOCK):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # it holds something else
        folder.rmdir()

"""Opening of results for reading: of a run in progress or killed, in a read-only folder."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from moclink.file_locks import find_file_problem
from moclink.results.run_parameters import RunFolderError


def open_store(folder: str | Path) -> sqlite3.Connection:
    """A connection to the results of a run folder, which writes nothing.

    Raises:
        RunFolderError: If the folder holds no results, or they cannot be read.
    """
    if not str(folder):
        raise RunFolderError("the name of a run folder is empty; give . for the one you are in")
    path = Path(folder) / "results.sqlite"
    if not os.path.isfile(path):  # not is_file, which fails for a name too long
        what = "is a file" if os.path.isfile(folder) else "holds no results.sqlite"
        raise RunFolderError(f"{folder} {what}; name the folder of a run")
    try:
        # A file beside it, which nobody locks, tells whether there are locks to wait for.
        locks = "" if not find_file_problem(path.with_name("run.json")) else "&nolock=1"
        uri = f"{path.resolve().as_uri()}?mode=ro{locks}"
        try:
            return _checked(sqlite3.connect(uri, uri=True, timeout=30))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (
                sqlite3.SQLITE_READONLY,
                sqlite3.SQLITE_CANTOPEN,
            ):
                raise
            return _checked(_rolled_back(path))
    except sqlite3.Error as error:
        raise RunFolderError(f"{path} cannot be read as results of moclink ({error})") from error


def _checked(base: sqlite3.Connection) -> sqlite3.Connection:
    """The connection, if the tables are there and can be read."""
    try:
        for name in ("cells", "parameters", "pictures", "rate_fits"):
            base.execute(f"SELECT count(*) FROM {name}")
    except sqlite3.Error:
        base.close()
        raise
    return base


def _rolled_back(path: Path) -> sqlite3.Connection:
    """A copy in memory of what cannot be read in its place, as the run folder may be read-only.

    A process was killed while it was writing, or another program has set a write-ahead log.
    """
    memory = sqlite3.connect(":memory:")
    with tempfile.TemporaryDirectory() as place:
        for part in path.parent.glob(f"{path.name}*"):  # with a journal or a log
            shutil.copyfile(part, Path(place) / part.name)
        with closing(sqlite3.connect(Path(place) / path.name)) as copy:
            copy.backup(memory)
    return memory

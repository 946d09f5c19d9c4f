"""Locks on folders, and whether a file system has any: some network file systems have none.

A folder is locked by an empty database in it. The lock is the operating system's and ends with the
process, however that ends. SQLite takes missing locks for those of another process and waits.
"""

from __future__ import annotations

import errno
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

ABSENT = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
RUN_LOCK = ".lock.sqlite"  # the file by which a run folder is locked
TRAINING_LOCK = ".training-lock.sqlite"  # another: a folder of a training is no run folder
TILES_LOCK = (
    ".tiles-lock.sqlite"  # of tiles that are being made, in the folder of a training or not
)


class FolderLockError(ValueError):
    """A folder cannot be locked; the message names it and the remedy."""


def lock_folder(folder: Path, name: str = RUN_LOCK, option: str = "--out") -> sqlite3.Connection:
    """Lock a folder that is there, until the connection is closed or the process ends.

    Args:
        folder: The folder.
        name: The file in it that is locked.
        option: What it was given to, for the message.

    Raises:
        FolderLockError: If another process uses the folder, or its file system has no locks.
        OSError, sqlite3.Error: If nothing can be written there.
    """
    if problem := find_folder_problem(folder):
        raise FolderLockError(
            f"the file system of {folder} has no file locks ({problem}), which keep two processes "
            f"from writing to one folder; choose an {option} on a local disk"
        )
    (folder / name).touch()  # made by the umask
    lock = sqlite3.connect(folder / name, timeout=0.2, isolation_level=None)
    try:
        lock.execute("PRAGMA journal_mode = OFF")  # nothing is written; a kill would leave a file
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        if "locked" not in str(error):
            raise
        raise FolderLockError(
            f"{folder} is in use by another process; wait for it or choose another {option}"
        ) from error
    return lock


@contextmanager
def hold_folder(folder: Path, option: str = "--out", name: str = TRAINING_LOCK) -> Iterator[None]:
    """Make a folder that a training writes to, and keep other trainings out of it.

    If what is done there fails, the lock file and the folders that were made here are removed, unless
    they hold something.

    Args:
        folder: The folder.
        option: What it was given to, for the message.
        name: The file in it that is locked.

    Raises:
        FolderLockError: If it cannot be held.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        new_lock = not (folder / name).exists()
        with closing(_make_and_lock(folder, option, name)):
            try:
                yield
            except BaseException:
                if new_lock:
                    with suppress(OSError):
                        (folder / name).unlink()
                raise
    except BaseException:
        with suppress(OSError):  # one holds something
            for each in made:
                each.rmdir()
        raise


def _make_and_lock(folder: Path, option: str, name: str) -> sqlite3.Connection:
    """`lock_folder` of a folder that is made if it is missing; what goes wrong names the remedy."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return lock_folder(folder, name, option)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise FolderLockError(
            f"cannot write to {folder} ({reason}); choose another {option}"
        ) from error


def find_folder_problem(folder: Path) -> str:
    """Why files that are made in a folder cannot be locked, or an empty string.

    Raises:
        OSError: If no file can be made there.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        return _problem(file.fileno(), exclusive=True)


def find_file_problem(path: Path) -> str:
    """Why a file that is there cannot be locked for reading, or an empty string.

    The file must be none that this process has locked: closing it would end the lock.
    """
    try:
        with path.open("rb") as file:
            return _problem(file.fileno(), exclusive=False)
    except OSError:
        return ""


def _problem(file: int, exclusive: bool) -> str:
    try:
        import fcntl
    except ImportError:  # Windows, where all file systems have locks
        return ""
    try:
        fcntl.lockf(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        return (error.strerror or str(error)) if error.errno in ABSENT else ""
    return ""

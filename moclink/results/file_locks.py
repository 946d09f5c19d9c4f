"""Whether a file system has the locks that SQLite needs: some network file systems have none.

SQLite takes their absence for a lock of another process, and waits for it.
"""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

ABSENT = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


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

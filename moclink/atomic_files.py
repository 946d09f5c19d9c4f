"""Atomic writing of files: a full disk or a kill leaves no partial file."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give the path of a file beside `path` to write to, and put it in the place of `path`.

    Its name is new every time: several processes may write the same file, of which the last stays.

    Raises:
        OSError: If it cannot be written; what was there before is kept, what was begun is removed.

    Example:
        >>> with atomic_write("results.csv") as part:
        ...     part.write_text("1,2")
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        os.replace(part, path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        # A full disk names no file; an error of words alone would lose them.
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = str(path)
        raise

"""`numba.njit` for this package, with an on-disk cache where one can be written.

Numba alone ends with a traceback where it finds no folder to write to (a read-only installation and
an unwritable home, as in many containers), or where a file of its cache is damaged. Here a folder
for temporary files comes next, then no cache at all, each reported once; a damaged file is rewritten.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

PACKAGE = Path(__file__).parent


def compiled(**options: Any) -> Callable[[Callable], Any]:
    """Decorate a function as `numba.njit(**options)` does, and keep its compiled code on disk."""

    def decorate(function: Callable) -> Any:
        dispatcher = _njit(function, options)
        kept = None if _disabled() else _cache(function)
        if kept is not None:
            dispatcher._cache = kept  # what its enable_caching() sets
        return dispatcher

    return decorate


def inlined(function: Callable) -> Any:
    """Decorate a function that is compiled into those that call it."""
    return _njit(function, {"inline": "always"})


def check_compiler() -> None:
    """Say now, and not in a worker or in mid-run, what is wrong with compiler and cache.

    Raises:
        ValueError: If NUMBA_DISABLE_JIT is set: vector code has no form in Python.
    """
    if _disabled():
        raise ValueError(
            "NUMBA_DISABLE_JIT is set, and demappers and decoders have no form that is not "
            "compiled; unset it"
        )
    _cache(inlined)


def _disabled() -> bool:
    return bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]


def _njit(function: Callable, options: dict[str, Any]) -> Any:
    """`numba.njit`; where compilation is disabled, a function that says so when it is called."""
    return numba.njit(**options)(function) if not _disabled() else lambda *_: check_compiler()


@cache
def sources_digest(folder: Path) -> str:
    """SHA-256 of all modules below a folder that compile functions.

    Numba keeps compiled code as long as the function's own file is the same. A function that it
    calls may be in another one, whose old code would go on being used.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        source = path.read_bytes()
        if b"numba_cache" in source:
            digest.update(source)
    return digest.hexdigest()


class _Cache(FunctionCache):
    """Numba's cache, whose faults cost time and nothing else."""

    def __init__(self, function: Callable) -> None:
        super().__init__(function)
        self._cache_file = IndexDataCacheFile(
            cache_path=self.cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=(self._impl.locator.get_source_stamp(), sources_digest(PACKAGE)),
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a damaged file may raise anything when it is unpickled
            self._guarded(self.flush)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        self._guarded(lambda: super(_Cache, self).save_overload(sig, data))

    def _guarded(self, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception as error:  # a full disk, a folder that has become read-only
            self.disable()
            _say(f"compiled code cannot be kept in {self.cache_path} ({error})")


def _cache(function: Callable) -> FunctionCache | None:
    """Numba's cache, one in a folder for temporary files, or None."""
    try:
        return _Cache(function)
    except RuntimeError:  # no folder that can be written to
        pass
    folder = _fallback_folder()
    if folder is None:
        _say("no folder for compiled code can be written to: it is compiled in every process")
        return None
    _say(f"compiled code is kept in {folder}; NUMBA_CACHE_DIR names another folder")
    # Processes that are started from here use it too, and need not say so again.
    os.environ["NUMBA_CACHE_DIR"] = numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    try:
        return _Cache(function)
    except RuntimeError:
        return None


def _fallback_folder() -> Path | None:
    """A folder of this user's alone among the temporary files, or None if there can be none.

    Compiled code is read back as a pickle: what another user could have written is not read.
    """
    user = os.getuid() if hasattr(os, "getuid") else 0
    try:
        folder = Path(tempfile.gettempdir()) / f"moclink-numba-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        own = not hasattr(os, "getuid") or found.st_uid == user
        if not (stat.S_ISDIR(found.st_mode) and own and os.access(folder, os.W_OK)):
            return None
        return folder
    except OSError:  # no folder for temporary files, or one that is read-only
        return None


def _say(line: str) -> None:
    """Say a line on standard error, once in this process and those started from it."""
    if os.environ.get("MOCLINK_CACHE_NOTE") != line:
        os.environ["MOCLINK_CACHE_NOTE"] = line
        print(f"moclink: {line}", file=sys.stderr)

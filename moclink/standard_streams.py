"""Standard streams that are closed, full or not read to their end: no command ends in a traceback."""

from __future__ import annotations

import errno
import functools
import importlib.util
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

C = TypeVar("C", bound=Callable[..., int])
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def command(main: C) -> C:
    """Decorate the `main` of a command line.

    Closed streams are opened on the null device. Else the next file that is opened, such as the
    results of a run, takes the number of standard error, and libraries write their notes into it. A
    reader that stops reading, such as `| head`, has what it wants: the status is 0. Where the disk is full,
    one line says so and the status is 1. So it is for a package that is missing or damaged: status 2.
    """

    @functools.wraps(main)
    def run(*arguments: Any, **options: Any) -> int:
        open_closed_streams()
        try:
            try:
                status = main(*arguments, **options)
            except SystemExit:  # --help, or a wrong option
                _flush_output()
                raise
            _flush_output()
            return status
        except ImportError as error:
            return _missing(error)
        except AttributeError as error:
            if not isinstance(error.obj, ModuleType) or not _own_file(error):
                raise
            return _missing(error)
        except BrokenPipeError:
            _on_null_device(1, 2)
            return 0
        except OSError as error:
            if error.errno == errno.EIO:  # the terminal is gone
                _on_null_device(1, 2)
                return 1
            if error.errno not in FULL:
                raise
            return _full(error)

    return cast(C, run)


def _flush_output() -> None:
    """Write what was printed and not yet written."""
    sys.stdout.flush()
    sys.stderr.flush()


def _package(error: ImportError | AttributeError) -> str:
    """The package that cannot be loaded, or that lacks what it should have."""
    name = error.name if isinstance(error, ImportError) else getattr(error.obj, "__name__", "")
    return (name or "").partition(".")[0]


def _missing(error: ImportError | AttributeError) -> int:
    """Say that a package cannot be loaded, and return the exit status."""
    name = _package(error)
    what = f"the package {name}" if name else "a package"
    reason = " ".join(str(error).split())
    if file := _own_file(error):
        remedy = f"{file} is taken for it: rename that, or start from another folder"
    else:
        remedy = (
            "install it (again): "
            f"pip install --force-reinstall {name or 'the package that it belongs to'}"
        )
    print(f"moclink: {what} cannot be loaded ({reason}); {remedy}", file=sys.stderr)
    return 2


def _own_file(error: ImportError | AttributeError) -> str:
    """The file or folder of the user's, where the program was started, that has a package's name."""
    path = getattr(error, "path", None)
    if not path and (name := _package(error)):  # "'scipy' is not a package" names no file
        with suppress(ImportError, ValueError, AttributeError):
            path = getattr(importlib.util.find_spec(name), "origin", None)
    if not path or not os.path.isdir(os.curdir):  # which may be deleted
        return ""
    found = Path(path).absolute()
    found = found.parent if found.name == "__init__.py" else found
    started = [Path(place).absolute() for place in ("", *sys.path[:1])]
    return str(found) if found.parent in started and found.name != "moclink" else ""


def _full(error: OSError) -> int:
    """Say that a disk is full, and return the exit status."""
    _on_null_device(1)
    with suppress(OSError):
        print(f"moclink: cannot write the output ({error.strerror})", file=sys.stderr)
    return 1


def _on_null_device(*streams: int) -> None:
    """Throw away what is still printed, at the end of the process too."""
    for stream in streams:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def open_closed_streams() -> None:
    """Open the null device as each standard stream that is closed.

    Characters that a terminal or a log in ASCII has not are written with escapes.
    """
    for number, mode in ((0, "r"), (1, "w"), (2, "w")):
        try:
            os.fstat(number)
        except OSError:
            found = os.open(os.devnull, os.O_RDWR)
            if found != number:
                os.dup2(found, number)
                os.close(found)
            os.set_inheritable(number, True)  # the lowest number is free: this one, or one below
        name = ("stdin", "stdout", "stderr")[number]
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
        if mode == "w" and isinstance(getattr(sys, name), io.TextIOWrapper):
            getattr(sys, name).reconfigure(errors="backslashreplace")

"""User-defined objects, given as `module:name` or `path/to/file.py:name`."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib
import importlib.util
import os
import sys
import sysconfig
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

_PREFIX = "moclink_user_"  # of the names of modules that are made of files


def check_place(path: str, what: str) -> None:
    """Check that module or file exist, without importing them.

    Args:
        path: `module:name` or `path/to/file.py:name`.
        what: What is named, such as "channel", for the message.

    Raises:
        ValueError: If they do not.
    """
    module, _, name = path.rpartition(":")
    if not (module and name.isidentifier()):
        raise ValueError(f"{what} {path!r}: module:name or path/to/file.py:name is wanted")
    if module.endswith(".py"):
        if not _file(module).is_file():
            raise ValueError(f"{what} {path}: there is no file {module}")
        return
    top = module.split(".")[0]
    try:
        exists = top in sys.modules or importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        exists = False
    if not exists:
        raise ValueError(
            f"{what} {path}: there is no module {top} on the Python path; a file is named "
            "path/to/file.py:name"
        )


def find_object(path: str, what: str) -> Any:
    """Import the object of a path; arguments as of `check_place`.

    Raises:
        ValueError: If the module cannot be imported or has no such name, with the nearest.
    """
    place, _, name = path.rpartition(":")
    try:
        module = _load(_file(place)) if place.endswith(".py") else importlib.import_module(place)
    except (Exception, SystemExit) as error:  # whatever goes wrong in somebody else's module
        ends = isinstance(error, SystemExit)
        remedy = '; put what is a program\'s under if __name__ == "__main__"' if ends else ""
        raise ValueError(
            f"{what} {path}: {place} cannot be imported: {describe_error(error)}{remedy}"
        ) from error
    if not hasattr(module, name):
        near = difflib.get_close_matches(name.lower(), dir(module), 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"{what} {path}: {place} has no {name}{hint}")
    return getattr(module, name)


def source_digest(path: str) -> str:
    """SHA-256 of the file that a path names, or of the module's file; empty if there is no one file."""
    place = path.rpartition(":")[0]
    if place.endswith(".py"):
        file = _file(place)
    else:
        try:
            spec = importlib.util.find_spec(place)
        except Exception:  # whatever goes wrong in somebody else's package; importing it will tell
            return ""
        if spec is None or not spec.has_location or spec.origin is None:
            return ""
        file = Path(spec.origin)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def _file(place: str) -> Path:
    """The file that is named, `~` being the user's home folder."""
    return Path(os.path.expanduser(place))


def _load(path: Path) -> ModuleType:
    """Import a file as a module of its own, once in a process."""
    where = path.resolve()
    name = f"{_PREFIX}{where.stem}_{hashlib.sha256(str(where).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, where)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    _refuse_other_helpers(where)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look it up there
    # What it imports from beside it is found first, as if it were run as a program; later, last.
    folder = str(where.parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
    if folder not in sys.path:
        sys.path.append(folder)
    return module


def _refuse_other_helpers(file: Path) -> None:
    """Raise if a module beside a file has the name of one beside another file that was imported.

    A process has one module of a name: the file would be given the other one's.
    """
    others = {
        Path(str(module.__file__)).parent
        for name, module in list(sys.modules.items())
        if name.startswith(_PREFIX) and getattr(module, "__file__", None)
    } - {file.parent}
    for name, module in list(sys.modules.items()):
        place = getattr(module, "__file__", None)
        if "." in name or not place:
            continue
        beside = (
            Path(place).parent.parent if Path(place).name == "__init__.py" else Path(place).parent
        )
        here = (file.parent / f"{name}.py", file.parent / name / "__init__.py")
        if beside in others and any(each.is_file() for each in here):
            raise ImportError(
                f"{beside} and {file.parent} both have a module {name}, and a process can hold one; "
                "rename one, or run one of the codecs by exec: (docs/own-codec.md)"
            )


def describe_error(error: BaseException) -> str:
    """An error of user code in one line: its type, first line, and where it was raised.

    Where is the innermost line that is neither of this package nor of an installed one. A
    ValueError without such a line is of this package, whose messages stand for themselves.
    """
    first = (str(error).strip().splitlines() or [""])[0]
    package = str(Path(__file__).resolve().parent)
    libraries = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib"))
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((package, "<frozen", *libraries))
        and "site-packages" not in frame.filename
    ]
    if not own and isinstance(error, ValueError):
        return first
    text = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return f"{text} ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else text

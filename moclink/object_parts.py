"""What tells an object of the user's from another one of the same name: its source, arguments, weights.

A run folder keeps this of the codecs and channels that are objects, so that results of two of them
are not mixed. Nothing is pickled: a pickle changes from one process to the next where the object
has not, and a notebook's cell has another file name each time.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import PurePath
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

DEEPEST = 6  # objects within objects that are looked into
Objects = Mapping[str, Mapping[str, str]]  # what -> {part: SHA-256}
_PLAIN = (bool, int, float, complex, str, bytes, Fraction, PurePath, np.generic)


def object_parts(given: Any) -> dict[str, str]:
    """{part: SHA-256} of all that is known of an object, class or function.

    Parts are attributes, arguments of a `functools.partial`, values in a closure, and the module's
    constants and functions that its code names, each as far as it consists of numbers, text,
    arrays, weights of Keras or PyTorch, source code, and containers or objects of these. What is
    none of them (open files, generators of random numbers) is left out. If an object has an
    attribute `version`, that alone says which it is, beside its source.
    """
    seen = {id(given)}
    return {
        name: digest
        for name, value in _parts(given, seen)
        if (digest := _digest(value, seen, 0)) is not None
    }


def equal_parts(before: Objects, after: Objects) -> dict[str, dict[str, str]]:
    """Objects of `before` without the parts that differ in `after`: what they change as they work."""
    return {
        what: {
            name: digest
            for name, digest in parts.items()
            if after.get(what, parts).get(name) == digest
        }
        for what, parts in before.items()
    }


def changed_part(before: Objects, after: Objects) -> tuple[str, str] | None:
    """(object, part) of the first part that is known in both and differs; None if there is none."""
    for what, parts in before.items():
        for name, digest in parts.items():
            if after.get(what, {}).get(name, digest) != digest:
                return what, name
    return None


def _parts(given: Any, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """(name, value) of the parts of an object."""
    if isinstance(given, functools.partial):
        yield from _parts(given.func, seen)
        yield "arguments", (given.args, given.keywords)
    elif isinstance(given, MethodType):
        yield from _parts(given.__func__, seen)
        yield from _parts(given.__self__, seen)
    elif isinstance(given, FunctionType):
        yield "source", _source(given)
        yield "defaults", (given.__defaults__, given.__kwdefaults__)
        yield from _names_used(given)
    elif isinstance(given, type):
        yield "source", _source(given)
        for function in vars(given).values():
            if isinstance(function, FunctionType):
                yield from _names_used(function)
    else:
        yield from _parts(type(given), seen)
        if isinstance(version := getattr(given, "version", None), str | int | float):
            yield "version", version
        else:
            yield from _state(given)


def _names_used(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function takes from the functions around it and from its module, by name."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not filled yet
            continue
    for name in sorted(_global_names(function.__code__)):
        value = function.__globals__.get(name)
        near = isinstance(value, FunctionType | type) and value.__module__ == function.__module__
        if not name.startswith("__") and (near or isinstance(value, (*_PLAIN, np.ndarray))):
            yield name, value


def _global_names(code: CodeType) -> set[str]:
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*map(_global_names, inner))


def _state(value: Any) -> Iterator[tuple[str, Any]]:
    """(name, value) of the attributes of an object; of Keras and PyTorch models the weights."""
    if callable(weights := getattr(value, "get_weights", None)):
        yield "weights", _called(weights)
        config = _called(getattr(value, "get_config", dict))
        # Keras numbers the names of layers that are made again.
        yield "config", {k: v for k, v in (config or {}).items() if k != "name"}
        return
    its_own: set[str] = set()
    if callable(weights := getattr(value, "state_dict", None)):
        yield "weights", _called(weights)
        its_own = _names_of_torch()
        yield from (getattr(value, "_modules", None) or {}).items()
    for name, attribute in (getattr(value, "__dict__", None) or {}).items():
        if name not in its_own:
            yield name, attribute
    for name in getattr(type(value), "__slots__", ()):
        if isinstance(name, str) and name != "__dict__" and hasattr(value, name):
            yield name, getattr(value, name)


def _names_of_torch() -> set[str]:
    """Private attributes that every module of PyTorch has; with Sionna 2 blocks are modules too."""
    torch = sys.modules.get("torch")
    return {name for name in vars(torch.nn.Module()) if name[0] == "_"} if torch else set()


def _called(method: Callable[[], Any]) -> Any:
    try:
        return method()
    except Exception:  # whatever goes wrong in somebody else's code: then it is not known
        return None


def _source(found: Any) -> str | None:
    """Source of a class or function; of what was typed in its code."""
    if found.__module__ == "builtins":
        return None
    try:
        return inspect.getsource(found)
    except (OSError, TypeError):
        codes = [found] if isinstance(found, FunctionType) else vars(found).values()
        return "".join(_code_text(f.__code__) for f in codes if isinstance(f, FunctionType)) or None


def _code_text(code: CodeType) -> str:
    constants = [
        _code_text(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _digest(value: Any, seen: set[int], depth: int) -> str | None:
    """SHA-256 of a value as far as it is known; None if nothing of it is."""
    if value is None or depth > DEEPEST:
        return None
    if isinstance(value, _PLAIN):
        return _hash(type(value).__name__, repr(value))
    if isinstance(value, Mapping):
        items = [
            (_digest(k, seen, depth + 1), _digest(v, seen, depth + 1)) for k, v in value.items()
        ]
        return _joined(sorted(f"{k} {v}" for k, v in items if v is not None))
    if isinstance(value, list | tuple):
        return _joined([d for each in value if (d := _digest(each, seen, depth + 1)) is not None])
    if isinstance(value, set | frozenset):
        return _joined(sorted(d for e in value if (d := _digest(e, seen, depth + 1)) is not None))
    if hasattr(value, "__array__"):
        return _array_digest(value)
    if isinstance(value, type) or type(value).__module__ != "builtins" or callable(value):
        if id(value) in seen:  # looked at, or an object that leads back to itself
            return None
        seen.add(id(value))
        parts = ((name, _digest(each, seen, depth + 1)) for name, each in _parts(value, seen))
        return _joined(sorted(f"{name} {digest}" for name, digest in parts if digest is not None))
    return None


def _array_digest(value: Any) -> str | None:
    """SHA-256 of an array or tensor of whatever library."""
    try:
        # A tensor of PyTorch may want a gradient or lie on a GPU.
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except Exception:  # of a symbolic tensor, say
        return None
    if array.dtype.hasobject:
        return None
    return _hash(str(array.dtype), str(array.shape), np.ascontiguousarray(array).tobytes())


def _joined(digests: list[str]) -> str | None:
    return _hash(*digests) if digests else None


def _hash(*parts: str | bytes) -> str:
    state = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()

"""A channel block found by its import path or file, made with given arguments."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.phy.channel_spec import nearest
from moclink.phy.noise import ChannelOutput, Key


@dataclass(frozen=True)
class UserBlock:
    """A block, layer, function or class in a module.

    Attributes:
        path: `module:name` or `path/to/file.py:name`.
        found: The object, if it was given and need not be looked for.
    """

    path: str
    found: Any = None

    @classmethod
    def given(cls, block: Any) -> UserBlock:
        """A block that is at hand.

        Raises:
            ValueError: If it cannot be called.
        """
        if not callable(block):
            raise ValueError(
                f"channel {block!r}: a name, a Sionna block, a Keras layer or a function (x, no) is wanted"
            )
        return cls(getattr(block, "__name__", type(block).__name__), block)

    def check_place(self) -> None:
        """Check that module or file exist, without importing them.

        Raises:
            ValueError: If they do not.
        """
        module, _, name = self.path.rpartition(":")
        if not (module and name.isidentifier()):
            raise ValueError(
                f"channel {self.path!r}: module:name or path/to/file.py:name is wanted"
            )
        if module.endswith(".py"):
            if not Path(module).is_file():
                raise ValueError(f"channel {self.path}: there is no file {module}")
            return
        top = module.split(".")[0]
        try:
            exists = top in sys.modules or importlib.util.find_spec(top) is not None
        except (ImportError, ValueError):
            exists = False
        if not exists:
            raise ValueError(
                f"channel {self.path}: there is no module {top} on the Python path; a file is named "
                "path/to/file.py:name"
            )

    def find(self) -> Any:
        """Import the object.

        Raises:
            ValueError: If the module cannot be imported or has no such name, with the nearest.
        """
        if self.found is not None:
            return self.found
        place, _, name = self.path.rpartition(":")
        try:
            module = _load(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        except Exception as error:  # whatever goes wrong in somebody else's module
            raise ValueError(
                f"channel {self.path}: {place} cannot be imported: {described(error)}"
            ) from error
        if not hasattr(module, name):
            raise ValueError(
                f"channel {self.path}: {place} has no {name}{nearest(name, dir(module))}"
            )
        return getattr(module, name)

    def model(
        self, arguments: Mapping[str, Any], check: bool = True, **reading: Any
    ) -> Callable[..., Any]:
        """Make the channel's model.

        A class is made with the arguments; a function gets them in each call. A function with a
        parameter `keys` is called as f(symbols, no, keys) and returns a `ChannelOutput`; all else
        is called as block(x, no) and adapted, see `BlockChannel`.

        Args:
            arguments: Of the class or function.
            check: Whether the block is somebody else's.
            **reading: `returns` and `vectors` of `BlockChannel`.

        Raises:
            ValueError: If the object takes no such arguments, or making it fails.
        """
        found = self.find()
        if not callable(found):
            raise ValueError(
                f"channel {self.path}: {found!r} is no block, layer, function or class of one"
            )
        if isinstance(found, type):
            self._check_arguments(found, arguments)
            try:
                found = found(**arguments)
            except Exception as error:  # whatever goes wrong in somebody else's constructor
                raise ValueError(f"channel {self.path}: {described(error)}") from error
            if not callable(found):
                raise ValueError(
                    f"channel {self.path}: an object of it cannot be called as block(x, no)"
                )
        elif arguments:
            if not inspect.isroutine(found):
                raise ValueError(
                    f"channel {self.path} is a made {type(found).__name__}, which takes no parameters: "
                    f"{', '.join(arguments)}"
                )
            self._check_arguments(found, arguments)
            found = functools.partial(found, **arguments)
        if (
            inspect.isroutine(getattr(found, "func", found))
            and "keys" in inspect.signature(found).parameters
        ):
            return functools.partial(_keyed, self.path, found)
        from moclink.phy.adapter import BlockChannel

        return BlockChannel(found, self.path, check=check, **reading)

    def _check_arguments(self, target: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        """Raise if a keyword does not exist; the message lists those that do."""
        try:
            parameters = inspect.signature(target).parameters.values()
        except (TypeError, ValueError):  # built-in code without a signature
            return
        # What **kwargs takes is not known; Sionna's ends in `object`, whose message does not help.
        named = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        names = [
            name
            for name in named
            if isinstance(target, type) or name not in ("x", "no", "symbols", "keys")
        ]
        for name in arguments:
            if name not in names:
                raise ValueError(
                    f"channel {self.path} has no parameter {name!r}{nearest(name, names)}; "
                    f"there are: {', '.join(names) or 'none'}"
                )


def _keyed(
    path: str,
    function: Callable[..., ChannelOutput],
    symbols: NDArray[np.complex64],
    no: NDArray[np.float32],
    keys: Sequence[Key],
) -> ChannelOutput:
    """Call somebody's function (symbols, no, keys) and check what it returns."""
    try:
        output = function(symbols, no, keys)
    except Exception as error:  # whatever goes wrong in somebody else's code
        raise ValueError(f"channel {path}: {described(error)}") from error
    if not isinstance(output, ChannelOutput):
        raise ValueError(
            f"channel {path}: it returned {type(output).__name__}; a ChannelOutput is wanted"
        )
    received, variances = np.asarray(output.received), np.asarray(output.no)
    shape = (len(keys), symbols.shape[1])
    if received.shape != shape or variances.shape not in (shape, shape[:1]):
        raise ValueError(
            f"channel {path}: it returned received {list(received.shape)} and no {list(variances.shape)}; "
            f"{list(shape)} and [{shape[0]}] or {list(shape)} are wanted"
        )
    if not (np.isfinite(received).all() and np.isfinite(variances).all() and (variances > 0).all()):
        raise ValueError(
            f"channel {path}: it returned symbols that are not finite, or noise variances that are not "
            "positive and finite"
        )
    return ChannelOutput(received.astype(np.complex64), variances.astype(np.float32))


def _load(path: Path) -> ModuleType:
    """Import a file as a module of its own, once in a process."""
    where = path.resolve()
    name = f"moclink_user_{where.stem}_{hashlib.sha256(str(where).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, where)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look it up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def described(error: BaseException) -> str:
    """An error of somebody else's code in one line: its type, first line, and where it was raised.

    Where is the innermost line that is neither of this package nor of an installed one. A
    ValueError without such a line is of this package, whose messages stand for themselves.
    """
    first = (str(error).strip().splitlines() or [""])[0]
    package = str(Path(__file__).resolve().parents[1])
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

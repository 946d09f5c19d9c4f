"""A user-defined channel block, found by its import path or file and made with given arguments."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.import_path import check_place, describe_error, find_object
from moclink.phy.channel_spec import nearest, with_switches
from moclink.phy.noise import ChannelOutput, Key

# Names by which a second parameter is plainly no noise variance.
NOT_A_VARIANCE = re.compile(
    r"(snr|esno|ebno|eb_no|es_no)(_?db)?|sigma|std|noise_std", re.IGNORECASE
)


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
    def from_object(cls, block: Any) -> UserBlock:
        """A block that is there and need not be imported.

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
        check_place(self.path, "channel")

    def find(self) -> Any:
        """Import the object.

        Raises:
            ValueError: If the module cannot be imported or has no such name, with the nearest.
        """
        if self.found is not None:
            return self.found
        return find_object(self.path, "channel")

    def model(
        self, arguments: Mapping[str, Any], check: bool = True, **reading: Any
    ) -> Callable[..., Any]:
        """Make the channel's model.

        A class is made with the arguments; a function gets them in each call. A function with a
        parameter `keys` is called as f(symbols, no, keys) and returns a `ChannelOutput`; all else
        is called as block(x, no) and adapted, see `BlockChannel`.

        Args:
            arguments: Of the class or function.
            check: Whether the block is user-defined, so that randomness is checked.
            **reading: `returns` and `vectors` of `BlockChannel`.

        Raises:
            ValueError: If the object takes no such arguments, or making it fails.
        """
        found = self.find()
        if not callable(found):
            raise ValueError(
                f"channel {self.path}: {found!r} is no block, layer, function or class of one"
            )
        try:
            arguments = with_switches(arguments, found)
        except ValueError as error:
            raise ValueError(f"channel {self.path}: {error}") from None
        if isinstance(found, type):
            self._check_arguments(found, arguments)
            try:
                found = found(**arguments)
            except (Exception, SystemExit) as error:  # whatever goes wrong in somebody else's
                raise ValueError(f"channel {self.path}: {describe_error(error)}") from error
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
        from moclink.phy.block_channel import BlockChannel

        if problem := _call_problem(found) or _vectors_problem(found, reading.get("vectors", 0)):
            raise ValueError(f"channel {self.path}: {problem}")
        return BlockChannel(found, self.path, check=check, **reading)

    def _check_arguments(self, target: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        """Raise if a keyword does not exist; the message lists those that do."""
        try:
            parameters = list(inspect.signature(target).parameters.values())
        except (TypeError, ValueError):  # built-in code without a signature
            return
        # What **kwargs takes is not known; Sionna's ends in `object`, whose message does not help.
        takes_all = inspect.isroutine(target) and any(p.kind is p.VAR_KEYWORD for p in parameters)
        named = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        names = [
            name
            for name in named
            if isinstance(target, type) or name not in ("x", "no", "symbols", "keys")
        ]
        for name in arguments:
            if name not in names and not takes_all:
                raise ValueError(
                    f"channel {self.path} has no parameter {name!r}{nearest(name, names)}; "
                    f"there are: {', '.join(names) or 'none'}"
                )


def _call_problem(found: Any) -> str:
    """Why an object cannot be called as block(x, no), or would take no for something else; else empty."""
    kinds = {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(found).__mro__}
    if "sionna.ChannelModel" in kinds:
        return (
            f"{type(found).__name__} gives impulse responses, not received symbols; take a name such "
            "as tdl-a or rayleigh, or write a function (x, no) that applies them"
        )
    keras = "keras.Layer" in kinds
    names = _positional(found.call if keras else getattr(found, "func", found))
    if names is None:
        return ""
    if keras and takes_one_input(found):
        return (
            f"{type(found).__name__} takes one input, and a channel is called as layer(x, no) on "
            "complex symbols; write a layer or function that takes both"
        )
    if len(names) > 1 and names[0] == "no":
        return f"its first parameter is called no, but blocks are called (x, no): exchange no and {names[1]}"
    if len(names) > 1 and NOT_A_VARIANCE.fullmatch(names[1]):
        return (
            f"its second parameter is called {names[1]}, but what it is given is the noise variance "
            "no = 10 ** (-snr_db / 10); compute with that, and call it no"
        )
    return ""


def _vectors_problem(found: Any, vectors: int) -> str:
    """Why Sionna's channel of vectors cannot be used as it is given; else empty."""
    kinds = {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(found).__mro__}
    gains, sent = getattr(found, "_return_channel", True), getattr(found, "_num_tx_ant", vectors)
    if "sionna.FlatFadingChannel" not in kinds or (vectors and vectors == sent and gains):
        return ""
    return (
        "it takes vectors of symbols, and receivers need its gains; name it as "
        "sionna.phy.channel:FlatFadingChannel?num_tx_ant=2&num_rx_ant=2&return_channel=true&vectors=2, "
        "where vectors is num_tx_ant"
    )


def takes_one_input(layer: Any) -> bool:
    """Whether a Keras layer can be called on one input alone."""
    names = _positional(layer.call)
    return names is not None and "*" not in names and len(set(names) - {"training", "mask"}) < 2


def _positional(function: Callable[..., Any]) -> list[str] | None:
    """Names of a function's positional parameters, "*" for further ones; None if it does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (AttributeError, TypeError, ValueError):  # built-in or compiled code without a signature
        return None
    given = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    further = ["*"] if any(p.kind is p.VAR_POSITIONAL for p in parameters) else []
    return [p.name for p in parameters if p.kind in given] + further


def _keyed(
    path: str,
    function: Callable[..., ChannelOutput],
    symbols: NDArray[np.complex64],
    no: NDArray[np.float32],
    keys: Sequence[Key],
) -> ChannelOutput:
    """Call a user-defined function (symbols, no, keys) and check what it returns."""
    try:
        output = function(symbols.copy(), no.copy(), keys)  # it may compute in place
    except (Exception, SystemExit) as error:  # whatever goes wrong in somebody else's code
        raise ValueError(f"channel {path}: {describe_error(error)}") from error
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

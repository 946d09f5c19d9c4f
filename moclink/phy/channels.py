"""Channels between modulator and demodulator, by name: `awgn`, `rayleigh?coherence=108`, `tdl-c?csi=ls`.

A channel takes the symbols of one transmission and a batch of noise variances, one for each
realisation, and returns *equalised* symbols with their effective noise variance, so that every
modem works on every channel. docs/channels.md says what each is and how to bring your own.

Randomness: each realisation depends on its key alone, which in a sweep is (seed, SNR, image,
trial). So each SNR has noise and gains of its own, and a curve over fading with few trials is not
monotone. The parameter `common=1` of every channel leaves the SNR (the floating-point part of a
key) out: then all SNRs of a cell get the same gains and the same noise, scaled (common random
numbers), and curves are smooth but their points are not independent.

SNR is Es/N0 of a data symbol, E|x|^2 = 1, averaged over the fading. Pilots and cyclic prefix are
counted neither in the SNR nor as symbols; `Channel.overhead` says what they take.

TensorFlow and Sionna are loaded when a channel that needs them is first used or built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.phy import channel_spec
from moclink.phy.channel_spec import Parameter
from moclink.phy.channel_table import CHANNELS, COMMON, OWN, ChannelKind, Model, Overhead
from moclink.phy.noise import (
    ChannelOutput,
    Key,
    awgn,
    complex_normal,
    noise_variance,
    rayleigh,
    stream,
    without_snr,
)
from moclink.phy.precision import single_precision
from moclink.phy.user_block import UserBlock

__all__ = [
    "CHANNELS",
    "Channel",
    "ChannelKind",
    "ChannelOutput",
    "Key",
    "Overhead",
    "awgn",
    "complex_normal",
    "describe_channels",
    "get_channel",
    "noise_variance",
    "rayleigh",
    "stream",
]


class Channel:
    """A channel, called as channel(symbols, no, keys); made by `get_channel`.

    Attributes:
        spec: The specification it was made from.
        coherence: Symbols in a row whose gains depend on each other: 1 without fading or with a
            gain per symbol, 0 for all of a transmission, as for user-defined blocks.
            Errors of symbols further apart are independent; an interval of an error rate counts
            such stretches.
        causal: Whether what a symbol undergoes depends on no later symbol, so that a longer
            transmission begins with what a shorter one with the same key undergoes.
        overhead: What is spent beside data symbols.
        given: The user's block, function or layer, if that was given and not a name.
    """

    def __init__(
        self,
        spec: str,
        make: Callable[[], Model],
        coherence: int = 0,
        causal: bool = False,
        overhead: Overhead | None = None,
        common: bool = False,
        given: Any = None,
    ) -> None:
        self.spec = spec
        self.given = given
        self.coherence = coherence
        self.causal = causal
        self.overhead = overhead or Overhead()
        self._make = make
        self._common = common
        self._model: Model | None = None

    def __repr__(self) -> str:
        return f"Channel({self.spec!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None}  # a pickled channel makes its own

    def build(self) -> Model:
        """Make what is behind the name now, and not at the first call, so that errors come early.

        Raises:
            ValueError: If a block of your own cannot be imported or made.
        """
        if self._model is None:
            with single_precision():
                self._model = self._make()
        return self._model

    def __call__(
        self, symbols: NDArray[np.complex64], no: NDArray[np.float32], keys: Sequence[Key]
    ) -> ChannelOutput:
        """Send symbols.

        Args:
            symbols: complex64 [1, S] (the same for all realisations) or [B, S], E|x|^2 = 1.
            no: Noise variance of each realisation, float32 [B].
            keys: One key for each of the B realisations, which with `no` decides all that is random.

        Returns:
            Equalised symbols, complex64 [B, S], and their noise variances, float32 [B] or [B, S].

        Raises:
            ValueError: If shapes do not agree, a variance is not positive, or a block of your own
                fails.
        """
        symbols, no = np.asarray(symbols), np.asarray(no, np.float32)
        if symbols.ndim != 2 or len(symbols) not in (1, len(keys)) or no.shape != (len(keys),):
            raise ValueError(
                f"channel {self.spec}: symbols {list(symbols.shape)}, no {list(no.shape)} and {len(keys)} "
                "keys; [1, S] or [B, S], [B] and B keys are wanted"
            )
        if not (np.isfinite(no) & (no > 0)).all():
            raise ValueError(
                f"channel {self.spec}: noise variances {no} must be positive and finite"
            )
        if not all(isinstance(key, tuple | list) for key in keys):
            raise ValueError(
                f"channel {self.spec}: keys are {list(keys)!r}; each is a tuple, such as "
                '(seed, 10.0, "image", trial)'
            )
        if not np.isfinite(symbols).all():
            raise ValueError(f"channel {self.spec}: symbols are not all finite numbers")
        if self._common:
            keys = [without_snr(key) for key in keys]
        model = self.build()
        with single_precision():
            return model(symbols, no, keys)


def describe_channels() -> list[tuple[str, str]]:
    """All channels: (name, one line that says what it is and its parameters with their defaults)."""
    lines = []
    for name, kind in CHANNELS.items():
        lines.append((name, _line(kind.summary, (*kind.parameters, COMMON))))
    own = "a Sionna block, Keras layer or function of your own; also path/to/file.py:name"
    return [*lines, ("module:name", _line(own, (*OWN, COMMON)) + ", and those of the block itself")]


def _line(summary: str, parameters: Sequence[Parameter]) -> str:
    return f"{summary}; {', '.join(map(str, parameters))}"


def get_channel(spec: str | Channel | Callable[..., Any]) -> Channel:
    """Make a channel. It loads its framework when it is first used: keep it, do not make it again.

    Args:
        spec: A name of `describe_channels()`, with parameters or without; `module:name` or
            `path/to/file.py:name`; or a Sionna block, Keras layer or function itself.

    Returns:
        The channel; a `Channel` is returned as it is.

    Raises:
        ValueError: If there is no such channel, with the nearest name; or a parameter is unknown or
            out of range, with those there are.

    Example:
        >>> channel = get_channel("tdl-c?delay_spread=300e-9&speed=3")
        >>> output = channel(symbols, noise_variance([10.0]), keys=[(1, 10.0, "image", 0)])
    """
    if isinstance(spec, Channel):
        return spec
    if not isinstance(spec, str):
        block = UserBlock.from_object(spec)
        ours = getattr(spec, "__module__", "").startswith("moclink.")
        if block.path.partition("?")[0] in CHANNELS and not ours:
            raise ValueError(
                f"channel {block.path}: moclink has a channel of this name, for which results would be "
                "taken; give the function or class another name"
            )
        return Channel(block.path, partial(block.model, {}), given=spec)
    name, texts = channel_spec.split(spec)
    if ":" in name:
        return _own_channel(spec, name, texts)
    if name.endswith(".py"):
        raise ValueError(
            f"channel {spec!r}: say what in the file is the channel, as in {name}:my_channel"
        )
    if name not in CHANNELS:
        raise ValueError(
            f"unknown channel {name!r}{channel_spec.nearest(name, CHANNELS)}; there are: "
            f"{', '.join(CHANNELS)}, and module:name for your own"
        )
    kind = CHANNELS[name]
    values = channel_spec.parse(name, texts, (*kind.parameters, COMMON))
    common = bool(values.pop("common"))
    subcarriers = int(values.get("subcarriers", kind.streams))
    if subcarriers % kind.streams:
        raise ValueError(
            f"channel {name}: subcarriers is {subcarriers}; it must be a multiple of {kind.streams}"
        )
    coherence = kind.coherence(values)
    return Channel(
        spec, partial(kind.make, **values), coherence, kind.causal, kind.overhead, common
    )


def _own_channel(spec: str, path: str, texts: Mapping[str, str]) -> Channel:
    """A block by its import path or file."""
    block = UserBlock(path)
    block.check_place()
    names = {parameter.name for parameter in (*OWN, COMMON)}
    ours = {key: text for key, text in texts.items() if key in names}
    values: dict[str, Any] = {**channel_spec.parse(path, ours, (*OWN, COMMON))}
    common = bool(values.pop("common"))
    arguments = {key: channel_spec.literal(text) for key, text in texts.items() if key not in names}
    return Channel(spec, partial(block.model, arguments, **values), common=common)

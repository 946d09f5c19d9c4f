"""Channels between modulator and demodulator, by name: `awgn`, `rayleigh?coherence=108`, `tdl-c?csi=ls`.

A channel takes the symbols of one transmission and a batch of noise variances, one for each realisation,
and gives back *equalised* symbols with their effective noise variance, so that every modem works on
every channel. docs/channels.md says what each is and how to bring your own.

Randomness: each realisation depends on its key alone, which in a sweep is (seed, SNR, image, trial). So
each SNR has noise and gains of its own, and a curve over fading with few trials is not monotone. The
parameter `common=1` of every channel leaves the SNR (the floating-point part of a key) out: then all SNRs
of a cell meet the same gains and the same noise, scaled (common random numbers), and curves are smooth
but their points are not independent.

SNR is Es/N0 of a data symbol, E|x|^2 = 1, averaged over the fading. Pilots and cyclic prefix are counted
neither in the SNR nor as symbols; `Channel.overhead` says what they take.

TensorFlow and Sionna are loaded when a channel that needs them is first used or built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.phy import channel_spec
from moclink.phy.channel_spec import Parameter
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

Model = Callable[[NDArray[np.complex64], NDArray[np.float32], Sequence[Key]], ChannelOutput]


@dataclass(frozen=True)
class Overhead:
    """What a channel spends beside data symbols; counted neither in the SNR nor as symbols.

    Attributes:
        pilots: Share of the resource elements that are pilots.
        cyclic_prefix: Share of the time that is cyclic prefix.
    """

    pilots: float = 0.0
    cyclic_prefix: float = 0.0

    @property
    def total(self) -> float:
        """Share of all channel uses that carry no data."""
        return 1 - (1 - self.pilots) * (1 - self.cyclic_prefix)


OFDM_OVERHEAD = Overhead(pilots=2 / 14, cyclic_prefix=1 / 15)  # normal cyclic prefix of 5G


class Channel:
    """A channel, called as channel(symbols, no, keys); made by `get_channel`.

    Attributes:
        spec: The specification it was made from.
        prefixed: Whether a longer transmission begins with what a shorter one with the same key meets.
        overhead: What is spent beside data symbols.
    """

    def __init__(
        self,
        spec: str,
        make: Callable[[], Model],
        prefixed: bool = False,
        overhead: Overhead | None = None,
        common: bool = False,
    ) -> None:
        self.spec = spec
        self.prefixed = prefixed
        self.overhead = overhead or Overhead()
        self._make = make
        self._common = common
        self._model: Model | None = None

    def __repr__(self) -> str:
        return f"Channel({self.spec!r})"

    def build(self) -> Model:
        """Make what is behind the name now, and not at the first call, so that errors come early.

        Raises:
            ValueError: If a block of your own cannot be imported or made.
        """
        if self._model is None:
            self._model = self._make()
        return self._model

    def __call__(
        self, symbols: NDArray[np.complex64], no: NDArray[np.float32], keys: Sequence[Key]
    ) -> ChannelOutput:
        """Send symbols.

        Args:
            symbols: complex64 [1, S] (the same for all realisations) or [B, S], E|x|^2 = 1.
            no: Noise variance of each realisation, float32 [B].
            keys: One key for each of the B realisations, which with no decides all that is random.

        Raises:
            ValueError: If shapes do not agree, a variance is not positive, or a block of your own fails.
        """
        symbols, no = np.asarray(symbols), np.asarray(no, np.float32)
        if symbols.ndim != 2 or len(symbols) not in (1, len(keys)) or no.shape != (len(keys),):
            raise ValueError(
                f"channel {self.spec}: symbols {list(symbols.shape)}, no {list(no.shape)} and {len(keys)} "
                "keys; [1, S] or [B, S], [B] and B keys are wanted"
            )
        if not (np.isfinite(no) & (no > 0)).all():
            raise ValueError(f"channel {self.spec}: noise variances {no} must be positive and finite")
        if self._common:
            keys = [without_snr(key) for key in keys]
        return self.build()(symbols, no, keys)


@dataclass(frozen=True)
class ChannelKind:
    """A line of the table of channels.

    Attributes:
        summary: What it is, in a line.
        parameters: Its parameters; `common`, which all have, is not among them.
        make: From the values of the parameters, makes the channel's model.
        prefixed: As `Channel.prefixed`.
        overhead: As `Channel.overhead`.
    """

    summary: str
    parameters: tuple[Parameter, ...]
    make: Callable[..., Model]
    prefixed: bool = True
    overhead: Overhead = Overhead()


COMMON = Parameter("common", False)
COHERENCE = Parameter("coherence", 0, "symbols", 0, 10**9)
FADING = (
    Parameter("delay_spread", 100e-9, "s", 0.0, 2e-6),
    Parameter("speed", 0.0, "m/s", 0.0, 150.0),
    Parameter("csi", "perfect", choices=("perfect", "ls")),
    Parameter("subcarriers", 72, "", 12, 3276),
    Parameter("carrier_frequency", 3.5e9, "Hz", 0.5e9, 100e9),
    Parameter("subcarrier_spacing", 30e3, "Hz", 15e3, 240e3),
)
PROFILES = tuple(f"{family}-{profile}" for family in ("tdl", "cdl") for profile in "abcde")
MIMO = (Parameter("model", "tdl-a", choices=PROFILES), *FADING)
OWN = (
    Parameter("returns", "auto", choices=("auto", "y", "gains", "equalized")),
    Parameter("vectors", 0, "symbols", 0, 64),
)


def _block(path: str, **fixed: Any) -> Callable[..., Model]:
    """A registered block: made from its import path on first use, with parameters named as its arguments."""

    def make(subcarriers: int | None = None, **values: Any) -> Model:
        if subcarriers is not None:
            values["fft_size"] = subcarriers
        return UserBlock(path).model({**fixed, **values}, check=False)

    return make


def _rayleigh(coherence: int) -> Model:
    return lambda symbols, no, keys: rayleigh(symbols, no, keys, coherence)


def _ofdm(name: str) -> ChannelKind:
    """A line for a channel model of TR 38.901 behind OFDM."""
    family, profile = name.upper().split("-")
    kinds = {"TDL": "tapped", "CDL": "clustered"}
    summary = f"{family}-{profile} {kinds[family]} delay line of TR 38.901 behind OFDM"
    return ChannelKind(
        summary,
        FADING,
        _block(f"moclink.phy.ofdm:{family}OverOFDM", model=profile),
        overhead=OFDM_OVERHEAD,
    )


def _mimo(antennas: int) -> ChannelKind:
    """A line for a MIMO-OFDM link."""
    summary = f"{antennas}x{antennas} MIMO-OFDM, {antennas} streams, LMMSE detection"
    make = _block("moclink.phy.mimo:MIMOOverOFDM", antennas=antennas)
    # Symbols of one vector interfere, so those at the end depend on what follows: not prefixed.
    return ChannelKind(summary, MIMO, make, prefixed=False, overhead=OFDM_OVERHEAD)


# A channel is one line here.
CHANNELS: Mapping[str, ChannelKind] = MappingProxyType(
    {
        "awgn": ChannelKind("additive white Gaussian noise", (), lambda: awgn),
        "rayleigh": ChannelKind("flat Rayleigh block fading, gain known", (COHERENCE,), _rayleigh),
        "rayleigh-fast": ChannelKind(
            "flat Rayleigh fading, a gain a symbol, known", (), lambda: _rayleigh(1)
        ),
        **{name: _ofdm(name) for name in PROFILES},
        "mimo-2x2": _mimo(2),
        "mimo-4x4": _mimo(4),
    }
)


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

    Raises:
        ValueError: If there is no such channel, with the nearest name; or a parameter is unknown or out
            of range, with those there are.

    Example:
        >>> channel = get_channel("tdl-c?delay_spread=300e-9&speed=3")
        >>> output = channel(symbols, noise_variance([10.0]), keys=[(1, 10.0, "image", 0)])
    """
    if isinstance(spec, Channel):
        return spec
    if not isinstance(spec, str):
        own = UserBlock.given(spec)
        return Channel(own.path, lambda: own.model({}))
    name, given = channel_spec.split(spec)
    if ":" in name:
        return _own_channel(spec, name, given)
    if name not in CHANNELS:
        raise ValueError(
            f"unknown channel {name!r}{channel_spec.nearest(name, CHANNELS)}; there are: "
            f"{', '.join(CHANNELS)}, and module:name for your own"
        )
    kind = CHANNELS[name]
    values = channel_spec.parse(name, given, (*kind.parameters, COMMON))
    common = bool(values.pop("common"))
    streams = int(name[-1]) if name.startswith("mimo") else 1
    subcarriers = int(values.get("subcarriers", streams))
    if subcarriers % streams:
        raise ValueError(f"channel {name}: subcarriers is {subcarriers}; it must be a multiple of {streams}")
    return Channel(spec, lambda: kind.make(**values), kind.prefixed, kind.overhead, common)


def _own_channel(spec: str, path: str, given: Mapping[str, str]) -> Channel:
    """A block by its import path or file."""
    own = UserBlock(path)
    own.check_place()
    names = {parameter.name for parameter in (*OWN, COMMON)}
    ours = {key: text for key, text in given.items() if key in names}
    values: dict[str, Any] = {**channel_spec.parse(path, ours, (*OWN, COMMON))}
    common = bool(values.pop("common"))
    arguments = {key: channel_spec.literal(text) for key, text in given.items() if key not in names}
    return Channel(spec, lambda: own.model(arguments, **values), common=common)

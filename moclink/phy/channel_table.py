"""The table of channels: name, summary, parameters, and how each is made.

Nothing here loads TensorFlow or Sionna; a channel's block is imported when the channel is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.constants import OFDM_CSI
from moclink.phy.channel_spec import Parameter
from moclink.phy.noise import ChannelOutput, Key, awgn, rayleigh
from moclink.phy.user_block import UserBlock

Model = Callable[[NDArray[np.complex64], NDArray[np.float32], Sequence[Key]], ChannelOutput]
DATA_SYMBOLS = 12  # of the 14 OFDM symbols of a slot; the others are pilots


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


@dataclass(frozen=True)
class ChannelKind:
    """An entry of the table of channels.

    Attributes:
        summary: What it is, in a line.
        parameters: Its parameters; `common`, which all have, is not among them.
        make: From the values of the parameters, makes the channel's model.
        coherence: From the values of the parameters, `Channel.coherence`.
        streams: Symbols sent at the same time; subcarriers must be a multiple.
        causal: As `Channel.causal`.
        overhead: As `Channel.overhead`.
    """

    summary: str
    parameters: tuple[Parameter, ...]
    make: Callable[..., Model]
    coherence: Callable[[Mapping[str, Any]], int] = lambda values: 1
    streams: int = 1
    causal: bool = True
    overhead: Overhead = Overhead()


COMMON = Parameter("common", False)
FADING = (
    Parameter("delay_spread", 100e-9, "s", 0.0, 2e-6),
    Parameter("speed", 0.0, "m/s", 0.0, 150.0),
    Parameter("csi", "perfect", choices=OFDM_CSI),
    Parameter("subcarriers", 72, "", 12, 3276),
    Parameter("carrier_frequency", 3.5e9, "Hz", 0.5e9, 100e9),
    Parameter("subcarrier_spacing", 30e3, "Hz", 15e3, 240e3),
)
PROFILES = tuple(f"{family}-{profile}" for family in ("tdl", "cdl") for profile in "abcde")
OWN = (
    Parameter("returns", "auto", choices=("auto", "y", "gains", "equalized")),
    Parameter("vectors", 0, "symbols", 0, 64),
)


def block(path: str, **fixed: Any) -> Callable[..., Model]:
    """How to make a channel from a block, for the table.

    Args:
        path: `module:name` of the block, which is imported when the channel is built.
        **fixed: Arguments of the block that are no parameters of the channel; the others are named
            as the parameters, but `fft_size` for "subcarriers".
    """
    return partial(_make_block, path, fixed)


def _make_block(path: str, fixed: Mapping[str, Any], **values: Any) -> Model:
    names = {"subcarriers": "fft_size"}
    arguments = {names.get(name, name): value for name, value in values.items()}
    return UserBlock(path).model({**fixed, **arguments}, check=False)


def _awgn() -> Model:
    return awgn


def _rayleigh(coherence: int = 1) -> Model:
    return lambda symbols, no, keys: rayleigh(symbols, no, keys, coherence)


def _ofdm(name: str) -> ChannelKind:
    """The entry of OFDM over a channel model of TR 38.901."""
    family, profile = name.upper().split("-")
    kinds = {"TDL": "tapped", "CDL": "clustered"}
    return ChannelKind(
        f"OFDM over {family}-{profile}, {kinds[family]} delay line of TR 38.901",
        FADING,
        block(f"moclink.phy.ofdm:{family}OverOFDM", model=profile),
        coherence=lambda values: DATA_SYMBOLS * values["subcarriers"],
        overhead=OFDM_OVERHEAD,
    )


def _mimo(antennas: int) -> ChannelKind:
    """The entry of a MIMO-OFDM link."""
    return ChannelKind(
        f"{antennas}x{antennas} MIMO-OFDM, {antennas} streams, LMMSE detection",
        (Parameter("model", "tdl-a", choices=PROFILES), *FADING),
        block("moclink.phy.mimo:MIMOOverOFDM", antennas=antennas),
        coherence=lambda values: DATA_SYMBOLS * values["subcarriers"] * antennas,
        streams=antennas,
        causal=False,  # symbols of one vector interfere, so the last ones depend on what follows
        overhead=OFDM_OVERHEAD,
    )


# A channel is one line here. One of your own, for instance, with a parameter of its constructor:
# "shadowing": ChannelKind("log-normal shadowing", (Parameter("sigma", 8.0, "dB", 0, 20),),
#                          block("my_package.fading:Shadowing"), causal=False),
CHANNELS: Mapping[str, ChannelKind] = MappingProxyType(
    {
        "awgn": ChannelKind("additive white Gaussian noise", (), _awgn),
        "rayleigh": ChannelKind(
            "flat Rayleigh block fading, gain known",
            (Parameter("coherence", 0, "symbols", 0, 10**9),),
            _rayleigh,
            coherence=lambda values: values["coherence"],
        ),
        "rayleigh-fast": ChannelKind(
            "flat Rayleigh fading, one gain per symbol, known", (), _rayleigh
        ),
        **{name: _ofdm(name) for name in PROFILES},
        "mimo-2x2": _mimo(2),
        "mimo-4x4": _mimo(4),
    }
)

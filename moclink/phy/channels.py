"""Channels between modulator and demodulator, by name, seeded cell by cell.

A channel takes the symbols of one transmission and a batch of noise variances, one for each
realisation, and gives back *equalised* symbols with their effective noise variance, so that every
modem works on every channel. Each realisation has a random stream of its own, keyed by the caller:
its noise depends neither on the batch it stands in nor on the order of work, and over moclink's own
channels (`PREFIXED`) a longer transmission meets the noise of a shorter one and then more.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Key = tuple[int | str | float, ...]


@dataclass(frozen=True)
class ChannelOutput:
    """What the receiver gets.

    Attributes:
        received: complex64 [B, S], after equalisation with the channel known at the receiver.
        no: float32 [B] or [B, S], effective noise variance per complex symbol.
    """

    received: NDArray[np.complex64]
    no: NDArray[np.float32]


Channel = Callable[[NDArray[np.complex64], NDArray[np.float32], Sequence[Key]], ChannelOutput]


def noise_variance(snr_db: NDArray | float) -> NDArray[np.float32]:
    """N0 for unit-energy symbols: `no = 10**(-snr_db / 10)`, SNR being Es/N0 in dB."""
    return np.asarray(10.0 ** (-np.asarray(snr_db, np.float64) / 10.0), np.float32)


def stream(key: Key) -> np.random.Generator:
    """A random stream that depends on the key alone, the same on every machine."""
    text = "\x1f".join(format(part, ".17g") if isinstance(part, float) else str(part) for part in key)
    return np.random.Generator(np.random.SFC64(list(hashlib.sha256(text.encode()).digest())))


def complex_normal(rng: np.random.Generator, count: int) -> NDArray[np.complex64]:
    """Circular complex Gaussian samples of unit variance, complex64 [count]."""
    return (rng.standard_normal(2 * count, np.float32) * np.float32(np.sqrt(0.5))).view(np.complex64)


def awgn(symbols: NDArray[np.complex64], no: NDArray[np.float32], keys: Sequence[Key]) -> ChannelOutput:
    """Y = x + w, w ~ CN(0, no).

    Args:
        symbols: complex64 [1, S] (the same for all realisations) or [B, S].
        no: float32 [B].
        keys: One key for each of the B realisations.
    """
    received = np.empty((len(keys), symbols.shape[1]), np.complex64)
    for row, key in enumerate(keys):
        sent = symbols[row if len(symbols) > 1 else 0]
        received[row] = sent + np.sqrt(no[row]) * complex_normal(stream((*key, "noise")), sent.size)
    return ChannelOutput(received, np.asarray(no, np.float32))


def rayleigh(symbols: NDArray[np.complex64], no: NDArray[np.float32], keys: Sequence[Key]) -> ChannelOutput:
    """Block fading: y = h x + w with one h ~ CN(0, 1) a realisation, known and divided out."""
    gain = np.array([complex_normal(stream((*key, "fading")), 1)[0] for key in keys])
    power = np.maximum(np.abs(gain) ** 2, np.float32(1e-12))
    # (h x + w) / h = x + w / h, and w / h is again circular Gaussian, of variance no / |h|^2.
    return awgn(symbols, (no / power).astype(np.float32), keys)


def sionna_channel(make_block: Callable[[], object]) -> Channel:
    """Any Sionna channel block that is called as block(x, no) on symbols [B, S].

    The block may return `y`, or `(y, h)` with one gain a symbol, which is then divided out.

    Args:
        make_block: Makes the block on first use.
    """
    blocks: list = []

    def channel(symbols, no, keys):  # noqa: ANN001, ANN202
        from sionna.phy import config

        if not blocks:
            blocks.append(make_block())
        received, variances = [], []
        for row, key in enumerate(keys):
            config.seed = int(stream((*key, "sionna")).integers(2**31))
            sent = symbols[row if len(symbols) > 1 else 0]
            output = blocks[0](sent[:, None], np.float32(no[row]))
            y, h = output if isinstance(output, tuple) else (output, np.ones_like(sent))
            y, h = np.ravel(y), np.ravel(h)
            received.append(y / h)
            variances.append(no[row] / np.maximum(np.abs(h) ** 2, 1e-12))
        return ChannelOutput(np.array(received, np.complex64), np.array(variances, np.float32))

    return channel


def _awgn_block() -> object:
    from sionna.phy.channel import AWGN

    return AWGN()


def _fast_fading_block() -> object:
    from sionna.phy.channel import FlatFadingChannel

    return FlatFadingChannel(1, 1, return_channel=True)


CHANNELS: dict[str, Channel] = {
    "awgn": awgn,
    "rayleigh": rayleigh,
    "sionna-awgn": sionna_channel(_awgn_block),
    "sionna-fast-rayleigh": sionna_channel(_fast_fading_block),
}
# Those over which a longer transmission begins with what a shorter one with the same key meets.
PREFIXED = frozenset({"awgn", "rayleigh"})


def get_channel(name: str) -> Channel:
    """Look a channel up.

    Raises:
        ValueError: If there is none of that name; the message lists those there are.
    """
    if name not in CHANNELS:
        near = difflib.get_close_matches(name, CHANNELS, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"unknown channel {name!r}{hint}; there are: {', '.join(CHANNELS)}")
    return CHANNELS[name]

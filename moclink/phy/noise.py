"""Keyed random streams, AWGN and flat Rayleigh fading in NumPy.

Each realisation of a channel has a random stream of its own that depends on the caller's key alone:
not on the batch, the order of work, the worker or the machine. A longer transmission gets the
noise and the gains of a shorter one with the same key, and then more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink import snr

Key = tuple[int | str | float, ...]
MIN_POWER = np.float32(1e-12)  # of a channel gain, so that a symbol in a deep fade stays finite


@dataclass(frozen=True)
class ChannelOutput:
    """What the demodulator gets.

    Attributes:
        received: complex64 [B, S], equalised symbols, x + noise, unbiased.
        no: float32 [B] or [B, S], effective noise variance per complex symbol.
    """

    received: NDArray[np.complex64]
    no: NDArray[np.float32]


def noise_variance(snr_db: NDArray | float | Sequence[float]) -> NDArray[np.float32]:
    """N0 for unit-energy symbols, `no = 10**(-snr_db / 10)`: float32 of the shape of `snr_db` (Es/N0, dB)."""
    return np.asarray(snr.noise_variance(np.asarray(snr_db, np.float64)), np.float32)


def stream(key: Key) -> np.random.Generator:
    """A random stream that depends on the key alone, the same on every machine."""
    text = "\x1f".join(
        format(part, ".17g") if isinstance(part, float | np.floating) else str(part) for part in key
    )
    return np.random.Generator(np.random.SFC64(list(hashlib.sha256(text.encode()).digest())))


def without_snr(key: Key) -> Key:
    """The key without its floating-point parts, which are SNRs: the same at every SNR of a cell."""
    return tuple(part for part in key if not isinstance(part, float | np.floating))


def complex_normal(rng: np.random.Generator, count: int) -> NDArray[np.complex64]:
    """Circular complex Gaussian samples of unit variance, complex64 [count]."""
    return (rng.standard_normal(2 * count, np.float32) * np.float32(np.sqrt(0.5))).view(
        np.complex64
    )


def awgn(
    symbols: NDArray[np.complex64], no: NDArray[np.float32], keys: Sequence[Key]
) -> ChannelOutput:
    """Y = x + w, w ~ CN(0, no).

    Args:
        symbols: complex64 [1, S] (the same for all realisations) or [B, S].
        no: float32 [B] or [B, S].
        keys: One key for each of the B realisations.

    Returns:
        y, complex64 [B, S], and `no` as given.
    """
    received = np.empty((len(keys), symbols.shape[1]), np.complex64)
    for row, key in enumerate(keys):
        sent = symbols[row if len(symbols) > 1 else 0]
        received[row] = sent + np.sqrt(no[row]) * complex_normal(stream((*key, "noise")), sent.size)
    return ChannelOutput(received, np.asarray(no, np.float32))


def rayleigh(
    symbols: NDArray[np.complex64], no: NDArray[np.float32], keys: Sequence[Key], coherence: int = 0
) -> ChannelOutput:
    """Flat fading: y = h x + w with h ~ CN(0, 1), known at the receiver and divided out.

    (h x + w) / h = x + w / h, and w / h is again circular Gaussian, of variance no / |h|^2.

    Args:
        symbols: complex64 [1, S] or [B, S].
        no: float32 [B].
        keys: One key for each of the B realisations.
        coherence: Symbols in a row that share one gain; 0 for one gain per transmission (block
            fading).

    Returns:
        y / h, complex64 [B, S], and no / |h|^2, float32 [B], with a coherence [B, S].
    """
    count = symbols.shape[1]
    blocks = -(-count // coherence) if coherence else 1
    gains = np.stack([complex_normal(stream((*key, "fading")), blocks) for key in keys])
    variances = (no[:, None] / np.maximum(np.abs(gains) ** 2, MIN_POWER)).astype(np.float32)
    if not coherence:
        return awgn(symbols, variances[:, 0], keys)
    return awgn(symbols, np.repeat(variances, coherence, axis=1)[:, :count], keys)

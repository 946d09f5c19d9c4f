"""SNR in dB, noise variance and capacity. SNR is Es/N0 of complex symbols of unit mean energy."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", float, NDArray[np.floating])


def from_decibels(decibels: Value) -> Value:
    """10^(decibels / 10), the ratio of powers: an SNR in dB as a ratio.

    A float of a float, an array of an array of floats, in its precision.
    """
    return 10 ** (decibels / 10)


def to_decibels(ratio: Value) -> Value:
    """10 log10(ratio) of a positive ratio of powers, a float or an array, in its precision."""
    return 10 * np.log10(ratio)


def noise_variance(snr_db: Value) -> Value:
    """N0 = 10^(-snr_db / 10), the noise variance of a complex symbol.

    A float of a float, an array of an array of floats, in its precision. Channels take the variance
    in float32 (`moclink.phy.noise.noise_variance`), networks as a tensor
    (`moclink.codec.receiver.noise_variance`).
    """
    return 10.0 ** (-snr_db / 10.0)


def mean_snr_db(no: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean SNR of symbols of unit energy in dB, float32 [B], from noise variances [B] or [B, S]."""
    inverse = np.mean(1.0 / np.asarray(no, np.float64).reshape(len(no), -1), axis=1)
    return to_decibels(inverse).astype(np.float32)


def mean_capacity(no: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean of log2(1 + 1 / no) over each row's symbols, bits per symbol, float64 [B], no [B] or [B, S]."""
    return np.log2(1 + 1 / np.asarray(no, np.float64).reshape(len(no), -1)).mean(axis=1)

"""How power and channel uses are shared among coefficients of known variance.

Variances are kept as integer levels of 0.5 dB (v = 10^(level / 20)), so that a picture of millions
of coefficients is a histogram of some hundred levels, and sender and receiver count alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NOT_SENT = -(2**14)  # level of coefficients that the receiver takes as 0


def levels_to_variances(levels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Variances of levels in half decibels; about 0 for NOT_SENT."""
    return 10 ** (np.maximum(levels, -6000).astype(np.float64) / 20)


def variances_to_levels(variances: NDArray[np.floating]) -> NDArray[np.int16]:
    """Nearest level in half decibels, at least -240 (-120 dB)."""
    return np.round(20 * np.log10(np.maximum(variances, 1e-12))).astype(np.int16)


def strongest(levels: NDArray[np.int16], most: int) -> NDArray[np.int64]:
    """Indices of at most `most` coefficients that may be sent, by descending level, ties in order."""
    allowed = np.flatnonzero(levels > NOT_SENT)
    if most < len(allowed):  # leave out, before sorting, what is surely too weak
        shifted = levels[allowed].astype(np.int64) + 2**15
        enough = np.cumsum(np.bincount(shifted, minlength=2**16)[::-1]) >= most
        allowed = allowed[shifted >= 2**16 - 1 - int(np.argmax(enough))]
    return allowed[np.argsort(-levels[allowed], kind="stable")[:most]]


def water_filling(levels: NDArray[np.integer], uses: int, snr: float) -> NDArray[np.float64]:
    """Powers of least squared error for a linear code, one channel use per coefficient.

    Minimises sum v / (1 + p snr) subject to sum p = uses: p = max(0, (c sqrt(v) - 1) / snr).

    Args:
        levels: Levels of the coefficients that are candidates, descending, at most `uses` of them.
        uses: Real channel uses, whose mean power is 1.
        snr: Signal-to-noise ratio at power 1, linear.

    Returns:
        float64 [coefficients], powers; weak coefficients may get none.
    """
    if len(levels) == 0:
        return np.zeros(0)
    values, number = np.unique(-levels.astype(np.int64), return_counts=True)
    return np.repeat(
        water_filling_of_groups(levels_to_variances(-values), number, uses, snr), number
    )


def water_filling_of_groups(
    variance: NDArray[np.float64], number: NDArray[np.int64], uses: int, snr: float
) -> NDArray[np.float64]:
    """As `water_filling`, for groups of coefficients.

    Args:
        variance: float64 [groups], descending.
        number: int64 [groups], coefficients of each, `uses` or fewer in all.
        uses: Real channel uses.
        snr: Signal-to-noise ratio at power 1, linear.

    Returns:
        float64 [groups], power of each coefficient.
    """
    if len(variance) == 0:
        return np.zeros(0)
    deviation = np.sqrt(variance)
    scale = (uses * snr + np.cumsum(number)) / np.cumsum(number * deviation)
    last = int(np.flatnonzero(deviation * scale > 1)[-1])
    power = np.maximum(deviation * scale[last] - 1, 0) / snr
    power[last + 1 :] = 0
    return power


def quarter_power(levels: NDArray[np.integer], uses: int) -> NDArray[np.float64]:
    """Powers of a sender that is not told the SNR: amplitudes as v^(-1/4), so p ~ sqrt(v) (SoftCast).

    Args:
        levels: Levels of the coefficients that are sent.
        uses: Real channel uses, whose mean power is 1.
    """
    deviation = np.sqrt(levels_to_variances(levels))
    return deviation * (uses / deviation.sum()) if len(levels) else deviation


def linear_distortion(
    levels: NDArray[np.int16],
    uses: int,
    snr: float,
    coefficients: NDArray[np.floating] | None = None,
) -> float:
    """Squared error, summed, of a water-filled linear code with an LMMSE receiver, expected over noise.

    Args:
        levels: Levels of all coefficients.
        uses: Real channel uses.
        snr: Signal-to-noise ratio at power 1, linear.
        coefficients: The coefficients themselves; without, the expectation is over them as well, as
            Gaussians of the variances that the levels say.
    """
    index = levels.astype(np.int64) + 2**15
    number = np.bincount(index, minlength=2**16)[::-1]
    values = 2**15 - 1 - np.flatnonzero(number)
    variance = levels_to_variances(values)
    there = number > 0
    number = number[there]
    if coefficients is None:
        energy = variance
    else:
        total = np.bincount(index, np.square(coefficients, dtype=np.float64), minlength=2**16)
        energy = total[::-1][there].astype(np.float64) / number
    taken = np.where(values > NOT_SENT, np.diff(np.minimum(np.cumsum(number), uses), prepend=0), 0)
    power = np.zeros(len(values))
    power[taken > 0] = water_filling_of_groups(variance[taken > 0], taken[taken > 0], uses, snr)
    received = power * snr
    error = (energy + variance * received) / (1 + received) ** 2
    return float((taken * error + (number - taken) * energy).sum())

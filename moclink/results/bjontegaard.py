"""Bjontegaard deltas: the mean distance between two curves of quality over rate.

G. Bjontegaard, "Calculation of average PSNR differences between RD-curves", ITU-T VCEG-M33, 2001:
each curve is interpolated over the logarithm of the rate, and the difference is averaged over the
range that both cover.

    BD-PSNR = mean over log rate of Q_B - Q_A
    BD-rate = 100 (10^(mean over quality of log10 R_B - log10 R_A) - 1) percent

"cubic" fits one polynomial of degree three to each curve, as VCEG-M33 does; "pchip" interpolates
with piecewise cubic Hermite polynomials, as the common test conditions of HEVC and VVC do. Over SNR
in dB, which is a logarithm already, the same gives the mean difference in dB at equal quality.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

METHODS = ("cubic", "pchip")
FEWEST = {"cubic": 4, "pchip": 2}  # points of a curve

Curve = tuple[Sequence[float], Sequence[float]]  # rates (or SNRs), qualities


def bd_rate(
    reference: Curve, tested: Curve, method: str = "pchip", lower: bool = False
) -> float | None:
    """Mean difference in rate at equal quality, in percent of the reference's; negative is a saving.

    Args:
        reference: Rates and qualities of the reference, in any order.
        tested: Those of the curve that is compared with it.
        method: "cubic" or "pchip".
        lower: Whether lower quality figures are better.

    Returns:
        The difference; None if the curves share no quality, or have too few points (4 for cubic, 2
        for pchip). Points that are no better than all at lower rates are left out: quality must
        grow.

    Raises:
        ValueError: If a rate is not positive, or the method is unknown.
    """
    delta = bd_snr(_log_rates(reference), _log_rates(tested), method, lower)
    return None if delta is None else 100 * (10**delta - 1)


def bd_snr(
    reference: Curve, tested: Curve, method: str = "pchip", lower: bool = False
) -> float | None:
    """Mean difference in SNR at equal quality, in dB; negative is a saving. Arguments as of `bd_rate`."""
    return _mean_difference(_rising(reference, lower), _rising(tested, lower), method)


def bd_quality(
    reference: Curve, tested: Curve, method: str = "pchip", log: bool = True
) -> float | None:
    """Mean difference in quality at equal rate, in the unit of the quality (BD-PSNR in dB).

    Args:
        reference: Rates and qualities of the reference, in any order.
        tested: Those of the curve that is compared with it.
        method: "cubic" or "pchip".
        log: Whether rates are to be taken to logarithms; not so SNRs in dB.

    Returns:
        The difference; None if the curves share no rate, or have too few points.

    Raises:
        ValueError: If a rate is not positive, or the method is unknown.
    """
    one, other = (_sorted(*(_log_rates(curve) if log else curve)) for curve in (reference, tested))
    return _mean_difference(one, other, method)


def _log_rates(curve: Curve) -> Curve:
    rates = np.asarray(curve[0], np.float64)
    if not (rates > 0).all():
        raise ValueError(f"rates {list(curve[0])}: each must be positive")
    return np.log10(rates).tolist(), curve[1]


def _sorted(x: Sequence[float], y: Sequence[float]) -> tuple[NDArray, NDArray]:
    """A curve by ascending x; of equal x the mean."""
    values, places = np.unique(np.asarray(x, np.float64), return_inverse=True)
    return values, np.bincount(places, np.asarray(y, np.float64)) / np.bincount(places)


def _rising(curve: Curve, lower: bool) -> tuple[NDArray, NDArray]:
    """Qualities, ascending, and the rates at which they are first reached."""
    rates, quality = _sorted(*curve)
    quality = -quality if lower else quality
    before = np.concatenate([[-np.inf], np.maximum.accumulate(quality)[:-1]])
    grown = quality > before
    return quality[grown], rates[grown]


def _mean_difference(
    reference: tuple[NDArray, NDArray], tested: tuple[NDArray, NDArray], method: str
) -> float | None:
    """Mean of y_tested - y_reference over the x that both cover."""
    if method not in METHODS:
        raise ValueError(f"method {method!r}: there are {', '.join(METHODS)}")
    if min(len(reference[0]), len(tested[0])) < FEWEST[method]:
        return None
    low = max(reference[0][0], tested[0][0])
    high = min(reference[0][-1], tested[0][-1])
    if high <= low:
        return None
    one, other = (_integral(*curve, low, high, method) for curve in (reference, tested))
    return float((other - one) / (high - low))


def _integral(x: NDArray, y: NDArray, low: float, high: float, method: str) -> float:
    from scipy.interpolate import PchipInterpolator

    if method == "pchip":
        return float(PchipInterpolator(x, y).integrate(low, high))
    primitive = np.polynomial.Polynomial.fit(x, y, 3).integ()
    return float(primitive(high) - primitive(low))

"""Estimates of a coefficient of unit variance from a noisy observation of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr

_FAR = 30.0  # deviations from which the series of a tail is exact to 1e-9
_RATE = np.sqrt(2.0)  # of a Laplacian of unit variance: density exp(-sqrt(2) |x|) / sqrt(2)


def gaussian_mean(
    observed: NDArray[np.float64], variance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """E[x | y] of a Gaussian x of unit variance, y = x + noise of the given variance: y / (1 + s^2)."""
    return observed / (1 + variance)


def laplacian_mean(
    observed: NDArray[np.float64], variance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """E[x | y] of a Laplacian x of unit variance, y = x + Gaussian noise of the given variance.

    The posterior is a mixture of two truncated normals, of means y -+ sqrt(2) s^2, on either side
    of 0.
    """
    observed, variance = np.broadcast_arrays(observed, variance)
    far = (_RATE * variance - np.abs(observed)) / np.sqrt(variance) > _FAR
    found = np.empty(np.shape(observed))
    found[far] = _far_means(observed[far], variance[far])
    found[~far] = _near_means(observed[~far], variance[~far])
    return found


def _far_means(observed: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where both normals are cut in their tails, t deviations from their means: much noise.

    A tail has the mean s (1/t - 2/t^3 + 10/t^5 - 74/t^7 + ...) and the weight erfcx(t / sqrt(2)). The
    formulas of `_near_means` would be differences of numbers that are almost equal.
    """
    deviation = np.sqrt(variance)
    right, left = (_RATE * deviation - sign * observed / deviation for sign in (1, -1))
    means = [
        deviation / t * (1 - 2 / t**2 * (1 - 5 / t**2 * (1 - 7.4 / t**2))) for t in (right, left)
    ]
    heavy_right, heavy_left = erfcx(right / np.sqrt(2)), erfcx(left / np.sqrt(2))
    return (heavy_right * means[0] - heavy_left * means[1]) / (heavy_right + heavy_left)


def _near_means(
    observed: NDArray[np.float64], variance: NDArray[np.float64]
) -> NDArray[np.float64]:
    deviation = np.sqrt(variance)
    right, left = observed - _RATE * variance, observed + _RATE * variance
    log_right, log_left = log_ndtr(right / deviation), log_ndtr(-left / deviation)
    weight = 1 / (1 + np.exp(np.clip(2 * _RATE * observed + log_left - log_right, -700, 700)))
    mean_right = right + deviation * _hazard(right / deviation, log_right)
    mean_left = left - deviation * _hazard(-left / deviation, log_left)
    return weight * mean_right + (1 - weight) * mean_left


def _hazard(x: NDArray[np.float64], log_probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normal density over distribution function at x."""
    return np.exp(-(x**2) / 2 - np.log(2 * np.pi) / 2 - log_probability)

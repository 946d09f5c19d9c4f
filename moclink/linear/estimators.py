"""Estimates of a coefficient of unit variance from a noisy observation of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

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

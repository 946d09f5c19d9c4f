"""95 % confidence intervals: of a mean by Student's t, of a proportion by Clopper and Pearson."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def half_width(values: NDArray[np.float64]) -> float:
    """Half the 95 % confidence interval of the mean of values [n], Student's t; 0 of a single value."""
    from scipy.special import stdtrit

    if len(values) < 2:
        return 0.0
    return float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / math.sqrt(len(values)))


def clopper_pearson(rate: float, count: float) -> tuple[float, float]:
    """Exact 95 % confidence interval of a probability, of which `rate` was seen in `count` trials.

    After Clopper and Pearson (Biometrika 1934). `rate` x `count` may be any real number in 0..count:
    of images that were sent several times, the rate is a mean of means and the images are the count,
    as the trials of one image may be alike.
    """
    from scipy.special import betaincinv

    seen = rate * count
    if abs(seen - round(seen)) < 1e-6:  # a sum of counts, but for rounding
        seen = round(seen)
    low = float(betaincinv(seen, count - seen + 1, 0.025)) if seen > 0 else 0.0
    high = float(betaincinv(seen + 1, count - seen, 0.975)) if seen < count else 1.0
    return low, high

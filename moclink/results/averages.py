"""Means over pictures with their 95 % confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.types import Row

PSNR_CEILING_DB = 100.0  # an identical image (PSNR infinite) counts as this in averages


@dataclass(frozen=True)
class Average:
    """Mean over images with its 95 % confidence interval.

    Attributes:
        snr_db: Es/N0 in dB.
        mean: Mean over images of the mean over trials.
        half_width: Half the interval, Student's t over images; 0 with a single image.
        images: Number of images.
    """

    snr_db: float
    mean: float
    half_width: float
    images: int


def half_width(values: NDArray[np.float64]) -> float:
    """Half the 95 % confidence interval of the mean of values [n], Student's t; 0 of a single value."""
    from scipy.special import stdtrit

    if len(values) < 2:
        return 0.0
    return float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / math.sqrt(len(values)))


def average(rows: Sequence[Row], metric: str) -> list[Average]:
    """Average one metric of one chain at each SNR: over trials first, then over images.

    Args:
        rows: Rows of one chain.
        metric: A column; rows where it is None are left out. An infinite PSNR counts as 100 dB.
    """
    ceiling = PSNR_CEILING_DB if metric == "psnr_db" else math.inf
    cells: dict[float, dict[str, list[float]]] = {}
    for row in rows:
        value = getattr(row, metric)
        if value is not None:
            cells.setdefault(row.snr_db, {}).setdefault(row.image, []).append(min(value, ceiling))
    averages = []
    for snr_db, images in sorted(cells.items()):
        values = np.array([np.mean(trials) for trials in images.values()])
        averages.append(Average(snr_db, float(values.mean()), half_width(values), len(values)))
    return averages

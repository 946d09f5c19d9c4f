"""Validation metrics and pictures of the training stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.images import to_uint8


def picture_psnr(image: Any, reference: NDArray[np.float32]) -> float:
    """PSNR in dB of an image [H, W, 3] after clipping."""
    error = float(np.mean((np.clip(np.asarray(image, np.float64), 0, 1) - reference) ** 2))
    return float(-10 * np.log10(max(error, 1e-10)))


def mean_figures(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each named figure over pictures."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def side_by_side(images: Sequence[Any]) -> NDArray[np.uint8]:
    """Images [H, W, 3] in [0, 1] of one height, clipped, as one uint8 picture."""
    return np.concatenate([to_uint8(np.clip(np.asarray(image), 0, 1)) for image in images], axis=1)

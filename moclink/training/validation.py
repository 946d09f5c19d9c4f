"""Validation metrics and pictures of the training stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.images import to_uint8

SHOWN = 3  # pictures of which views are kept
# A picture, and random numbers of its own -> figures by name, and views [H, W, 3] of it.
Look = Callable[
    [NDArray[np.float32], np.random.Generator], tuple[Mapping[str, float], Sequence[Any]]
]


def validate_on(
    held_out: Sequence[NDArray[np.float32]], look: Look
) -> tuple[dict[str, float], dict[str, NDArray[np.uint8]]]:
    """Validate a stage: figures averaged over pictures, and the first three pictures to look at.

    Args:
        held_out: Pictures, float32 [H, W, 3] in [0, 1].
        look: What is measured of a picture, and the views of it, side by side. Its random numbers
            are the same in each validation.

    Returns:
        Means by name of the figure; pictures uint8 [H, W, 3] by the place of theirs, "0" to "2".
    """
    rows, pictures = [], {}
    for place, image in enumerate(held_out):
        row, views = look(image, np.random.default_rng([place, 0x56]))
        rows.append(row)
        if place < SHOWN:
            pictures[str(place)] = side_by_side(views)
    return mean_figures(rows), pictures


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

"""Checks of what file codecs are called with: pixels and qualities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def checked_pixels(image: Any) -> NDArray[np.uint8]:
    """Pixels uint8 [H, W, 3] in one piece of memory.

    Raises:
        ValueError: If they are something else.
    """
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(
            f"image is {pixels.dtype} {list(pixels.shape)}: it must be uint8 [H, W, 3]"
        )
    return np.ascontiguousarray(pixels)


def checked_quality(quality: Any, coarsest: float, finest: float, whole: bool = False) -> Any:
    """A quality from the coarsest to the finest, in whichever direction numbers go.

    Encoders take others for their default, fail in their own way, or write no file of the format.

    Raises:
        ValueError: If it is none, or no whole number where one is wanted.
    """
    low, high = sorted((coarsest, finest))
    number = isinstance(quality, int | float | np.integer | np.floating)
    if (
        not number
        or isinstance(quality, bool)
        or not low <= quality <= high
        or (whole and quality % 1)
    ):
        raise ValueError(
            f"quality is {quality!r}; a {'whole ' * whole}number from {coarsest} (coarsest) to "
            f"{finest} is wanted"
        )
    return quality.item() if isinstance(quality, np.generic) else quality

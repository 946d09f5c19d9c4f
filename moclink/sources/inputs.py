"""The check of images and pixels that sources and file codecs start with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_images(images: Any) -> None:
    """Raise ValueError unless these are pictures float [B, H, W, 3] in [0, 1].

    Quantised to 8 bits, anything else gives a picture of something else without an error.
    """
    images = np.asarray(images)
    shape, dtype = list(images.shape), images.dtype
    if images.ndim != 4 or images.shape[-1] != 3 or not images.size:
        raise ValueError(f"images have shape {shape}; they must be [B, H, W, 3]")
    low, high = images.min(), images.max()
    if dtype.kind != "f" or not (low >= -1e-6 and high <= 1 + 1e-6):
        raise ValueError(f"images are {dtype} in {low:g}..{high:g}; give floats in [0, 1]")


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

"""The check of images that every codec starts with."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def check_images(images: Any, slack: float = 0.0, integers: bool = False) -> None:
    """Raise ValueError for images of another shape, type or range.

    Args:
        images: Should be [B, H, W, 3], floats in [0, 1]. Of tensors inside a graph only shape and
            type can be seen.
        slack: By how much pixels may leave [0, 1], as resized ones do.
        integers: Whether uint8 is taken as well.
    """
    wanted = "floats in [0, 1], or uint8" if integers else "floats in [0, 1]"
    shape, dtype = tuple(images.shape), keras.backend.standardize_dtype(images.dtype)
    if len(shape) != 4 or shape[-1] != 3 or 0 in shape:
        raise ValueError(f"images have shape {shape}; they must be [B, H, W, 3]")
    visible = isinstance(images, np.ndarray) or hasattr(images, "numpy")
    if visible and not getattr(images, "is_meta", False):  # of PyTorch, without values
        pixels = keras.ops.convert_to_numpy(images)
        low, high = float(np.min(pixels)), float(np.max(pixels))
    else:
        low, high = 0.0, 1.0
    if integers and dtype == "uint8":
        return
    if "float" not in dtype or not (low >= -slack and high <= 1 + slack):
        raise ValueError(f"images are {dtype} in {low:g}..{high:g}; give {wanted}")

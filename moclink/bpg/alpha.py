"""The fourth plane of a BPG file: alpha, or the white of a CMYK picture.

The arithmetic is the reference decoder's, so that the pixels are equal to its own.

References:
    BPG specification 0.9.5, 3.1 (`alpha1_flag`, `alpha2_flag`) and 3.2 (CMYK, premultiplied alpha).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .color import to_rgb

_RECIPROCAL_BITS = 16


def add_alpha(
    rgb: NDArray[np.uint8], alpha: NDArray[np.unsignedinteger], bit_depth: int, premultiplied: bool
) -> NDArray[np.uint8]:
    """Join colour and alpha, always of full range, as straight (not premultiplied) RGBA.

    Args:
        rgb: uint8 [H, W, 3].
        alpha: Samples of `bit_depth` bits, [H, W].
        bit_depth: Bits a sample of `alpha`.
        premultiplied: Whether colour is stored times alpha. It is then divided by it; where alpha
            is 0 the colour is unknown and becomes white.

    Returns:
        RGBA, uint8 [H, W, 4].
    """
    opacity = to_rgb([alpha], "ycbcr-bt601", False, bit_depth)[:, :, :1]
    if premultiplied:
        rgb = _divide(rgb, opacity)
    return np.concatenate([rgb, opacity], axis=2)


def _divide(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 255 * rgb / alpha rounded, at most 255, through a table of reciprocals."""
    values = np.arange(256, dtype=np.int64)
    reciprocals = ((255 << _RECIPROCAL_BITS) + values // 2 + 128) // np.maximum(values, 1)
    quotient = rgb * reciprocals[alpha] + (1 << _RECIPROCAL_BITS - 1) >> _RECIPROCAL_BITS
    return np.where(rgb >= alpha, 255, quotient).astype(np.uint8)


def multiply_by_white(
    rgb: NDArray[np.uint8], white: NDArray[np.unsignedinteger], bit_depth: int
) -> NDArray[np.uint8]:
    """Convert a CMYK picture, stored as R, G, B = 1 - C, M, Y and W = 1 - K, to RGB.

    Args:
        rgb: uint8 [H, W, 3].
        white: Samples of `bit_depth` bits, [H, W].
        bit_depth: Bits a sample of `white`.

    Returns:
        RGB, uint8 [H, W, 3]: rgb * white / 2^bit_depth, rounded, as the reference decoder has it.
    """
    product = rgb * white[:, :, None].astype(np.int32) + (1 << bit_depth - 1)
    return (product >> bit_depth).astype(np.uint8)

"""Colour: RGB -> YCbCr for the encoder, samples -> RGB for the decoder.

All is integer arithmetic; decoding gives the reference decoder's pixels.

References:
    BPG specification 0.9.5, 3.2 (`color_space`); ITU-R BT.601, BT.709, BT.2020; ITU-T H.273
    (YCgCo).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .chroma import CHROMA_BITS, downsample

_SHIFT = 22  # fraction bits of the conversion to RGB: 30 less the output's 8
_STRIP = 64  # rows converted at once: the temporaries stay in the cache, and small
_LUMA_WEIGHTS = {  # (k_r, k_b)
    "ycbcr-bt601": (0.299, 0.114),
    "ycbcr-bt709": (0.2126, 0.0722),
    "ycbcr-bt2020": (0.2627, 0.0593),
}

_TO_CHROMA = (
    (-11058, -21710, 32768),
    (32768, -27439, -5329),
)  # Cb and Cr of BT.601, 16 fraction bits

Planes = list[NDArray[np.unsignedinteger]]


def to_planes(image: NDArray[np.uint8], chroma: str) -> Planes:
    """Convert RGB to full-range BT.601 planes in integer arithmetic.

    Args:
        image: RGB, uint8 [H, W, 3].
        chroma: "gray" (luma alone), "420" or "444".

    Returns:
        Y, or Y, Cb, Cr: uint8 [H, W]; for "420" chroma is [ceil(H / 2), ceil(W / 2)].
    """
    height, width = image.shape[:2]
    luma = np.empty((height, width), np.uint8)
    bits = CHROMA_BITS if chroma == "420" else 0
    colour: list[NDArray] = []
    if chroma != "gray":
        colour = [np.empty((height, width), np.int16 if bits else np.uint8) for _ in _TO_CHROMA]
    for top in range(0, height, _STRIP):
        red, green, blue = np.moveaxis(image[top : top + _STRIP].astype(np.int32), 2, 0)
        rows = slice(top, top + _STRIP)
        luma[rows] = 19595 * red + 38470 * green + 7471 * blue + 0x8000 >> 16
        # At full precision the purest blue and red reach 255.5, which must not wrap to 0.
        half, top_value = 0x8000 >> bits, 255 << bits
        for plane, weights in zip(colour, _TO_CHROMA, strict=False):
            weighted = weights[0] * red + weights[1] * green + weights[2] * blue
            plane[rows] = np.minimum((weighted + half >> 16 - bits) + (128 << bits), top_value)
    return [luma] + [downsample(plane) if bits else plane for plane in colour]


def to_rgb(
    planes: Planes, color_space: str, limited_range: bool, bit_depth: int = 8
) -> NDArray[np.uint8]:
    """Convert planes of equal size to RGB, in fixed point with 22 fraction bits and rounding.

    Args:
        planes: Y, or Y, Cb, Cr (G, B, R or Y, Cg, Co by the colour space), uint8 or uint16 [H, W].
        color_space: One of the names in `container.COLOR_SPACES`.
        limited_range: Whether, at 8 bits, luma spans 16 to 235 and chroma 16 to 240.
        bit_depth: Bits a sample, 8 to 14.

    Returns:
        RGB, uint8 [H, W, 3].
    """
    height, width = planes[0].shape
    out = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _STRIP):
        strip = [plane[top : top + _STRIP] for plane in planes]
        for channel, values in enumerate(
            _strip_to_rgb(strip, color_space, limited_range, bit_depth)
        ):
            np.clip(values, 0, 255, out=out[top : top + _STRIP, :, channel], casting="unsafe")
    return out


def _strip_to_rgb(
    strip: Planes, color_space: str, limited_range: bool, bit_depth: int
) -> list[NDArray[np.signedinteger]]:
    """Return red, green and blue of a few rows, rounded to integers but not clipped."""
    # Without a video range the sums stay below 2**31 even for colours outside the RGB cube.
    wide: type[np.signedinteger] = np.int64 if limited_range else np.int32
    luma_one = _unit(219 if limited_range else None, bit_depth)
    black = 16 << bit_depth - 8 if limited_range else 0
    offset = (1 << _SHIFT - 1) - black * round(luma_one)
    on_luma_scale = strip if color_space == "rgb" else strip[:1]
    scaled = [plane.astype(wide) * round(luma_one) + offset for plane in on_luma_scale]
    if len(strip) == 1:
        return [scaled[0] >> _SHIFT] * 3
    if color_space == "rgb":
        green, blue, red = (plane >> _SHIFT for plane in scaled)
        return [red, green, blue]
    first, second = (plane.astype(wide) - (1 << bit_depth - 1) for plane in strip[1:])
    # The reference scales the chroma of YCgCo, in the video range too, as it scales luma.
    one = luma_one if color_space == "ycgco" else _unit(224 if limited_range else None, bit_depth)
    return [
        scaled[0] + round(u * one) * first + round(v * one) * second >> _SHIFT
        for u, v in _chroma_weights(color_space)
    ]


def _unit(steps_of_8_bits: int | None, bit_depth: int) -> float:
    """Weight, with `_SHIFT` fraction bits, that scales samples to 0..255.

    Args:
        steps_of_8_bits: Steps from the lowest to the highest sample at 8 bits; None for the full
            range.
        bit_depth: Bits a sample.
    """
    steps = (1 << bit_depth) - 1 if steps_of_8_bits is None else steps_of_8_bits << bit_depth - 8
    return 255 * (1 << _SHIFT) / steps


def _chroma_weights(color_space: str) -> list[tuple[float, float]]:
    """Return the weights of both chroma planes in red, green and blue."""
    if color_space == "ycgco":
        return [(-1.0, 1.0), (1.0, 0.0), (-1.0, -1.0)]
    k_r, k_b = _LUMA_WEIGHTS[color_space]
    k_g = 1 - k_r - k_b
    return [
        (0.0, 2 * (1 - k_r)),
        (-2 * k_b * (1 - k_b) / k_g, -2 * k_r * (1 - k_r) / k_g),
        (2 * (1 - k_b), 0.0),
    ]

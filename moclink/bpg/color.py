"""Colour: RGB -> YCbCr for the encoder, samples -> RGB for the decoder.

All is integer arithmetic; decoding gives the reference decoder's pixels. A chroma sample of 4:2:0 sits
in the middle of four luma samples (as in JPEG), so the two samples that are interpolated from it lie a
quarter of its spacing before and after it: one filter of 7 taps and its mirror image, vertically first,
without rounding, then horizontally.

References:
    BPG specification 0.9.5, 3.2 (`color_space`); ITU-R BT.601, BT.709, BT.2020; ITU-T H.273 (YCgCo).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_UP_TAPS = (-1, 4, -10, 57, 18, -6, 2)  # / 64, for the output a quarter of a sample after the input
# / 128. Half-band filter for the encoder, which the format leaves free: the symmetric 6 taps whose output,
# interpolated with _UP_TAPS, comes nearest in the mean square to an AR(1) signal of correlation 0.95.
_DOWN_TAPS = (-13, 14, 63, 63, 14, -13)
_CHROMA_BITS = 6  # fraction bits of chroma before it is decimated: two passes of _DOWN_TAPS then fit int32
_SHIFT = 22  # fraction bits of the conversion to RGB: 30 less the output's 8
_STRIP = 64  # rows converted at once: the temporaries stay in the cache, and small
_LUMA_WEIGHTS = {  # (k_r, k_b)
    "ycbcr-bt601": (0.299, 0.114),
    "ycbcr-bt709": (0.2126, 0.0722),
    "ycbcr-bt2020": (0.2627, 0.0593),
}

_TO_CHROMA = ((-11058, -21710, 32768), (32768, -27439, -5329))  # Cb and Cr of BT.601, 16 fraction bits

Planes = list[NDArray[np.uint8]]


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
    bits = _CHROMA_BITS if chroma == "420" else 0
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
    return [luma] + [_downsample(plane) if bits else plane for plane in colour]


def _downsample(plane: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Halve both sides (rounded up) of a plane with `_CHROMA_BITS` fraction bits."""
    rows, columns = -(-plane.shape[0] // 2), -(-plane.shape[1] // 2)
    padded = np.pad(plane, [(2, 2 + plane.shape[0] % 2), (2, 2 + plane.shape[1] % 2)], mode="edge")
    out = np.empty((rows, columns), np.uint8)
    shift = 14 + _CHROMA_BITS
    for top in range(0, rows, _STRIP):
        strip = padded[2 * top : 2 * (top + _STRIP) + 4].astype(np.int32)
        count = strip.shape[0] // 2 - 2
        lines = _weighted_sum(_DOWN_TAPS, [strip[k : k + 2 * count : 2] for k in range(6)])
        samples = _weighted_sum(_DOWN_TAPS, [lines[:, k : k + 2 * columns : 2] for k in range(6)])
        out[top : top + count] = np.clip(samples + (1 << shift - 1) >> shift, 0, 255)
    return out


def upsample(plane: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Interpolate a 4:2:0 chroma plane to full size, as the reference decoder does.

    Args:
        plane: uint8 [ceil(height / 2), ceil(width / 2)].
        height: Picture height.
        width: Picture width.

    Returns:
        uint8 [height, width].
    """
    out = np.empty((height, width), np.uint8)
    padded = np.pad(plane, 3, mode="edge").astype(np.int16)
    for top in range(0, plane.shape[0], _STRIP):
        rows = padded[top : top + _STRIP + 6]
        vertical = np.stack(_quarter_samples(rows, 0), axis=1)  # at most 98/64 of 255 * 64: fits int16
        lines = vertical.reshape(-1, padded.shape[1])[: height - 2 * top].astype(np.int32)
        for parity, samples in enumerate(_quarter_samples(lines, 1)):
            samples = np.clip(samples + 2048 >> 12, 0, 255)
            columns = (width + 1 - parity) // 2
            out[2 * top : 2 * top + len(lines), parity::2] = samples[:, :columns]
    return out


def _quarter_samples(
    padded: NDArray[np.signedinteger], axis: int
) -> tuple[NDArray[np.signedinteger], NDArray[np.signedinteger]]:
    """Filter along `axis`, padded by 3 at both ends: samples a quarter before and after each input."""
    length = padded.shape[axis] - 6
    views = [padded[k : k + length] if axis == 0 else padded[:, k : k + length] for k in range(7)]
    return _weighted_sum(_UP_TAPS, views[::-1]), _weighted_sum(_UP_TAPS, views)


def _weighted_sum(
    weights: tuple[int, ...], arrays: list[NDArray[np.signedinteger]]
) -> NDArray[np.signedinteger]:
    total = weights[0] * arrays[0]
    for weight, array in zip(weights[1:], arrays[1:], strict=True):
        total += weight * array
    return total


def to_rgb(planes: Planes, color_space: str, limited_range: bool) -> NDArray[np.uint8]:
    """Convert planes of equal size to RGB, in fixed point with 22 fraction bits and rounding.

    Args:
        planes: Y, or Y, Cb, Cr (G, B, R or Y, Cg, Co by the colour space), uint8 [H, W].
        color_space: One of the names in `container.COLOR_SPACES`.
        limited_range: Whether luma spans 16 to 235 and chroma 16 to 240.

    Returns:
        RGB, uint8 [H, W, 3].
    """
    height, width = planes[0].shape
    out = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _STRIP):
        strip = [plane[top : top + _STRIP] for plane in planes]
        for channel, values in enumerate(_strip_to_rgb(strip, color_space, limited_range)):
            np.clip(values, 0, 255, out=out[top : top + _STRIP, :, channel], casting="unsafe")
    return out


def _strip_to_rgb(strip: Planes, color_space: str, limited_range: bool) -> list[NDArray[np.signedinteger]]:
    """Return red, green and blue of a few rows, rounded to integers but not clipped."""
    # Without a video range the sums stay below 2**31 even for colours outside the RGB cube.
    wide: type[np.signedinteger] = np.int64 if limited_range else np.int32
    luma_one = round(255 / 219 * (1 << _SHIFT)) if limited_range else 1 << _SHIFT
    offset = (1 << _SHIFT - 1) - (16 * luma_one if limited_range else 0)
    on_luma_scale = strip if color_space == "rgb" else strip[:1]
    scaled = [plane.astype(wide) * luma_one + offset for plane in on_luma_scale]
    if len(strip) == 1:
        return [scaled[0] >> _SHIFT] * 3
    if color_space == "rgb":
        green, blue, red = (plane >> _SHIFT for plane in scaled)
        return [red, green, blue]
    first, second = (plane.astype(wide) - 128 for plane in strip[1:])
    return [
        scaled[0] + one * first + other * second >> _SHIFT
        for one, other in _chroma_weights(color_space, limited_range)
    ]


def _chroma_weights(color_space: str, limited_range: bool) -> list[tuple[int, int]]:
    """Return the weights of both chroma planes in red, green and blue, with 22 fraction bits."""
    if color_space == "ycgco":
        weights = [(-1.0, 1.0), (1.0, 0.0), (-1.0, -1.0)]
    else:
        k_r, k_b = _LUMA_WEIGHTS[color_space]
        k_g = 1 - k_r - k_b
        weights = [
            (0.0, 2 * (1 - k_r)),
            (-2 * k_b * (1 - k_b) / k_g, -2 * k_r * (1 - k_r) / k_g),
            (2 * (1 - k_b), 0.0),
        ]
    one = (255 / 224 if limited_range else 1) * (1 << _SHIFT)
    return [(round(first * one), round(second * one)) for first, second in weights]

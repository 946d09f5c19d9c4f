"""Chroma planes of 4:2:0 and 4:2:2 from and to full size, in integer arithmetic.

A chroma sample sited as in JPEG lies in the middle of its luma samples, so the two samples that are
interpolated from it lie a quarter of its spacing before and after it: one filter of 7 taps and its
mirror image. Sited as in MPEG-2 it coincides, in the horizontal direction, with every second luma
sample, and the sample between comes from a symmetric filter of 8 taps. The reference decoder
filters vertically first, to a precision of 14 bits, then horizontally.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CHROMA_BITS = (
    6  # fraction bits of chroma before it is decimated: two passes of DOWN_TAPS then fit int32
)
_UP_TAPS = (-1, 4, -10, 57, 18, -6, 2)  # / 64, for the output a quarter of a sample after the input
_MIDDLE_TAPS = (
    -1,
    4,
    -11,
    40,
    40,
    -11,
    4,
    -1,
)  # / 64, for the output half a sample after the input
# / 128. Half-band filter for the encoder, which the format leaves free: the symmetric 6 taps whose
# output, interpolated with _UP_TAPS, comes nearest in the mean square to an AR(1) signal of
# correlation 0.95.
DOWN_TAPS = (-13, 14, 63, 63, 14, -13)
_VERTICAL_BITS = 14  # bits of a sample between the two passes
_STRIP = 64  # rows converted at once: the temporaries stay in the cache, and small

Signed = NDArray[np.signedinteger]


def downsample(plane: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Halve both sides (rounded up) of a plane with `CHROMA_BITS` fraction bits."""
    rows, columns = -(-plane.shape[0] // 2), -(-plane.shape[1] // 2)
    padded = np.pad(plane, [(2, 2 + plane.shape[0] % 2), (2, 2 + plane.shape[1] % 2)], mode="edge")
    out = np.empty((rows, columns), np.uint8)
    shift = 14 + CHROMA_BITS
    for top in range(0, rows, _STRIP):
        strip = padded[2 * top : 2 * (top + _STRIP) + 4].astype(np.int32)
        count = strip.shape[0] // 2 - 2
        lines = _weighted_sum(DOWN_TAPS, [strip[k : k + 2 * count : 2] for k in range(6)])
        samples = _weighted_sum(DOWN_TAPS, [lines[:, k : k + 2 * columns : 2] for k in range(6)])
        out[top : top + count] = np.clip(samples + (1 << shift - 1) >> shift, 0, 255)
    return out


def upsample(
    plane: NDArray[np.unsignedinteger],
    height: int,
    width: int,
    chroma: str = "420",
    bit_depth: int = 8,
) -> NDArray[np.unsignedinteger]:
    """Interpolate a chroma plane to full size, as the reference decoder does.

    Args:
        plane: uint8 or uint16, [ceil(height / 2) or (4:2:2) height, ceil(width / 2)].
        height: Picture height.
        width: Picture width.
        chroma: "420", "422", "420-mpeg2" or "422-mpeg2".
        bit_depth: Bits a sample.

    Returns:
        [height, width], the dtype of `plane`.
    """
    out = np.empty((height, width), plane.dtype)
    both = chroma.startswith("420")
    fraction = _VERTICAL_BITS - bit_depth if both else 0
    across = _middle_samples if chroma.endswith("mpeg2") else _quarter_samples
    padded = np.pad(plane, [(3 * both, 3 * both), (3, 4)], mode="edge")
    for top in range(0, plane.shape[0], _STRIP):
        first = 2 * top if both else top
        if both:
            lines = _double_rows(padded[top : top + _STRIP + 6], bit_depth)[: height - first]
        else:
            lines = padded[top : top + _STRIP].astype(np.int32)
        for parity, samples in enumerate(across(lines, fraction)):
            columns = (width + 1 - parity) // 2
            samples = np.clip(samples, 0, (1 << bit_depth) - 1)
            out[first : first + len(lines), parity::2] = samples[:, :columns]
    return out


def _double_rows(padded: NDArray[np.unsignedinteger], bit_depth: int) -> Signed:
    """Filter vertically: two rows of `_VERTICAL_BITS` bits for each but the 3 first and last rows."""
    # At most 98/64 of the largest sample times 64: of 8 bits that fits int16.
    rows: Signed = padded.astype(np.int16 if bit_depth == 8 else np.int32)
    views = [rows[k : k + len(rows) - 6] for k in range(7)]
    pair = [_weighted_sum(_UP_TAPS, views[::-1]), _weighted_sum(_UP_TAPS, views)]
    lines = np.stack(pair, axis=1).reshape(-1, padded.shape[1])
    shift = bit_depth - 8
    return (
        (lines + ((1 << shift) >> 1) >> shift).astype(np.int32) if shift else lines.astype(np.int32)
    )


def _quarter_samples(padded: Signed, fraction: int) -> tuple[Signed, Signed]:
    """Filter horizontally, padded by 3 and 4: samples a quarter before and after each input."""
    length = padded.shape[1] - 7
    views = [padded[:, k : k + length] for k in range(7)]
    shift = 6 + fraction
    half = 1 << shift - 1
    before, after = _weighted_sum(_UP_TAPS, views[::-1]), _weighted_sum(_UP_TAPS, views)
    return before + half >> shift, after + half >> shift


def _middle_samples(padded: Signed, fraction: int) -> tuple[Signed, Signed]:
    """Filter horizontally, padded by 3 and 4: each input, and the sample half way to the next."""
    length = padded.shape[1] - 7
    shift = 6 + fraction
    middle = _weighted_sum(_MIDDLE_TAPS, [padded[:, k : k + length] for k in range(8)])
    same = padded[:, 3 : 3 + length] + ((1 << fraction) >> 1) >> fraction
    return same, middle + (1 << shift - 1) >> shift


def _weighted_sum(weights: tuple[int, ...], arrays: list[Signed]) -> Signed:
    total = weights[0] * arrays[0]
    for weight, array in zip(weights[1:], arrays[1:], strict=True):
        total += weight * array
    return total

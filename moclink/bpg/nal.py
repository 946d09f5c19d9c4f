"""NAL units of an HEVC byte stream: splitting, and finding what belongs to one picture and one layer.

References:
    ITU-T H.265, 7.3.1 and 7.4.2.2 (NAL unit header and types), annex B (byte stream).
    BPG specification 0.9.5, 3.2: the alpha plane is coded as the layer with `nuh_layer_id` 1.
"""

from __future__ import annotations

from collections.abc import Sequence

VPS, SPS, PPS = 32, 33, 34
_FIRST_SLICE = 0x80  # first_slice_segment_in_pic_flag, the first bit behind the header
# Parameter sets, delimiters, SEI before a picture, reserved types: none comes between a picture's
# slices.
_BEFORE_PICTURE = frozenset({32, 33, 34, 35, 39}) | frozenset(range(41, 64))


def split_nals(stream: bytes) -> list[bytes]:
    """Split a byte stream at its start codes into NAL units of at least 2 bytes."""
    # A start code may have a zero byte before it, and a NAL unit never ends in one.
    return [nal for part in stream.split(b"\0\0\1")[1:] if len(nal := part.rstrip(b"\0")) >= 2]


def nal_type(nal: bytes) -> int:
    """Return `nal_unit_type`, 0 to 63; below 32 are slices."""
    return nal[0] >> 1 & 63


def layer_id(nal: bytes) -> int:
    """Return `nuh_layer_id`, 0 to 63."""
    return (nal[0] & 1) << 5 | nal[1] >> 3


def split_layers(nals: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Part colour from alpha, which is rewritten as a layer 0 of its own.

    Returns:
        The NAL units of the colour planes, and those of the alpha plane.
    """
    colour = [nal for nal in nals if layer_id(nal) != 1]
    alpha = [nal[:1] + bytes([nal[1] & 7]) + nal[2:] for nal in nals if layer_id(nal) == 1]
    return colour, alpha


def first_picture(nals: Sequence[bytes], layers: int) -> list[bytes]:
    """Return the NAL units of an animation's first picture, with all its layers (1, or 2 with alpha)."""
    started: set[int] = set()
    kept = []
    for nal in nals:
        first_slice = nal_type(nal) < VPS and len(nal) > 2 and bool(nal[2] & _FIRST_SLICE)
        if len(started) == layers and (first_slice or nal_type(nal) in _BEFORE_PICTURE):
            break
        if first_slice:
            started.add(int(layers == 2 and layer_id(nal) == 1))
        kept.append(nal)
    return kept

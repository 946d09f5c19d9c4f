"""A picture to a BPG file and back: the package's two main calls.

    RGB -> Y, Cb, Cr -> [libx265] -> PPS, slice -> BPG file
    RGB <- Y, Cb, Cr <- [FFmpeg]  <- VPS, SPS, PPS, slice <- BPG file

Images are uint8 RGB (RGBA where the file has alpha); arguments are checked here, files in the
modules below.
"""

from __future__ import annotations

import numbers
import warnings

import numpy as np
from numpy.typing import NDArray

from .alpha import add_alpha, multiply_by_white
from .chroma import upsample
from .color import to_planes, to_rgb
from .container import (
    ENCODED_CHROMA,
    BpgInfo,
    CodedPicture,
    check_supported,
    file_bytes,
    read_info,
    read_picture,
    write_file,
)
from .errors import BpgTooLargeError
from .hevc import MAX_SIDE, PRESETS, coded_size, decode_planes, encode_planes
from .nal import first_picture, split_layers, split_nals

MAX_QP = 51
DEFAULT_MAX_PIXELS = MAX_SIDE**2  # whatever `encode` writes can be read


def encode(
    image: NDArray[np.uint8],
    qp: float,
    chroma: str = "420",
    preset: str = "slow",
    md5: bool = False,
) -> bytes:
    """Encode a picture as a BPG file: 8 bits, full-range BT.601.

    The same arguments give the same bytes with one build of libx265, whatever the machine's cores.

    Args:
        image: RGB, uint8 [H, W, 3], sides of 1 to 8192 pixels.
        qp: Quantiser parameter, 0 (best) to 51 (smallest); bpgenc's `-q`, whose default is 29. A
            fraction gives some blocks the integer below it and the others the one above.
        chroma: "420" (bpgenc's default), "444", or "gray", which keeps the luma alone.
        preset: libx265's speed preset; "slow" matches the reference encoder's rate, "medium" does
            not.
        md5: Whether to add an MD5 of the samples (57 bytes in colour), by which `decode` with
            `strict` finds damage.

    Returns:
        The file.

    Raises:
        ValueError: If an argument is out of range.
        BpgTooLargeError: If a side is longer than 8192 pixels.
        BpgError: If libx265 fails.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image is {image.dtype} {list(image.shape)}: it must be uint8 [H, W, 3]")
    height, width = image.shape[:2]
    if not 1 <= min(height, width) <= max(height, width) <= MAX_SIDE:
        raise BpgTooLargeError(
            f"image is {width} x {height} pixels: both sides must be 1 to {MAX_SIDE}"
        )
    number = isinstance(qp, numbers.Real) and not isinstance(qp, bool)
    if not number or not 0 <= qp <= MAX_QP:  # NaN is not in the range either
        raise ValueError(f"qp is {qp!r}: it must be an int or float from 0 to {MAX_QP}")
    if not isinstance(chroma, str) or chroma not in ENCODED_CHROMA:
        there = ", ".join(map(repr, ENCODED_CHROMA))
        raise ValueError(f"chroma is {chroma!r}: it must be one of {there}, as text")
    _check_switch("md5", md5)
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}: it must be one of {', '.join(PRESETS)}")
    rows, columns = coded_size(height, width)
    planes: list[NDArray[np.unsignedinteger]] = []
    for plane in to_planes(image, chroma):
        half = chroma == "420" and bool(planes)
        target = (rows // 2, columns // 2) if half else (rows, columns)
        missing = [(0, side - have) for side, have in zip(target, plane.shape, strict=True)]
        planes.append(np.pad(plane, missing, mode="edge"))
    sequence, hevc_data = encode_planes(planes, chroma, float(qp), preset, md5)
    return write_file(height, width, chroma, sequence, hevc_data)


def decode(
    data: bytes, strict: bool = False, max_pixels: int = DEFAULT_MAX_PIXELS
) -> NDArray[np.uint8]:
    """Decode a BPG file to the reference decoder's pixels.

    Damage in the coded picture usually goes unnoticed in HEVC: what comes out is a damaged picture,
    and by default that is returned, for it is what a receiver sees. Of an animation the first
    picture is returned, with a warning.

    Args:
        data: The file: bytes, or what holds bytes in memory (bytearray, memoryview, memory map).
        strict: Whether to raise on every error that the decoder notices: truncation, broken syntax
            and, in a file made with `md5`, any wrong sample. (The file header, with size and colour
            space, is not covered by the MD5.) It takes twice the time.
        max_pixels: Largest number of pixels to decode; a header that claims more is refused before
            anything is allocated. The default is 2^26 (8192 x 8192).

    Returns:
        RGB, uint8 [H, W, 3]; a grey picture has three equal channels. Straight (not premultiplied)
        RGBA, [H, W, 4], if the file has an alpha plane. Samples of more than 8 bits are rounded to
        8.

    Raises:
        CorruptBpgError: If the data break the format or hold no picture that can be decoded.
        UnsupportedBpgError: If the file uses what FFmpeg does not decode, or decodes wrongly.
        BpgTooLargeError: If the picture is larger than `max_pixels`.
        ValueError: If an argument is of another type.
    """
    data = file_bytes(data)
    _check_switch("strict", strict)
    if not isinstance(max_pixels, numbers.Real):
        raise ValueError(f"max_pixels is {max_pixels!r}: it must be a number of pixels")
    info = read_info(data)
    check_supported(info)
    if info.width * info.height > max_pixels:
        raise BpgTooLargeError(
            f"picture is {info.width} x {info.height} pixels: max_pixels allows {max_pixels}"
        )
    if info.animation:
        warnings.warn(
            "the BPG file is an animation: only its first picture is decoded", stacklevel=2
        )
    picture = read_picture(data, info, strict)
    layers = 1 if picture.alpha_sequence is None else 2
    nals = split_nals(b"\0\0\1" + picture.hevc_data)
    if info.animation:
        nals = first_picture(nals, layers)
    colour, fourth = split_layers(nals) if layers == 2 else (nals, [])
    rgb = _decode_colour(colour, picture, info, strict)
    if picture.alpha_sequence is None:
        return rgb
    (plane,) = decode_planes(
        fourth, picture.alpha_sequence, info.height, info.width, "gray", strict, info.bit_depth
    )
    if info.cmyk:
        return multiply_by_white(rgb, plane, info.bit_depth)
    return add_alpha(rgb, plane, info.bit_depth, info.premultiplied)


def _check_switch(name: str, value: object) -> None:
    """Raise unless this is true or false: a word such as "no" would count as true."""
    if not isinstance(value, (bool, np.bool_)) and value not in (0, 1):
        raise ValueError(f"{name} is {value!r}: it must be True or False")


def _decode_colour(
    nals: list[bytes], picture: CodedPicture, info: BpgInfo, strict: bool
) -> NDArray[np.uint8]:
    size = (info.height, info.width)
    coded_chroma = info.chroma.removesuffix("-mpeg2")
    planes = decode_planes(nals, picture.sequence, *size, coded_chroma, strict, info.bit_depth)
    if coded_chroma in ("420", "422"):
        full = [upsample(plane, *size, info.chroma, info.bit_depth) for plane in planes[1:]]
        planes = [planes[0], *full]
    return to_rgb(planes, info.color_space, info.limited_range, info.bit_depth)

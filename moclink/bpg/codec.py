"""A picture to a BPG file and back: the package's two main calls.

    RGB -> Y, Cb, Cr -> [libx265] -> PPS, slice -> BPG file
    RGB <- Y, Cb, Cr <- [FFmpeg]  <- VPS, SPS, PPS, slice <- BPG file

Images are uint8 RGB; arguments are checked here, files in the modules below.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .color import to_planes, to_rgb, upsample
from .container import CHROMA_FORMATS, check_supported, read_info, read_picture, write_file
from .errors import UnsupportedBpgError
from .hevc import MAX_SIDE, PRESETS, coded_size, decode_planes, encode_planes

MAX_QP = 51
DEFAULT_MAX_PIXELS = 2**24  # 4096 x 4096


def encode(
    image: NDArray[np.uint8], qp: int, chroma: str = "420", preset: str = "slow", md5: bool = False
) -> bytes:
    """Encode a picture as a BPG file: 8 bits, full-range BT.601.

    The same arguments give the same bytes with one build of libx265, whatever the machine's cores.

    Args:
        image: RGB, uint8 [H, W, 3], sides of 1 to 8192 pixels.
        qp: Quantiser parameter, 0 (best) to 51 (smallest); bpgenc's `-q`, whose default is 29.
        chroma: "420" (bpgenc's default), "444", or "gray", which keeps the luma alone.
        preset: libx265's speed preset; "slow" matches the reference encoder's rate, "medium" does not.
        md5: Whether to add an MD5 of the samples (57 bytes in colour), by which `decode` with
            `strict` finds damage.

    Returns:
        The file.

    Raises:
        ValueError: If an argument is out of range.
        BpgError: If libx265 fails.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image is {image.dtype} {list(image.shape)}: it must be uint8 [H, W, 3]")
    height, width = image.shape[:2]
    if not 1 <= min(height, width) <= max(height, width) <= MAX_SIDE:
        raise ValueError(f"image is {width} x {height} pixels: both sides must be 1 to {MAX_SIDE}")
    if isinstance(qp, bool) or not isinstance(qp, (int, np.integer)) or not 0 <= qp <= MAX_QP:
        raise ValueError(f"qp is {qp!r}: it must be an integer from 0 to {MAX_QP}")
    if chroma not in CHROMA_FORMATS:
        raise ValueError(f"chroma is {chroma!r}: it must be one of {', '.join(CHROMA_FORMATS)}")
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}: it must be one of {', '.join(PRESETS)}")
    rows, columns = coded_size(height, width)
    planes: list[NDArray[np.uint8]] = []
    for plane in to_planes(image, chroma):
        half = chroma == "420" and bool(planes)
        target = (rows // 2, columns // 2) if half else (rows, columns)
        missing = [(0, side - have) for side, have in zip(target, plane.shape, strict=True)]
        planes.append(np.pad(plane, missing, mode="edge"))
    sequence, hevc_data = encode_planes(planes, chroma, int(qp), preset, md5)
    return write_file(height, width, chroma, sequence, hevc_data)


def decode(data: bytes, strict: bool = False, max_pixels: int = DEFAULT_MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode a BPG file to the reference decoder's pixels.

    Damage in the coded picture usually goes unnoticed in HEVC: what comes out is a damaged picture, and by
    default that is returned, for it is what a receiver sees.

    Args:
        data: The file.
        strict: Whether to raise on every error that the decoder notices: truncation, broken syntax and,
            in a file made with `md5`, any wrong sample. (The file header, with size and colour space, is
            not covered by the MD5.)
        max_pixels: Largest number of pixels to decode; a header that claims more is refused before
            anything is allocated.

    Returns:
        RGB, uint8 [H, W, 3]; a grey picture has three equal channels.

    Raises:
        CorruptBpgError: If the data break the format or hold no picture that can be decoded.
        UnsupportedBpgError: If the file uses what this package refuses, or is larger than `max_pixels`.
    """
    data = bytes(data)
    info = read_info(data)
    check_supported(info)
    if info.width * info.height > max_pixels:
        raise UnsupportedBpgError(
            f"picture is {info.width} x {info.height} pixels: max_pixels allows {max_pixels}"
        )
    sequence, hevc_data = read_picture(data, info, strict)
    planes = decode_planes(hevc_data, sequence, info.height, info.width, info.chroma, strict)
    if info.chroma == "420":
        planes = planes[:1] + [upsample(plane, info.height, info.width) for plane in planes[1:]]
    return to_rgb(planes, info.color_space, info.limited_range)

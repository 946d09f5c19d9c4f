"""HEVC intra pictures through PyAV: planes -> NAL units with libx265, NAL units -> planes with FFmpeg.

Both run on one thread: the bytes and pixels then do not depend on the machine, and whoever wants
several cores works on several pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import BpgError, CorruptBpgError
from .nal import PPS, SPS, VPS, nal_type, split_nals
from .sequence import SequenceParameters
from .sps import read_sps, write_parameter_sets

if TYPE_CHECKING:  # loaded where pictures are coded: a machine may lack FFmpeg
    import av

Planes = list[NDArray[np.unsignedinteger]]  # Y, or Y, Cb, Cr, each [rows, columns]

PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
MAX_SIDE = 8192  # pixels; HEVC's highest levels end at 16888, but no picture of ours comes near
_PIXEL_FORMATS = {"gray": "gray", "420": "yuv420p", "422": "yuv422p", "444": "yuv444p"}
_INTRA_STEP = (
    3  # at constant qp libx265 codes an intra picture so far below the qp that it is given
)
# Slices, PPS and the two kinds of SEI. A parameter set or an end-of-sequence mark inside the data
# is a forgery of bit errors: an SPS could change the picture's size behind the header's back.
_PASSED_TYPES = frozenset(range(22)) | {PPS, 39, 40}
_PADDING = 64  # FFmpeg's AV_INPUT_BUFFER_PADDING_SIZE
_MAX_PPS = 64  # HEVC has no more identifiers
# A damaged slice can cover the picture again from its address on. Pixels times slices is bounded,
# so that false start codes in damaged data cannot cost hours; the reference encoder writes one
# slice a picture.
MAX_SLICE_WORK = 2**26


def coded_size(height: int, width: int) -> tuple[int, int]:
    """Return the size to which `encode_planes` needs its planes padded.

    The picture is filled up to whole minimum coding blocks: 8 x 8, or 16 x 16 where a side has at
    most 16 pixels, because libx265 refuses a side of one 8 x 8 block. In long strips they are 32 x
    32: above 4096 pixels it needs coding tree blocks of 32 and pictures that hold one.
    """
    block = _min_coding_block(height, width)
    return -(-height // block) * block, -(-width // block) * block


def _min_coding_block(height: int, width: int) -> int:
    # Padding must not change the answer: the encoder asks again with the padded size.
    if min(height, width) <= 32 and max(height, width) > 4096:
        return 32
    return 16 if min(height, width) <= 16 else 8


def encode_planes(
    planes: Planes, chroma: str, qp: float, preset: str, md5: bool
) -> tuple[SequenceParameters, bytes]:
    """Encode one picture with libx265 at a constant quantiser.

    Args:
        planes: uint8 planes, Y [H, W] (and Cb, Cr of their own size), padded to `coded_size`.
        chroma: "gray", "420" or "444".
        qp: Quantiser parameter, 0 to 51. A fraction gives some blocks the integer below it and the
            others the one above.
        preset: One of `PRESETS`.
        md5: Whether to add the MD5 of the planes, by which a decoder can find damage.

    Returns:
        The sequence parameters, and PPS and slices as BPG keeps them (no first start code).

    Raises:
        BpgError: If libx265 fails.
    """
    import av

    height, width = planes[0].shape
    parameters = _parameters(height, width, qp, preset) | {"hash": int(md5)}
    try:
        context = av.CodecContext.create("libx265", "w")
        context.width, context.height = width, height
        context.pix_fmt = _PIXEL_FORMATS[chroma]
        context.time_base = Fraction(1, 25)
        context.thread_count = 1
        context.options = {
            "preset": preset,
            # Without it libx265 spends bits on texture that PSNR does not reward: 11 to 15 % in
            # 4:4:4.
            "tune": "ssim",
            "x265-params": ":".join(f"{name}={value}" for name, value in parameters.items()),
        }
        packets = context.encode(to_frame(planes, chroma)) + context.encode(None)
    except av.FFmpegError as error:
        raise BpgError(
            f"libx265 failed on {width} x {height} {chroma}, qp {qp}, preset {preset}: {error.strerror}"
        ) from error
    nals = split_nals(b"".join(bytes(packet) for packet in packets))
    sequence = next(
        (read_sps(nal, height, width, chroma) for nal in nals if nal_type(nal) == SPS), None
    )
    kept = [nal for nal in nals if nal_type(nal) not in (VPS, SPS)]
    if sequence is None or not kept or nal_type(kept[0]) != PPS:
        raise BpgError("libx265 gave no picture that starts with SPS and PPS")
    return sequence, b"\0\0\1".join(kept)


def _parameters(height: int, width: int, qp: float, preset: str) -> dict[str, object]:
    """Return the parameters of libx265 for one picture of `coded_size`."""
    block = _min_coding_block(height, width)
    parameters: dict[str, object] = {
        "keyint": 1,
        "bframes": 0,
        "scenecut": 0,
        "repeat-headers": 1,
        "info": 0,
        "log-level": "none",
        "amp": 1,
        "rect": 1,
        "temporal-mvp": 1,
        "frame-threads": 1,
        "pools": "none",
        "wpp": 0,
        "min-cu-size": block,  # the fastest presets would take another
    }
    if block > 8:
        parameters["ctu"] = block
    if preset == "placebo" and min(height, width) <= 32:
        # Small pictures have small coding tree blocks, and libx265 refuses transform trees deeper
        # than these.
        parameters |= {"tu-intra-depth": 3, "tu-inter-depth": 3}
    if qp == int(qp):
        return parameters | {"qp": int(qp)}
    # Constant quality without rate control is a fractional qp, to which the smallest useful
    # strength of adaptive quantisation adds an offset around 0 by the variance of each block,
    # before rounding.
    fraction = {"crf": max(qp - _INTRA_STEP, 0), "qcomp": 1, "cutree": 0, "rc-lookahead": 0}
    group = max(block, 32 if min(height, width) > 64 else 16)
    return parameters | fraction | {"aq-mode": 2, "aq-strength": 0.3, "qg-size": group}


def check_available() -> None:
    """Raise ImportError if PyAV, which holds the HEVC codecs, cannot be loaded."""
    import av  # noqa: F401


def to_frame(planes: Planes, chroma: str) -> av.VideoFrame:
    """Planes uint8 [height, width] of one picture as a frame of PyAV."""
    import av

    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, _PIXEL_FORMATS[chroma])
    for target, source in zip(frame.planes, planes, strict=True):
        rows = np.frombuffer(memoryview(target), np.uint8).reshape(target.height, target.line_size)
        rows[:, : source.shape[1]] = source
    frame.pts = 0
    return frame


def decode_planes(
    nals: Sequence[bytes],
    sequence: SequenceParameters,
    height: int,
    width: int,
    chroma: str,
    strict: bool,
    bit_depth: int = 8,
) -> Planes:
    """Decode one picture with FFmpeg.

    Args:
        nals: PPS, slices and SEI of one picture and one layer.
        sequence: The file's sequence parameters.
        height: Picture height in pixels.
        width: Picture width in pixels.
        chroma: "gray", "420", "422" or "444".
        strict: Whether to raise on any error that FFmpeg notices, a wrong MD5 among them, and where
            the last slice is cut short. If not, a damaged picture is returned as it comes out.
        bit_depth: Bits a sample.

    Returns:
        uint8 (8 bits) or uint16 planes, cropped to the picture (chroma: half of it, rounded up,
        where it is subsampled).

    Raises:
        CorruptBpgError: If no picture comes out, or one of another size or format.
    """
    coded = sequence.coded_size(height, width)
    kept = _checked_nals(nals, coded[0] * coded[1], strict)
    headers = write_parameter_sets(sequence, *coded, chroma, bit_depth)
    wanted = (*coded, _PIXEL_FORMATS[chroma] + ("" if bit_depth == 8 else f"{bit_depth}le"))
    planes = _crop(_decode(headers + kept, strict, wanted), height, width, chroma)
    if strict:
        last = max(place for place, nal in enumerate(kept) if nal_type(nal) < VPS)
        longer = [nal + b"\xff" * _PADDING * (place == last) for place, nal in enumerate(kept)]
        again = _crop(_decode(headers + longer, strict, wanted), height, width, chroma)
        # A whole slice ends inside its data. Only a cut one depends on what follows: zeros, or
        # these ones.
        if not all(np.array_equal(one, other) for one, other in zip(planes, again, strict=True)):
            raise CorruptBpgError("file is truncated: the coded picture ends early")
    return planes


def _decode(stream: list[bytes], strict: bool, wanted: tuple[int, int, str]) -> av.VideoFrame:
    """Return the first picture of a stream, which must have the wanted height, width and format."""
    import av

    # FFmpeg reads behind the end of damaged slices, and PyAV hands it these very bytes without the
    # padding that it asks for: with zeros of our own it finds the same there every time, and nobody
    # else's memory.
    packet = av.Packet(b"".join(b"\0\0\0\1" + nal for nal in stream) + bytes(_PADDING))
    context = av.CodecContext.create("hevc", "r")
    context.thread_count = 1
    context.thread_type = "NONE"
    context.options = {"err_detect": "crccheck+explode"} if strict else {}
    try:
        frames = context.decode(packet) + context.decode(None)
    except av.FFmpegError as error:
        raise CorruptBpgError(f"the HEVC data cannot be decoded: {error.strerror}") from error
    if not frames:
        raise CorruptBpgError("the HEVC data hold no picture that can be decoded")
    frame = frames[0]
    found = (frame.height, frame.width, frame.format.name)
    if found != wanted:
        raise CorruptBpgError(f"the decoded picture is {found}, not {wanted}")
    return frame


def _crop(frame: av.VideoFrame, height: int, width: int, chroma: str) -> Planes:
    rows = -(-height // 2) if chroma == "420" else height
    columns = -(-width // 2) if chroma in ("420", "422") else width
    dtype = np.dtype("<u2" if frame.format.name.endswith("le") else "u1")
    planes = []
    for place, plane in enumerate(frame.planes):
        line = plane.line_size // dtype.itemsize
        pixels = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, line)
        planes.append(pixels[:rows, :columns] if place else pixels[:height, :width])
    return planes


def _checked_nals(nals: Sequence[bytes], pixels: int, strict: bool) -> list[bytes]:
    """Drop what does not belong into a file, and bound the work that the rest can cause."""
    kept = [nal for nal in nals if nal_type(nal) in _PASSED_TYPES]
    if strict and len(kept) < len(nals):
        raise CorruptBpgError("the HEVC data hold NAL units other than PPS, slices and SEI")
    pps = sum(nal_type(nal) == PPS for nal in kept)
    slices = sum(nal_type(nal) < VPS for nal in kept)
    if not slices:
        raise CorruptBpgError("the HEVC data hold no slice")
    if pps > _MAX_PPS or (slices > 1 and slices * pixels > MAX_SLICE_WORK):
        raise CorruptBpgError(
            f"{pps} PPS and {slices} slices are too many for a picture of {pixels} pixels"
        )
    return kept

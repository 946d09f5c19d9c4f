"""HEVC intra pictures through PyAV: planes -> NAL units with libx265, NAL units -> planes with FFmpeg.

Both run on one thread: the bytes and pixels then do not depend on the machine, and whoever wants
several cores works on several pictures.
"""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from .errors import BpgError, CorruptBpgError
from .sequence import SequenceParameters
from .sps import read_sps, write_parameter_sets

Planes = list[NDArray[np.uint8]]  # Y, or Y, Cb, Cr, each [rows, columns]

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
_PIXEL_FORMATS = {"gray": "gray", "420": "yuv420p", "444": "yuv444p"}
_VPS, _SPS, _PPS = 32, 33, 34
# Slices, PPS and the two kinds of SEI. A parameter set or an end-of-sequence mark inside the data is
# a forgery of bit errors: an SPS could change the picture's size behind the header's back.
_PASSED_TYPES = frozenset(range(22)) | {_PPS, 39, 40}
_PADDING = 64  # FFmpeg's AV_INPUT_BUFFER_PADDING_SIZE
_MAX_PPS = 64  # HEVC has no more identifiers
# A damaged slice can cover the picture again from its address on. Pixels times slices is bounded, so that
# false start codes in damaged data cannot cost hours; the reference encoder writes one slice a picture.
_MAX_SLICE_WORK = 2**26


def coded_size(height: int, width: int) -> tuple[int, int]:
    """Return the size to which `encode_planes` wants its planes padded.

    The picture is filled up to whole minimum coding blocks: 8 x 8, or 16 x 16 where a side has at most
    16 pixels, because libx265 refuses a side of one 8 x 8 block. In long strips they are 32 x 32: above
    4096 pixels it wants coding tree blocks of 32 and pictures that hold one.
    """
    block = _min_coding_block(height, width)
    return -(-height // block) * block, -(-width // block) * block


def _min_coding_block(height: int, width: int) -> int:
    # Padding must not change the answer: the encoder asks again with the padded size.
    if min(height, width) <= 32 and max(height, width) > 4096:
        return 32
    return 16 if min(height, width) <= 16 else 8


def encode_planes(
    planes: Planes, chroma: str, qp: int, preset: str, md5: bool
) -> tuple[SequenceParameters, bytes]:
    """Encode one picture with libx265 at a constant quantiser.

    Args:
        planes: uint8 planes, Y [H, W] (and Cb, Cr of their own size), padded to `coded_size`.
        chroma: "gray", "420" or "444".
        qp: Quantiser parameter, 0 to 51.
        preset: One of `PRESETS`.
        md5: Whether to add the MD5 of the planes, by which a decoder can find damage.

    Returns:
        The sequence parameters, and PPS and slices as BPG keeps them (no first start code).

    Raises:
        BpgError: If libx265 fails.
    """
    height, width = planes[0].shape
    block = _min_coding_block(height, width)
    parameters = {
        "qp": qp,
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
        "hash": int(md5),
        "min-cu-size": block,  # the fastest presets would take another
    }
    if block > 8:
        parameters["ctu"] = block
    try:
        context = av.CodecContext.create("libx265", "w")
        context.width, context.height = width, height
        context.pix_fmt = _PIXEL_FORMATS[chroma]
        context.time_base = Fraction(1, 25)
        context.thread_count = 1
        context.options = {
            "preset": preset,
            # Without it libx265 spends bits on texture that PSNR does not reward: 11 to 15 % in 4:4:4.
            "tune": "ssim",
            "x265-params": ":".join(f"{name}={value}" for name, value in parameters.items()),
        }
        packets = context.encode(_to_frame(planes, chroma)) + context.encode(None)
    except av.FFmpegError as error:
        raise BpgError(
            f"libx265 failed on {width} x {height} {chroma}, qp {qp}, preset {preset}: {error.strerror}"
        ) from error
    nals = split_nals(b"".join(bytes(packet) for packet in packets))
    sequence = next((read_sps(nal, height, width, chroma) for nal in nals if _nal_type(nal) == _SPS), None)
    kept = [nal for nal in nals if _nal_type(nal) not in (_VPS, _SPS)]
    if sequence is None or not kept or _nal_type(kept[0]) != _PPS:
        raise BpgError("libx265 gave no picture that starts with SPS and PPS")
    return sequence, b"\0\0\1".join(kept)


def _to_frame(planes: Planes, chroma: str) -> av.VideoFrame:
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, _PIXEL_FORMATS[chroma])
    for target, source in zip(frame.planes, planes, strict=True):
        rows = np.frombuffer(memoryview(target), np.uint8).reshape(target.height, target.line_size)
        rows[:, : source.shape[1]] = source
    frame.pts = 0
    return frame


def decode_planes(
    hevc_data: bytes, sequence: SequenceParameters, height: int, width: int, chroma: str, strict: bool
) -> Planes:
    """Decode one picture with FFmpeg.

    Args:
        hevc_data: PPS and slices as BPG keeps them.
        sequence: The file's sequence parameters.
        height: Picture height in pixels.
        width: Picture width in pixels.
        chroma: "gray", "420" or "444".
        strict: Whether to raise on any error that FFmpeg notices, a wrong MD5 among them. If not, a
            damaged picture is returned as it comes out.

    Returns:
        uint8 planes, cropped to the picture (chroma: half of it, rounded up).

    Raises:
        CorruptBpgError: If no picture comes out, or one of another size or format.
    """
    coded = sequence.coded_size(height, width)
    nals = _checked_nals(hevc_data, coded[0] * coded[1], strict)
    stream = write_parameter_sets(sequence, *coded, chroma) + nals
    # FFmpeg reads behind the end of damaged slices, and PyAV hands it these very bytes without the padding
    # that it asks for: with zeros of our own it finds the same there every time, and nobody else's memory.
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
    if found != (*coded, _PIXEL_FORMATS[chroma]):
        raise CorruptBpgError(f"the decoded picture is {found}, not {(*coded, _PIXEL_FORMATS[chroma])}")
    return _from_frame(frame, height, width, chroma)


def _from_frame(frame: av.VideoFrame, height: int, width: int, chroma: str) -> Planes:
    half = (-(-height // 2), -(-width // 2)) if chroma == "420" else (height, width)
    planes = []
    for plane, (rows, columns) in zip(frame.planes, ((height, width), half, half), strict=False):
        pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        planes.append(pixels[:rows, :columns])
    return planes


def _checked_nals(hevc_data: bytes, pixels: int, strict: bool) -> list[bytes]:
    """Split the data, drop what does not belong there, and bound the work they can cause."""
    nals = split_nals(b"\0\0\1" + hevc_data)
    kept = [nal for nal in nals if _nal_type(nal) in _PASSED_TYPES]
    if strict and len(kept) < len(nals):
        raise CorruptBpgError("the HEVC data hold NAL units other than PPS, slices and SEI")
    pps = sum(_nal_type(nal) == _PPS for nal in kept)
    slices = sum(_nal_type(nal) < _VPS for nal in kept)
    if not slices:
        raise CorruptBpgError("the HEVC data hold no slice")
    if pps > _MAX_PPS or (slices > 1 and slices * pixels > _MAX_SLICE_WORK):
        raise CorruptBpgError(f"{pps} PPS and {slices} slices are too many for a picture of {pixels} pixels")
    return kept


def split_nals(stream: bytes) -> list[bytes]:
    """Split a byte stream at its start codes (ITU-T H.265, annex B) into NAL units of at least 2 bytes."""
    # A start code may have a zero byte before it, and a NAL unit never ends in one.
    return [nal for part in stream.split(b"\0\0\1")[1:] if len(nal := part.rstrip(b"\0")) >= 2]


def _nal_type(nal: bytes) -> int:
    return nal[0] >> 1 & 63

"""BPG files of kinds that the package reads and does not write, built here from lossless HEVC."""

from fractions import Fraction

import av
import numpy as np

from moclink.bpg import chroma as chroma_filters
from moclink.bpg import color
from moclink.bpg.bits import write_ue7
from moclink.bpg.container import PIXEL_FORMATS
from moclink.bpg.nal import split_nals
from moclink.bpg.sequence import SequenceParameters, write_sequence
from moclink.bpg.sps import read_sps

PIXELS = {"gray": "gray", "420": "yuv420p", "422": "yuv422p", "444": "yuv444p"}


def lossless(
    planes: list[np.ndarray], chroma: str, bits: int
) -> tuple[SequenceParameters, list[bytes]]:
    """Code planes of any size losslessly: sequence parameters, PPS and slice."""
    height, width = planes[0].shape
    rows, columns = -(-height // 16) * 16, -(-width // 16) * 16
    context = av.CodecContext.create("libx265", "w")
    context.width, context.height, context.time_base = columns, rows, Fraction(1, 25)
    context.pix_fmt = PIXELS[chroma] + (f"{bits}le" if bits > 8 else "")
    parameters = (
        "lossless=1:keyint=1:bframes=0:repeat-headers=1:info=0:log-level=none:ctu=16:min-cu-size=16"
    )
    context.options = {
        "preset": "ultrafast",
        "x265-params": parameters
        + ":amp=1:rect=1:temporal-mvp=1:frame-threads=1:pools=none:hash=1",
    }
    frame = av.VideoFrame(columns, rows, context.pix_fmt)
    for place, (target, plane) in enumerate(zip(frame.planes, planes, strict=True)):
        down = 2 if place and chroma == "420" else 1
        across = 2 if place and chroma in ("420", "422") else 1
        missing = [(0, rows // down - plane.shape[0]), (0, columns // across - plane.shape[1])]
        lines = np.frombuffer(memoryview(target), plane.dtype).reshape(target.height, -1)
        lines[:, : columns // across] = np.pad(plane, missing, mode="edge")
    frame.pts = 0
    packets = context.encode(frame) + context.encode(None)
    nals = split_nals(b"".join(bytes(packet) for packet in packets))
    sps = next(nal for nal in nals if nal[0] >> 1 == 33)
    sequence = read_sps(sps, rows, columns, chroma, bits)
    return sequence, [nal for nal in nals if nal[0] >> 1 not in (32, 33)]


def layer_one(nal: bytes) -> bytes:
    return nal[:1] + bytes([nal[1] | 8]) + nal[2:]


def write_bpg(
    pictures: list[list[np.ndarray]],
    chroma: str,
    bits: int = 8,
    flags: int = 0,
    fourth: np.ndarray | None = None,
    cmyk: bool = False,
) -> bytes:
    """A BPG file, with the flags of its 6th byte; more than one picture make an animation."""
    height, width = pictures[0][0].shape
    headers, nals = [], []
    if fourth is not None:
        sequence, fourth_nals = lossless([fourth], "gray", bits)
        headers.append(write_sequence(sequence))
    for planes in pictures:
        sequence, colour = lossless(planes, chroma.removesuffix("-mpeg2"), bits)
        nals += ([layer_one(nal) for nal in fourth_nals] if fourth is not None else []) + colour
    headers.append(write_sequence(sequence))
    extension = b""
    if len(pictures) > 1:
        control = b"\x00\x01\x19"  # for ever, one 25th of a second
        extension = b"\x05" + write_ue7(len(control)) + control
        flags |= 9
    data = b"".join(write_ue7(len(header)) + header for header in headers) + b"\0\0\1".join(nals)
    alpha = 16 * (fourth is not None and not cmyk)
    first = bytes([PIXEL_FORMATS[chroma] << 5 | alpha | bits - 8, flags | 4 * cmyk])
    size = write_ue7(width) + write_ue7(height) + write_ue7(len(data))
    return (
        b"BPG\xfb"
        + first
        + size
        + (write_ue7(len(extension)) + extension if extension else b"")
        + data
    )


def random_planes(height: int, width: int, chroma: str, bits: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = -(-height // 2) if chroma.startswith("420") else height
    columns = -(-width // 2) if chroma[:3] in ("420", "422") else width
    shapes = [(height, width)] + [(rows, columns)] * (0 if chroma == "gray" else 2)
    return [
        rng.integers(0, 2**bits, shape).astype(np.uint8 if bits == 8 else np.uint16)
        for shape in shapes
    ]


def expected_rgb(
    planes: list[np.ndarray], chroma: str, bits: int, space: str = "ycbcr-bt601"
) -> np.ndarray:
    full = planes[1:]
    if chroma not in ("gray", "444"):
        full = [chroma_filters.upsample(plane, *planes[0].shape, chroma, bits) for plane in full]
    return color.to_rgb([planes[0], *full], space, False, bits)

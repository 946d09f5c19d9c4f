"""Files of kinds that this package reads and does not write, built here from lossless HEVC."""

import warnings
from fractions import Fraction

import av
import numpy as np
import pytest

from moclink import bpg
from moclink.bpg import chroma as chroma_filters
from moclink.bpg import color
from moclink.bpg.alpha import add_alpha, multiply_by_white
from moclink.bpg.bits import BitWriter, write_ue7
from moclink.bpg.container import PIXEL_FORMATS
from moclink.bpg.nal import split_nals
from moclink.bpg.sequence import Pcm, SequenceParameters, write_sequence
from moclink.bpg.sps import read_sps

SIZES = [(1, 1), (1, 2), (2, 1), (3, 5), (4, 4), (7, 16), (16, 9), (17, 17), (1, 40), (33, 3)]
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


def file_of(
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


def expected(
    planes: list[np.ndarray], chroma: str, bits: int, space: str = "ycbcr-bt601"
) -> np.ndarray:
    full = planes[1:]
    if chroma not in ("gray", "444"):
        full = [chroma_filters.upsample(plane, *planes[0].shape, chroma, bits) for plane in full]
    return color.to_rgb([planes[0], *full], space, False, bits)


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("chroma", ["gray", "420", "422", "444", "420-mpeg2", "422-mpeg2"])
def test_every_format_at_small_sizes(chroma, bits):
    for height, width in [
        (1, 1),
        (1, 2),
        (2, 1),
        (3, 5),
        (4, 4),
        (7, 16),
        (16, 9),
        (17, 17),
        (1, 40),
        (33, 3),
    ]:
        planes = random_planes(height, width, chroma, bits, 100 * height + width)
        image = bpg.decode(file_of([planes], chroma, bits), strict=True)
        np.testing.assert_array_equal(image, expected(planes, chroma, bits))


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("chroma", ["gray", "420", "444"])
def test_alpha_at_small_sizes(chroma, bits):
    for height, width in [(1, 1), (2, 3), (9, 16), (17, 5)]:
        planes = random_planes(height, width, chroma, bits, width)
        (alpha,) = random_planes(height, width, "gray", bits, width + 1)
        rgb = expected(planes, chroma, bits)
        for flags in (0, 4):  # 4: premultiplied
            image = bpg.decode(file_of([planes], chroma, bits, flags, alpha), strict=True)
            np.testing.assert_array_equal(
                image, add_alpha(rgb, alpha, bits, premultiplied=flags == 4)
            )


def test_cmyk():
    planes, (white,) = random_planes(9, 12, "444", 8, 1), random_planes(9, 12, "gray", 8, 2)
    image = bpg.decode(file_of([planes], "444", 8, 16, white, cmyk=True), strict=True)
    np.testing.assert_array_equal(
        image, multiply_by_white(expected(planes, "444", 8, "rgb"), white, 8)
    )


@pytest.mark.parametrize("with_alpha", [False, True])
def test_an_animation_gives_its_first_picture_and_a_warning(with_alpha):
    pictures = [random_planes(20, 30, "420", 8, seed) for seed in (1, 2)]
    alpha = np.full((20, 30), 77, np.uint8) if with_alpha else None
    with pytest.warns(UserWarning, match="only its first picture"):
        image = bpg.decode(file_of(pictures, "420", fourth=alpha), strict=True)
    np.testing.assert_array_equal(image[..., :3], expected(pictures[0], "420", 8))
    assert image.shape[2] == 3 + with_alpha


def test_a_still_picture_gives_no_warning():
    planes = random_planes(4, 4, "420", 8, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bpg.decode(file_of([planes], "420"))


class Cabac:
    """The arithmetic encoder of ITU-T H.265, 9.3.4, for the few bins that PCM needs."""

    def __init__(self, writer: BitWriter) -> None:
        self.writer, self.low, self.range, self.first, self.outstanding = writer, 0, 510, True, 0

    def put(self, bit: int) -> None:
        if not self.first:
            self.writer.u(1, bit)
        self.first = False
        for _ in range(self.outstanding):
            self.writer.u(1, 1 - bit)
        self.outstanding = 0

    def most_probable(self, least_range: int) -> None:
        self.range -= least_range
        self.renormalise()

    def terminate(self) -> None:
        self.low, self.range = self.low + self.range - 2, 2
        self.renormalise()
        self.put(self.low >> 9 & 1)
        self.writer.u(2, self.low >> 7 & 3 | 1)

    def renormalise(self) -> None:
        while self.range < 256:
            if self.low < 256:
                self.put(0)
            elif self.low >= 512:
                self.low -= 512
                self.put(1)
            else:
                self.low -= 256
                self.outstanding += 1
            self.low <<= 1
            self.range <<= 1


def pcm_picture(samples: np.ndarray, bits: int) -> list[bytes]:
    """PPS and slice of one grey 16 x 16 block of PCM samples, coded by hand."""
    pps = BitWriter()
    for kind, value in [("e", 0), ("e", 0), ("7", 0), ("e", 0), ("e", 0), ("e", 0), ("3", 0)]:
        pps.ue(value) if kind == "e" else pps.u(int(kind), value)
    pps.ue(0)  # cb and cr qp offsets
    pps.ue(0)
    pps.u(7, 0)  # no offsets in slices, weights, transquant bypass, tiles, wavefronts
    pps.u(4, 0b0101)  # filters end at slices; deblocking control present: no override, disabled
    pps.u(2, 0)
    pps.ue(0)
    pps.u(3, 0b001)  # no extensions; stop bit
    head = BitWriter()
    head.u(2, 0b10)  # first slice of the picture; earlier pictures stay
    head.ue(0)
    head.ue(2)  # intra
    head.ue(0)  # slice_qp_delta
    head.u(1, 1)
    start, tail = BitWriter(), BitWriter()
    coder = Cabac(start)
    coder.most_probable(240)  # part_mode 2Nx2N: state 0 at qp 26, first range
    coder.terminate()  # pcm_flag
    for sample in samples.reshape(-1):
        tail.u(bits, int(sample))
    end = BitWriter()
    Cabac(end).terminate()
    body = head.to_bytes() + start.to_bytes() + tail.to_bytes() + end.to_bytes()
    # Samples of at least 2^(bits - 4) leave no run of zeros that would need emulation prevention.
    return [b"\x44\x01" + pps.to_bytes(), b"\x28\x01" + body]


@pytest.mark.parametrize("bits", [8, 9, 10, 12])
def test_pcm_samples_of_every_bit_depth(bits):
    """9 bits, which libx265 does not write, too."""
    rng = np.random.default_rng(bits)
    samples = rng.integers(2 ** (bits - 4), 2**bits, (16, 16)).astype(
        np.uint8 if bits == 8 else np.uint16
    )
    pcm = Pcm(bits, bits, 4, 4, True)
    header = write_sequence(SequenceParameters(4, 4, 2, 4, 0, False, False, pcm))
    data = write_ue7(len(header)) + header + b"\0\0\1".join(pcm_picture(samples, bits))
    file = b"BPG\xfb" + bytes([bits - 8, 0]) + b"\x10\x10" + write_ue7(len(data)) + data
    np.testing.assert_array_equal(bpg.decode(file, strict=True), expected([samples], "gray", bits))

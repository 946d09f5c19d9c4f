import fractions
import hashlib

import numpy as np
import pytest

from moclink import bpg
from moclink.bpg import chroma as chroma_filters
from moclink.bpg import color
from moclink.bpg.bits import write_ue7

CHROMA = ("gray", "420", "444")
# PSNR over R, G and B of the reference encoder's files, from tests/refs/bpg/README.md.
REFERENCE_PSNR = {
    "astronaut-256x256-420-qp29": 35.99,
    "astronaut-256x256-444-qp20": 41.32,
    "coffee-250x187-420-qp20": 39.71,
    "coffee-250x187-444-qp40": 31.02,
    "chelsea-64x64-420-qp40": 28.65,
    "chelsea-64x64-444-qp29": 35.20,
    "coffee-250x187-gray-qp29": 39.58,
}


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = np.mean((one.astype(float) - other) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else np.inf


def uncoded(image: np.ndarray, chroma: str) -> np.ndarray:
    """The picture after the conversions alone, without HEVC between them."""
    planes = color.to_planes(image, chroma)
    if chroma == "420":
        planes = planes[:1] + [
            chroma_filters.upsample(plane, *image.shape[:2]) for plane in planes[1:]
        ]
    return color.to_rgb(planes, "ycbcr-bt601", False)


@pytest.fixture(scope="module")
def picture_2k(smooth) -> np.ndarray:
    """2040 x 1400 pixels, as the paper's pictures."""
    return smooth(1400, 2040, 11)


@pytest.mark.parametrize("strict", [False, True])
def test_reference_files_decode_to_the_reference_decoders_pixels(vector, strict):
    np.testing.assert_array_equal(bpg.decode(vector.data, strict=strict), vector.decoded)


@pytest.mark.parametrize("strict", [False, True])
def test_files_of_further_kinds_decode_to_the_reference_decoders_pixels(further, strict):
    """9 to 12 bits, 4:2:2, other colour spaces, limited range, alpha: exact."""
    image = bpg.decode(further.data, strict=strict)
    assert image.shape == further.shape
    assert hashlib.sha256(image.tobytes()).hexdigest() == further.sha256


def test_the_readme_quotes_the_right_quality(vector):
    assert psnr(vector.decoded, vector.source) == pytest.approx(
        REFERENCE_PSNR[vector.name], abs=0.006
    )


def test_implicit_rdpcm_is_refused(rdpcm_vector):
    with pytest.raises(bpg.UnsupportedBpgError, match="implicit_rdpcm"):
        bpg.decode(rdpcm_vector.data)


def test_rate_is_the_reference_encoders(vector):
    """At the reference file's PSNR, between two neighbouring qp, ours is at most 2 % larger."""
    target, source = REFERENCE_PSNR[vector.name], vector.source
    points = []
    for qp in range(vector.qp - 1, vector.qp + 5):
        data = bpg.encode(source, qp, vector.chroma)
        points.append((psnr(bpg.decode(data), source), np.log(len(data))))
    quality, log_size = np.array(points)[::-1].T
    assert quality[0] < target < quality[-1]
    assert np.exp(np.interp(target, quality, log_size)) <= 1.02 * len(vector.data)


@pytest.mark.parametrize("chroma", CHROMA)
def test_every_small_size(smooth, chroma):
    """1x1 to 20x20: FFmpeg's MD5 equals libx265's, and the picture is the right one."""
    qps = (0, 4, 29, 51)
    for height in range(1, 21):
        for width in range(1, 21):
            image = smooth(height, width, 20 * height + width)
            qp = qps[(height + width) % 4]
            decoded = bpg.decode(bpg.encode(image, qp, chroma, "ultrafast", md5=True), strict=True)
            assert decoded.shape == image.shape
            if qp <= 4:
                # Quantiser steps of at most 1 in each plane: 2 in RGB, where Cb weighs 1.772.
                assert np.abs(decoded.astype(int) - uncoded(image, chroma)).mean() < 2, (
                    height,
                    width,
                )


@pytest.mark.parametrize("chroma", CHROMA)
@pytest.mark.parametrize(("height", "width"), [(187, 250), (250, 187), (333, 1), (9, 17), (17, 65)])
def test_odd_sizes(smooth, chroma, height, width):
    image = smooth(height, width, 5)
    data = bpg.encode(image, 12, chroma, "ultrafast", md5=True)
    info = bpg.read_info(data)
    assert (info.height, info.width, info.chroma) == (height, width, chroma)
    assert info.data_length == len(data) - info.data_start
    assert psnr(bpg.decode(data, strict=True), uncoded(image, chroma)) > 42


@pytest.mark.parametrize(("height", "width"), [(1, 8192), (4097, 16), (24, 4104), (8192, 33)])
def test_strips(smooth, height, width):
    """libx265 has its own rules for long pictures."""
    image = smooth(height, width, 6)
    decoded = bpg.decode(bpg.encode(image, 30, "444", "ultrafast", md5=True), strict=True)
    assert psnr(decoded, image) > 30


@pytest.mark.parametrize("chroma", CHROMA)
def test_2k(picture_2k, chroma):
    data = bpg.encode(picture_2k, 40, chroma, "ultrafast", md5=True)
    assert bpg.read_info(data).data_length == len(data) - bpg.read_info(data).data_start
    assert psnr(bpg.decode(data, strict=True), uncoded(picture_2k, chroma)) > 28


@pytest.mark.parametrize("chroma", CHROMA)
def test_every_qp(smooth, chroma):
    image = smooth(72, 88, 7)
    sizes, errors = [], []
    for qp in range(bpg.MAX_QP + 1):
        data = bpg.encode(image, qp, chroma, "ultrafast", md5=True)
        sizes.append(len(data))
        errors.append(
            float(
                np.mean((bpg.decode(data, strict=True) - uncoded(image, chroma).astype(float)) ** 2)
            )
        )
    # Three steps of qp are a factor of 1.41 in the quantiser: size falls and error rises (libx265
    # codes an intra picture 3 below the qp it is given, so that the first few are equal).
    assert all(later < earlier for earlier, later in zip(sizes[3:], sizes[9:], strict=False))
    assert all(later > earlier for earlier, later in zip(errors[3:], errors[9:], strict=False))


@pytest.mark.parametrize("preset", bpg.PRESETS)
def test_every_preset(smooth, preset):
    image = smooth(40, 56, 3)
    assert psnr(bpg.decode(bpg.encode(image, 20, "444", preset, md5=True), strict=True), image) > 36


@pytest.mark.parametrize("preset", bpg.PRESETS)
def test_every_preset_at_small_sizes(smooth, preset):
    for height, width in [
        (1, 1),
        (1, 33),
        (9, 200),
        (16, 17),
        (24, 24),
        (32, 33),
        (33, 33),
        (40, 20),
    ]:
        image = smooth(height, width, 5)
        decoded = bpg.decode(bpg.encode(image, 29, "420", preset, md5=True), strict=True)
        assert decoded.shape == image.shape


@pytest.mark.parametrize("chroma", CHROMA)
def test_fractions_of_qp_lie_between_their_neighbours(large_vector, chroma):
    image = large_vector.source
    sizes, qualities = [], []
    for qp in (30, 29.75, 29.5, 29.25, 29.0, np.float64(29)):
        data = bpg.encode(image, qp, chroma, "medium", md5=True)
        sizes.append(len(data))
        qualities.append(psnr(bpg.decode(data, strict=True), uncoded(image, chroma)))
    assert sizes[4] == sizes[5] == len(bpg.encode(image, 29, chroma, "medium", md5=True))
    assert all(0.99 * sizes[0] <= size <= 1.01 * sizes[4] for size in sizes)
    assert sizes[0] < sizes[2] < sizes[4] and qualities[0] < qualities[2] < qualities[4]


@pytest.mark.parametrize("qp", [0.5, 2.75, 3.25, 50.75])
def test_fractions_of_qp_at_the_limits_and_small_sizes(smooth, qp):
    for height, width in [(1, 1), (9, 17), (33, 64), (16, 300)]:
        image = smooth(height, width, 8)
        assert bpg.decode(bpg.encode(image, qp, "444", md5=True), strict=True).shape == image.shape


def test_grey_keeps_the_luma(vector):
    decoded = bpg.decode(bpg.encode(vector.source, 10, "gray", "ultrafast"))
    assert (decoded == decoded[:, :, :1]).all()
    assert psnr(decoded[:, :, 0], color.to_planes(vector.source, "gray")[0]) > 45


def test_encoding_repeats_itself(vector):
    ours = [bpg.encode(vector.source, vector.qp, vector.chroma, "medium") for _ in range(2)]
    assert ours[0] == ours[1]


def test_non_contiguous_and_read_only_images(vector):
    image = vector.source[::-1, ::-1]
    image.flags.writeable = False
    assert bpg.encode(image, 30, preset="ultrafast") == bpg.encode(
        image.copy(), 30, preset="ultrafast"
    )


def test_max_pixels_is_checked_before_decoding(small_vector):
    data = small_vector.data
    with pytest.raises(bpg.BpgTooLargeError, match="64 x 64 pixels: max_pixels allows 4095"):
        bpg.decode(data, max_pixels=4095)
    bpg.decode(data, max_pixels=4096)
    huge = data[:6] + write_ue7(2**32 - 1) + write_ue7(2**32 - 1) + data[8:]
    with pytest.raises(bpg.BpgTooLargeError, match="max_pixels"):
        bpg.decode(huge)


def test_what_is_written_at_6000_x_4000_is_read_by_default(smooth):
    image = np.full((4000, 6000, 3), 128, np.uint8)
    image[-400:, -600:] = smooth(400, 600, 4)  # the rest is flat, which is coded quickly
    decoded = bpg.decode(bpg.encode(image, 45, "gray", "ultrafast"))
    assert decoded.shape == image.shape
    assert psnr(decoded[-400:, -600:, 0], color.to_planes(image[-400:, -600:], "gray")[0]) > 25
    assert 6000 * 4000 <= bpg.DEFAULT_MAX_PIXELS == 8192**2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": np.zeros((4, 4, 3))}, "float64"),
        ({"image": np.zeros((4, 4), np.uint8)}, r"uint8 \[4, 4\]"),
        ({"image": np.zeros((4, 4, 4), np.uint8)}, r"\[4, 4, 4\]"),
        ({"image": np.zeros((0, 4, 3), np.uint8)}, "4 x 0 pixels"),
        (
            {"image": np.zeros((1, 8193, 3), np.uint8)},
            "8193 x 1 pixels: both sides must be 1 to 8192",
        ),
        ({"qp": 52}, "qp is 52"),
        ({"qp": -1}, "qp is -1"),
        ({"qp": 51.25}, r"qp is 51\.25"),
        ({"qp": float("nan")}, "qp is nan"),
        ({"qp": "29"}, "qp is '29'"),
        ({"qp": True}, "qp is True"),
        ({"chroma": "422"}, "chroma is '422'"),
        ({"preset": "best"}, "preset is 'best'"),
    ],
)
def test_encode_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        bpg.encode(**({"image": np.zeros((4, 4, 3), np.uint8), "qp": 29} | arguments))


def test_what_is_no_file_is_answered_with_what_to_give(tmp_path):
    path = tmp_path / "a.bpg"
    path.write_bytes(bpg.encode(np.zeros((9, 8, 3), np.uint8), 30))
    with open(path, "rb") as file:
        given = [str(path), path, file, None, 5, [1, 2], np.zeros(8)]
        for call in (bpg.decode, bpg.read_info):
            for data in given:
                with pytest.raises(ValueError, match="data is a .*: give the bytes of a file"):
                    call(data)


def test_any_kind_of_bytes_is_a_file():
    data = bpg.encode(np.full((9, 8, 3), 77, np.uint8), 30)
    twice = np.repeat(np.frombuffer(data, np.uint8), 2)
    for same in (bytearray(data), memoryview(data), twice[::2], memoryview(twice)[::2]):
        assert bpg.read_info(same) == bpg.read_info(data)
        np.testing.assert_array_equal(bpg.decode(same), bpg.decode(data))


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"chroma": 420}, "chroma is 420: it must be one of .*'420', '444', as text"),
        ({"chroma": ["420"]}, "as text"),
        ({"preset": ["slow"]}, "preset is"),
        ({"qp": "29"}, "it must be an int or float from 0 to 51"),
        ({"md5": "no"}, "md5 is 'no': it must be True or False"),
    ],
)
def test_arguments_of_another_type_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        bpg.encode(np.zeros((9, 8, 3), np.uint8), **{"qp": 30, **arguments})


def test_switches_and_limits_of_the_decoder_are_looked_at():
    data = bpg.encode(np.zeros((9, 8, 3), np.uint8), fractions.Fraction(59, 2))
    for arguments in ({"strict": "no"}, {"max_pixels": None}, {"max_pixels": "all"}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            bpg.decode(data, **arguments)
    assert bpg.decode(data, strict=np.True_, max_pixels=1e6).shape == (9, 8, 3)

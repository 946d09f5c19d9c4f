import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moclink import bpg
from moclink.bpg import BpgError, CorruptBpgError, UnsupportedBpgError, decode, read_info
from moclink.bpg.bits import write_ue7
from moclink.bpg.container import check_supported, read_picture, write_file


def test_reads_the_reference_encoders_headers(vector):
    info = read_info(vector.data)
    assert (info.height, info.width) == vector.source.shape[:2]
    assert (info.chroma, info.bit_depth, info.color_space) == (vector.chroma, 8, "ycbcr-bt601")
    assert not (info.limited_range or info.alpha or info.animation or info.extension_tags)
    assert info.data_length == 0  # the reference encoder leaves it open


def test_reads_the_rgb_header(rdpcm_vector):
    assert read_info(rdpcm_vector.data).color_space == "rgb"


def test_rewrites_a_reference_file(vector):
    """The same file comes out, but for the data length, which ours states."""
    data = vector.data
    info = read_info(data)
    picture = read_picture(data, info, strict=True)
    ours = write_file(info.height, info.width, info.chroma, picture.sequence, picture.hevc_data)
    length = write_ue7(len(data) - info.data_start)
    assert ours == data[: info.data_start - 1] + length + data[info.data_start :]


def with_byte(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]


@pytest.mark.parametrize("bit_depth", [11, 13, 14])
def test_refuses_bit_depths_that_ffmpeg_lacks(small_vector, bit_depth):
    data = with_byte(small_vector.data, 4, 0x20 + bit_depth - 8)
    with pytest.raises(UnsupportedBpgError, match=f"{bit_depth} bits"):
        check_supported(read_info(data))
    with pytest.raises(UnsupportedBpgError, match=f"{bit_depth} bits"):
        decode(data)


@pytest.mark.parametrize(
    ("fourth", "fifth", "wanted"),
    [
        (0x20, 0x00, (False, False, False, False)),
        (0x30, 0x00, (True, False, False, False)),
        (0x30, 0x04, (True, True, False, False)),
        (0x20, 0x04, (False, False, True, False)),
        (0x20, 0x01, (False, False, False, True)),
    ],
)
def test_flags(small_vector, fourth, fifth, wanted):
    info = read_info(with_byte(with_byte(small_vector.data, 4, fourth), 5, fifth))
    assert (info.alpha, info.premultiplied, info.cmyk, info.animation) == wanted


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, 0x00, "not a BPG file"),
        (4, 0xC0, "pixel_format is 6"),
        (4, 0x27, "bit depth is 15"),
        (5, 0x50, "color_space is 5"),
        (6, 0x00, "0 x 64"),
        (7, 0x00, "64 x 0"),
        (6, 0x80, "picture_width"),
    ],
)
def test_range_checks(small_vector, at, value, message):
    with pytest.raises(CorruptBpgError, match=message):
        read_info(with_byte(small_vector.data, at, value))


def test_grey_has_no_colour_space_and_no_cmyk():
    with pytest.raises(CorruptBpgError, match="both grey and CMYK"):
        read_info(bytes.fromhex("425047fb00044040"))
    with pytest.raises(CorruptBpgError, match="grey"):
        read_info(bytes.fromhex("425047fb00104040"))


def test_extensions_are_skipped(small_vector):
    data = small_vector.data
    extension = b"\x01\x03abc" + b"\x81\x00\x00"  # tag 1 with three bytes, tag 128 with none
    ours = with_byte(data, 5, 8)[:9] + bytes([len(extension)]) + extension + data[9:]
    assert read_info(ours).extension_tags == (1, 128)
    assert (decode(ours) == small_vector.decoded).all()
    for damaged in (with_byte(ours, 9, 0x7F), with_byte(ours, 11, 0x60)):
        with pytest.raises(CorruptBpgError):
            decode(damaged[:30])


@pytest.mark.parametrize("length", [*range(26)])
def test_every_truncated_header_is_an_error(small_vector, length):
    with pytest.raises(BpgError):
        decode(small_vector.data[:length])


def test_a_stated_length_betrays_truncation(small_vector):
    data = small_vector.data
    info = read_info(data)
    picture = read_picture(data, info, strict=True)
    stated = write_file(info.height, info.width, info.chroma, picture.sequence, picture.hevc_data)
    assert (decode(stated, strict=True) == small_vector.decoded).all()
    assert (decode(stated + b"behind the picture", strict=True) == small_vector.decoded).all()
    with pytest.raises(CorruptBpgError, match="truncated"):
        decode(stated[:-1], strict=True)
    assert decode(stated[:-1]).shape == (64, 64, 3)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.binary(max_size=40))
def test_any_header_gives_values_or_an_error(tail):
    try:
        info = read_info(b"BPG\xfb" + tail)
    except BpgError:
        return
    assert info.width >= 1 and info.height >= 1
    assert info.data_start <= 4 + len(tail)


@pytest.mark.parametrize("with_alpha", [False, True])
def test_an_animation_gives_its_first_picture_and_a_warning(with_alpha, lossless_files):
    pictures = [lossless_files.random_planes(20, 30, "420", 8, seed) for seed in (1, 2)]
    alpha = np.full((20, 30), 77, np.uint8) if with_alpha else None
    with pytest.warns(UserWarning, match="only its first picture"):
        image = bpg.decode(lossless_files.write_bpg(pictures, "420", fourth=alpha), strict=True)
    np.testing.assert_array_equal(
        image[..., :3], lossless_files.expected_rgb(pictures[0], "420", 8)
    )
    assert image.shape[2] == 3 + with_alpha


def test_a_still_picture_gives_no_warning(lossless_files):
    planes = lossless_files.random_planes(4, 4, "420", 8, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bpg.decode(lossless_files.write_bpg([planes], "420"))

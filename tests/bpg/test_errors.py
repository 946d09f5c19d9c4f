"""Damaged and refused files; each kind of trouble has its class, and `ValueError` catches them all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moclink import bpg
from moclink.bpg.errors import (
    BpgError,
    BpgTooLargeError,
    CorruptBpgError,
    UnsupportedBpgError,
)


@pytest.mark.parametrize("base", [ValueError, BpgError])
@pytest.mark.parametrize(
    ("kind", "trouble"),
    [
        (CorruptBpgError, lambda small, rdpcm: bpg.decode(small.data[:100], strict=True)),
        (CorruptBpgError, lambda small, rdpcm: bpg.decode(b"GIF89a" + small.data)),
        (UnsupportedBpgError, lambda small, rdpcm: bpg.decode(rdpcm.data)),
        (BpgTooLargeError, lambda small, rdpcm: bpg.decode(small.data, max_pixels=100)),
        (BpgTooLargeError, lambda small, rdpcm: bpg.encode(np.zeros((1, 8193, 3), np.uint8), 30)),
    ],
)
def test_each_trouble_has_its_class(base, kind, trouble, small_vector, rdpcm_vector):
    with pytest.raises(base) as caught:
        trouble(small_vector, rdpcm_vector)
    assert caught.type is kind


def test_truncation_is_seen_where_no_length_is_stated(vector):
    """Every cut of a reference file (whose length field is 0) is refused, or has left the picture whole."""
    data, refused = vector.data, 0
    cuts = [*range(1, 12), *range(12, len(data) - 60, max(1, len(data) // 20))]
    for cut in cuts:
        try:
            np.testing.assert_array_equal(bpg.decode(data[:-cut], strict=True), vector.decoded)
        except bpg.CorruptBpgError:
            refused += 1
    assert refused >= len(cuts) - 1  # the last byte may hold no more than the stop bit


def test_strict_with_md5_finds_every_flipped_bit(smooth):
    """300 single-bit flips behind the file header: an error, or (a bit without meaning) the same picture."""
    data = bpg.encode(smooth(61, 93, 1), 27, "420", md5=True)
    sound = bpg.decode(data, strict=True)
    start = bpg.read_info(data).data_start
    caught, silent = 0, 0
    for at in np.random.default_rng(0).integers(8 * start, 8 * len(data), size=300):
        damaged = bytearray(data)
        damaged[at // 8] ^= 1 << at % 8
        try:
            np.testing.assert_array_equal(bpg.decode(bytes(damaged), strict=True), sound)
        except bpg.BpgError:
            caught += 1
        try:
            silent += bpg.decode(bytes(damaged)).shape == sound.shape
        except bpg.BpgError:
            continue
    assert caught > 290
    assert silent > 270  # without `strict` damage goes unseen


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.data())
def test_damaged_files_give_a_picture_or_a_value_error(smooth, data):
    size = data.draw(st.sampled_from([(5, 7), (33, 70), (64, 64)]))
    stream = bytearray(
        bpg.encode(
            smooth(*size, 0), 30, data.draw(st.sampled_from(("gray", "420", "444"))), "ultrafast"
        )
    )
    for at in data.draw(st.lists(st.integers(4, len(stream) - 1), min_size=1, max_size=8)):
        stream[at] = data.draw(st.integers(0, 255))
    stream = stream[: data.draw(st.integers(4, len(stream)))]
    try:
        image = bpg.decode(bytes(stream), strict=data.draw(st.booleans()), max_pixels=2**18)
    except bpg.BpgError:
        return
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    assert image.size <= 3 * 2**18


@pytest.mark.parametrize("data", [b"", b"B", b"BPG\xfb", b"\x89PNG\r\n\x1a\n", bytes(100)])
def test_decode_refuses_other_data(data):
    with pytest.raises(bpg.CorruptBpgError):
        bpg.decode(data)

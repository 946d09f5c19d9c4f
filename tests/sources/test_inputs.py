"""What file codecs and their chains are given: anything but pictures is refused, in one line."""

import numpy as np
import pytest

from moclink.chain_factory import make_chain
from moclink.images import to_float
from moclink.phy.channels import get_channel
from moclink.power import undo_scale
from moclink.sources.bpg_files import BPG
from moclink.sources.pillow_codecs import AVIF, JPEG, JPEG2000, WEBP
from moclink.types import ChannelState, Header

PIXELS = np.random.default_rng(2).integers(0, 256, (40, 24, 3), np.uint8)
UNIT = to_float(PIXELS)[None]


@pytest.mark.parametrize("codec", [JPEG, WEBP, AVIF, JPEG2000, BPG], ids=lambda c: c.name)
def test_file_codecs_take_pixels_alone_wherever_they_lie_in_memory(codec):
    quality = codec.qualities[len(codec.qualities) // 2]
    large = PIXELS.repeat(2, 0).repeat(2, 1)
    fixed = PIXELS.copy()
    fixed.flags.writeable = False
    data = codec.encode_file(PIXELS, quality)
    for same in (large[::2, ::2], np.asfortranarray(PIXELS), fixed):
        assert codec.encode_file(same, quality) == data
    turned = codec.encode_file(PIXELS[::-1, ::-1].copy(), quality)
    assert codec.encode_file(PIXELS[::-1, ::-1], quality) == turned
    others = {
        "float64": PIXELS / 255,
        "int64": PIXELS.astype(int),
        r"uint8 \[40, 24\]": PIXELS[..., 0],
        r"uint8 \[40, 24, 4\]": np.dstack([PIXELS, PIXELS[..., :1]]),
        r"uint8 \[1, 40, 24, 3\]": PIXELS[None],
    }
    for what, image in others.items():
        with pytest.raises(ValueError, match=rf"image is {what}.*it must be uint8 \[H, W, 3\]"):
            codec.encode_file(image, quality)


@pytest.mark.parametrize("codec", [JPEG, WEBP, AVIF, JPEG2000, BPG], ids=lambda c: c.name)
def test_a_file_may_lie_in_any_kind_of_bytes_and_nothing_else(codec):
    data = codec.encode_file(PIXELS, codec.qualities[len(codec.qualities) // 2])
    pixels = codec.decode_file(data, PIXELS.size)
    for same in (bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        np.testing.assert_array_equal(codec.decode_file(same, PIXELS.size), pixels)
    for other in ("a path", b"", None):
        with pytest.raises(ValueError, match="BPG|not a decodable|give the bytes of a file"):
            codec.decode_file(other, PIXELS.size)


@pytest.mark.parametrize("name", ["jpeg-ldpc@1/4", "bpg-capacity@1/4", "jpeg-ldpc-rst-mcs5@1/4"])
def test_chains_of_files_take_unit_floats_alone(name):
    """Integers and 0 to 255 were clipped to white, and gave a figure."""
    chain = make_chain(name)
    state = ChannelState(30.0)
    chain.transmit(UNIT, state)
    for images in (PIXELS[None], UNIT * 255, UNIT - 0.5, UNIT * np.nan):
        with pytest.raises(ValueError, match=r"images are .* give floats in \[0, 1\]"):
            chain.transmit(images, state)
    for images in (UNIT[0], UNIT[..., :1]):
        with pytest.raises(ValueError, match=r"images have shape .* they must be \[B, H, W, 3\]"):
            chain.transmit(images, state)


def test_only_8_bits_are_divided_by_255():
    for other in (PIXELS.astype(np.uint16) * 257, UNIT, PIXELS.astype(int)):
        with pytest.raises(ValueError, match="pixels are .* give uint8, 0 to 255"):
            to_float(other)


def test_a_channel_says_what_keys_and_symbols_are():
    symbols, no = np.ones((1, 4), np.complex64), np.array([0.1], np.float32)
    channel = get_channel("awgn")
    for keys in ([1], ["image"]):
        with pytest.raises(ValueError, match="channel awgn: keys are .* each is a tuple"):
            channel(symbols, no, keys)
    with pytest.raises(ValueError, match="symbols are not all finite"):
        channel(symbols * np.nan, no, [(1,)])


def test_there_is_a_variance_for_each_received_row():
    received = np.ones((1, 4), np.complex64)
    header = Header(8, 8, (4,), scale=(2.0,))
    with pytest.raises(ValueError, match=r"received \[1, 4\] and no \[2\]: one noise variance"):
        undo_scale(received, np.ones(2, np.float32), header)

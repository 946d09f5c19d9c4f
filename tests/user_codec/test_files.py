"""File codecs of a user's own: their schemes, their qualities, and what decoding may give."""

import inspect

import numpy as np
import pytest

from moclink.chain_factory import make_chain
from moclink.errors import ChainError
from moclink.metrics import psnr
from moclink.types import ChannelState


class Halving:
    """A file codec: every n-th line and column, uncompressed."""

    qualities = (16, 8, 4)

    def encode_file(self, image, quality):
        return image[::quality, ::quality].tobytes()

    def decode_file(self, data, max_pixels):
        quality = {72: 16, 288: 8, 1152: 4}[len(data)]
        small = np.frombuffer(data, np.uint8).reshape(64 // quality, 96 // quality, 3)
        return small.repeat(quality, 0).repeat(quality, 1)


@pytest.mark.parametrize("scheme", ["ldpc", "ldpc-adaptive", "capacity"])
def test_a_file_codec_has_every_scheme_of_files(photo, scheme, tmp_path):
    (tmp_path / "halving.py").write_text("import numpy as np\n" + inspect.getsource(Halving))
    chain = make_chain(f"{tmp_path / 'halving.py'}:Halving-{scheme}@1/6")
    sent = chain.transmit(photo, ChannelState(30.0))
    assert sent.symbols.shape[1] <= photo.size / 6
    got = chain.receive(sent.symbols, np.float32([1e-3]), sent.header)
    assert got.decoded.all() and psnr(got.images, photo)[0] > 12
    (fit,) = sent.payload.rate_fits
    assert fit.file_bits in (72 * 8, 288 * 8, 1152 * 8)


class Files:
    """A file of as many bytes as its quality says."""

    qualities = (10, 20, 30)

    def encode_file(self, image, quality):
        return bytes(quality)

    def decode_file(self, data, max_pixels):
        return np.zeros((64, 96, 3), np.uint8)


@pytest.mark.parametrize("qualities", [(), 10, None, "low", iter([1, 2])])
def test_qualities_are_a_list(qualities, build_chain):
    codec = Files()
    codec.qualities = qualities
    with pytest.raises(ValueError, match="qualities is .*; a list of quality parameters is wanted"):
        build_chain(codec)


def test_qualities_from_the_finest_are_refused(photo, build_chain):
    """The bisection would take the finest for the coarsest, and no file would fit."""
    codec = Files()
    build_chain(codec).transmit(photo)
    codec.qualities = (30, 20, 10)
    with pytest.raises(ChainError, match="begin with 30 and end with 10, .* reverse them"):
        build_chain(codec).transmit(photo)


@pytest.mark.parametrize(
    "pixels,message",
    [
        (np.zeros((64, 96, 3)), "decode_file returned float64 array; a NumPy array uint8"),
        (None, "decode_file returned NoneType"),
        (
            np.zeros((64, 96), np.uint8),
            r"decode_file returned \[64, 96\] of a picture \[64, 96, 3\]",
        ),
        (np.zeros((64, 96, 4), np.uint8), r"decode_file returned \[64, 96, 4\]"),
    ],
)
def test_a_decoder_of_files_that_gives_no_pixels_is_named(pixels, message, photo, build_chain):
    """Damaged files are outages without a message; of files as they were made this is a fault."""
    codec = Files()
    codec.decode_file = lambda data, max_pixels: pixels
    with pytest.raises(ChainError, match=message):
        build_chain(codec).transmit(photo)


def test_a_decoder_of_files_may_leave_out_the_largest_picture(photo, build_chain):
    codec = Files()
    codec.decode_file = lambda data: np.full((64, 96, 3), len(data), np.uint8)
    chain = build_chain(codec)
    sent = chain.transmit(photo)
    got = chain.receive(sent.symbols, np.float32([1e-4]), sent.header)
    assert got.decoded.all() and np.allclose(got.images, 30 / 255)


@pytest.mark.parametrize("data", [b"", "text", None, bytearray(10)], ids=repr)
def test_a_file_is_bytes_and_not_empty(data, photo, build_chain):
    codec = Files()
    codec.encode_file = lambda image, quality: data
    with pytest.raises(ChainError, match="encode_file returned .*; bytes are wanted, one at least"):
        build_chain(codec).transmit(photo)

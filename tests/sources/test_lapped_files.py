"""Lapped blocks as a file codec in chains: budget, channel, network, limits."""

import numpy as np
import pytest

from moclink.chain_factory import ChainFactory
from moclink.images import read_image, sample_paths, to_float
from moclink.metrics import psnr
from moclink.phy.channels import noise_variance
from moclink.sources.lapped_files import LONGEST_SIDE, LappedFileCodec
from moclink.sources.limits import FileCodecError
from moclink.types import ChannelState


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(read_image(sample_paths()[0])[60:189, 100:297])  # 129 x 197: odd


@pytest.fixture(scope="module")
def chains():
    return ChainFactory()


@pytest.mark.parametrize("snr_db", [5.0, 15.0])
def test_chains_send_it_within_their_symbols_and_the_network_helps(chains, photo, snr_db):
    images = to_float(photo)[None]
    scores = []
    for family in ("lapped", "lapped-restored", "lapped-perceptual"):
        chain = chains.make(f"{family}-ldpc-adaptive@1/24")
        sent = chain.transmit(images, ChannelState(snr_db))
        assert sent.symbols.shape[1] <= 129 * 197 * 3 / 24
        no = np.float32([noise_variance(snr_db)])
        rng = np.random.default_rng(1)
        noise = rng.standard_normal((*sent.symbols.shape, 2)) @ np.array([1, 1j])
        received = sent.symbols + noise * np.sqrt(no / 2)[:, None]
        found = chain.receive(received.astype(np.complex64), no, sent.header)
        assert found.decoded.all()
        scores.append(float(psnr(found.images, images)[0]))
    assert scores[1] > scores[0] + 0.2 and scores[0] > 20
    # Trained for another distance than squared error, but not at any price.
    assert scores[0] - 0.3 < scores[2] < scores[1]


def test_each_name_is_one_codec_for_all_schemes(chains):
    for family in ("lapped", "lapped-restored", "lapped-perceptual"):
        codec = chains.make(f"{family}-capacity").source.codec
        assert codec.name == family and chains.make(f"{family}-ldpc").source.codec is codec


def test_too_large_a_picture_is_known_before(chains):
    codec = chains.make("lapped-ldpc").source.codec
    assert codec.limit_problem(100, LONGEST_SIDE) is None
    assert f"at most {LONGEST_SIDE}" in codec.limit_problem(LONGEST_SIDE + 1, 1)
    with pytest.raises(FileCodecError, match="65536"):
        codec.encode_file(np.zeros((LONGEST_SIDE + 1, 1, 3), np.uint8), 100.0)


def test_files_of_two_pictures_in_turn_are_their_own(photo):
    from moclink.linear.entropy_coded import EntropyCodedBlocks

    codec = LappedFileCodec(EntropyCodedBlocks.load())
    other = np.ascontiguousarray(photo[::-1])
    first = codec.encode_file(photo, 150.0)
    assert codec.encode_file(other, 150.0) != first == codec.encode_file(photo, 150.0)
    assert codec.qualities == sorted(codec.qualities)


@pytest.fixture(scope="module")
def codec():
    from moclink.linear.entropy_coded import EntropyCodedBlocks

    return LappedFileCodec(EntropyCodedBlocks.load())


@pytest.mark.parametrize("quality", [513, -1, 9999, 2.7, float("nan"), "30", None, True], ids=repr)
def test_a_quality_that_there_is_not_is_named(codec, photo, quality):
    with pytest.raises(ValueError, match=r"quality is .*0 \(coarsest\) to 512"):
        codec.encode_file(photo, quality)


def test_what_is_no_picture_of_bytes_is_named(codec, photo):
    others = (photo / 255, photo[..., 0], photo[None], photo.astype(np.uint16), photo[:0])
    for other in others:
        with pytest.raises(ValueError, match=r"it must be uint8 \[H, W, 3\]"):
            codec.encode_file(other, 100.0)


def test_files_are_bytes_of_any_kind_and_nothing_else(codec, photo):
    data, pixels = codec.encode_file(photo, np.float32(100)), photo.shape[0] * photo.shape[1]
    shown = codec.decode_file(data, pixels)
    for other in (bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        assert np.array_equal(codec.decode_file(other, pixels), shown)
    for other in ("photo.lapped", None):
        with pytest.raises(ValueError, match="give the bytes of a file"):
            codec.decode_file(other, pixels)
    for damaged in (data[:-1], data + b"\0", b"", data[:30] + b"\0" + data[30:]):
        with pytest.raises(ValueError, match="damaged"):
            codec.decode_file(damaged, pixels)


@pytest.mark.parametrize(
    "header", [b"\x81\x80", b"\xff" * 12, b"", b"\x20\x20\xff\x7f\x00", b"\x20\x20\x03\x00"]
)
def test_a_header_that_is_none_is_damage_whatever_its_crc(codec, header):
    import struct
    import zlib

    with pytest.raises(ValueError, match="damaged"):
        codec.decode_file(header + struct.pack(">I", zlib.crc32(header)), 10**6)

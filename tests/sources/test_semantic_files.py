"""Indices of the semantic codec as files, and as bits: round trips, damage, and quality over length."""

import numpy as np
import pytest

from moclink.chain_factory import ChainFactory
from moclink.codec.codebook_initialization import initialize_codebooks
from moclink.codec.semantic_codec import SemanticCodec
from moclink.images import read_image, sample_paths, to_float, to_uint8
from moclink.metrics import psnr
from moclink.phy.channels import get_channel, noise_variance
from moclink.sources.limits import FileCodecError
from moclink.sources.semantic import SemanticBits
from moclink.sources.semantic_files import SemanticFileCodec
from moclink.types import ChannelState, Demodulated


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(read_image(sample_paths()[0])[60:189, 100:297])  # 129 x 197: odd


@pytest.fixture(scope="module")
def codec():
    return SemanticCodec.from_preset("small")


@pytest.fixture(scope="module")
def chains():
    return ChainFactory()


def test_a_file_of_all_levels_holds_the_codecs_own_indices(codec, photo):
    files = SemanticFileCodec(codec, 3)
    assert files.qualities == (3.0,)
    picture = (photo / np.float32(255))[None]
    indices = codec.encode(picture, 3)[:, :, :, :3]
    expected = codec.decode(indices, height=129, width=197)[0]
    data = files.encode_file(photo, 3.0)
    assert np.array_equal(files.decode_file(data, photo.size // 3), to_uint8(expected))
    positions = 17 * 25
    assert 8 * len(data) < 3 * 12 * positions  # shorter than the indices as they are


def test_more_bits_give_a_better_picture(codec, photo):
    files = SemanticFileCodec(codec)
    lengths, scores = [], []
    for quality in (-4.0, 0.0, 3.0, 6.0, 9.0):
        assert quality in files.qualities
        data = files.encode_file(photo, quality)
        lengths.append(len(data))
        picture = files.decode_file(data, photo.size // 3)
        scores.append(float(psnr(to_float(picture)[None], to_float(photo)[None])[0]))
    assert np.all(np.diff(lengths) > 0) and np.all(np.diff(scores) > 0)


def test_levels_where_they_pay_are_better_than_two_everywhere(codec, photo):
    """At no more bits than two levels in every head take, entropy-coded too."""
    two, some = SemanticFileCodec(codec, 2), SemanticFileCodec(codec)
    limit = two.encode_file(photo, 2.0)
    best = max(
        (data for q in some.qualities if len(data := some.encode_file(photo, q)) <= len(limit)),
        key=len,
    )
    pictures = [two.decode_file(limit, photo.size), some.decode_file(best, photo.size)]
    scores = psnr(to_float(np.stack(pictures)), to_float(np.stack([photo, photo])))
    assert scores[1] > scores[0] + 0.3


def test_a_damaged_file_gives_no_picture(codec, photo):
    files = SemanticFileCodec(codec)
    data = bytearray(files.encode_file(photo, 0.0))
    with pytest.raises(ValueError, match="more than 100"):
        files.decode_file(bytes(data), 100)
    data[len(data) // 2] ^= 4
    for damaged in (bytes(data), b"", bytes(8)):
        with pytest.raises(ValueError, match="damaged|pixels are none"):
            files.decode_file(damaged, photo.size)


def test_limits(codec):
    with pytest.raises(ValueError, match="5 levels: this codec has 1 to 4"):
        SemanticFileCodec(codec, 5)
    files = SemanticFileCodec(codec)
    assert files.limit_problem(65_536, 8) and files.limit_problem(8, 65_535) is None
    with pytest.raises(FileCodecError, match="at most 65535 pixels"):
        files.encode_file(np.zeros((1, 65_536, 3), np.uint8), 0.0)


@pytest.mark.parametrize("shape", [(1, 1), (8, 9)])
def test_small_and_flat_pictures(codec, shape):
    files = SemanticFileCodec(codec)
    for value in (0, 255):
        flat = np.full((*shape, 3), value, np.uint8)
        data = files.encode_file(flat, 9.0)
        assert files.decode_file(data, 72).shape == flat.shape


def test_bits_are_those_of_the_indices():
    codec = SemanticCodec.from_size("toy")
    start = np.random.default_rng(1).normal(size=(4096, 16)).astype(np.float32)
    initialize_codebooks(codec.quantizer, start)
    images = np.random.default_rng(2).random((2, 20, 33, 3)).astype(np.float32)
    source = SemanticBits(codec, 2)
    payload = source.encode(images)
    indices = codec.encode(images, 2)[:, :, :, :2]
    weights = np.array([4, 2, 1])
    assert np.array_equal(payload.indices.reshape(2, -1, 3) @ weights, indices.reshape(2, -1))
    llr = 2.0 * payload.indices - 1
    llr = np.pad(llr, ((0, 0), (0, 7))).astype(np.float32)  # the modem's padding
    got = source.decode(Demodulated(llr, np.float32([0.1, 0.1])), payload.header)
    assert got.ok.all()
    np.testing.assert_allclose(got.images, codec.decode(indices, height=20, width=33), atol=1e-5)


@pytest.mark.parametrize(
    "name", ["moc-rvq-l2-ldpc-16qam-r12", "moc-rvq-l1-ldpc-mcs9", "moc-rvq-ldpc-adaptive@1/24"]
)
def test_coded_chains_cross_a_good_channel_and_not_a_bad_one(chains, name, photo):
    chain, image = chains.make(name), to_float(photo)[None]
    scores, arrived = [], []
    sent = chain.transmit(image, ChannelState(20.0))
    assert sent.energy[0] == pytest.approx(1, rel=1e-5)
    for snr_db in (20.0, -12.0):
        output = get_channel("awgn")(sent.symbols, noise_variance([snr_db]), keys=[("t", 1)])
        got = chain.receive(output.received, output.no, sent.header)
        scores.append(float(psnr(got.images, image)[0]))
        arrived.append(bool(got.decoded[0]))
        errors = chain.count_errors(sent, got)
        assert (errors.ber[0] == 0) == (snr_db == 20.0)
    assert scores[0] > scores[1] + 5
    raw = name == "moc-rvq-l2-ldpc-16qam-r12"
    assert arrived == [True, raw]  # raw indices always give a picture; a damaged file is an outage


def test_levels_behind_a_code_use_the_symbols_of_their_bits(chains, photo):
    sent = chains.make("moc-rvq-l2-ldpc-16qam-r12").transmit(to_float(photo)[None])
    bits = 2 * 12 * 17 * 25
    assert sent.payload.indices.shape == (1, bits)
    assert sent.symbols.shape[1] == -(-bits // 324) * 648 // 4

"""Results that are kept: what comes again is not computed again, and nothing else is taken for it."""

import numpy as np
import pytest

from moclink.codec.cached_codec import CachedSemanticCodec
from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.sizes import size
from moclink.sources.semantic import SemanticSource


class Counting:
    """A codec that counts its calls."""

    def __init__(self, codec):
        self._codec = codec
        self.encoded, self.decoded = 0, 0

    def __getattr__(self, name):
        return getattr(self._codec, name)

    def encode(self, images, levels=None):
        self.encoded += len(images)
        return self._codec.encode(images, levels)

    def decode(self, received, **options):
        self.decoded += len(received)
        return self._codec.decode(received, **options)


@pytest.mark.parametrize("search,encodings", [("greedy", 1), ("joint", 4)])
def test_levels_of_one_codec_encode_a_picture_once(search, encodings):
    """Unless codes are searched jointly: each number of levels then has codes of its own."""
    config = size("toy")
    inner = Counting(
        SemanticCodec({**config, "quantizer": {**config["quantizer"], "search": search}})
    )
    codec = CachedSemanticCodec(inner)
    image = np.random.default_rng(0).random((1, 40, 56, 3), np.float32)
    payloads = [SemanticSource(codec, levels).encode(image) for levels in (1, 2, 3, 4)]
    assert inner.encoded == encodings
    for levels, payload in enumerate(payloads, 1):
        alone = SemanticSource(inner, levels).encode(image)
        assert np.array_equal(payload.indices, alone.indices) and payload.header == alone.header
    assert not np.array_equal(codec.encode(image[:, ::-1])[0], codec.encode(image)[0])


def test_an_index_map_that_comes_again_is_decoded_once():
    inner = Counting(SemanticCodec.from_size("toy"))
    rng = np.random.default_rng(0)
    maps = rng.integers(0, 8, (3, 5, 7, 4, 4)).astype(np.int32)
    received, snr_db = maps[[0, 1, 0, 0, 2, 1]], np.full(6, 20, np.float32)
    options = {"height": 40, "width": 56}
    expected = inner.decode(received, snr_db=snr_db, use_nrb=False, **options)
    inner.decoded, codec = 0, CachedSemanticCodec(inner)
    assert np.array_equal(codec.decode(received, snr_db=snr_db, use_nrb=False, **options), expected)
    assert inner.decoded == 3
    again = codec.decode(received[4:], snr_db=snr_db[4:] + 1, use_nrb=False, **options)
    assert inner.decoded == 3 and np.array_equal(again, expected[4:])  # the last two are kept
    # With the noise reduction block the SNR is an input too.
    codec.decode(received[:1].repeat(2, 0), snr_db=np.float32([20, 21]), use_nrb=True, **options)
    assert inner.decoded == 5


@pytest.mark.tensorflow_only("on a device it is faster to decode than to compare")
def test_a_latent_that_comes_again_is_decoded_once(monkeypatch):
    inner = SemanticCodec.from_size("toy")
    rng = np.random.default_rng(1)
    sent = rng.integers(0, 8, (3, 5, 7, 2, 4))
    sure = np.where(np.arange(8) == sent[..., None], 0, -1e6).astype(np.float32)
    options = {"height": 38, "width": 56}
    order, snr_db = [0, 1, 0, 0, 2, 1], np.float32([20, 21, 22, 20, 25, 30])
    expected = inner.decode_likelihoods(sure[order], snr_db=snr_db, **options)
    decoded, generate = [], inner._generate

    def counted(z):
        decoded.append(len(z))
        return generate(z)

    monkeypatch.setattr(inner, "_generate", counted)
    codec = CachedSemanticCodec(inner)
    found = codec.decode_likelihoods(sure[order], snr_db=snr_db, **options)
    assert decoded == [3]
    np.testing.assert_array_equal(found, expected)
    found[:] = 0  # what is kept is not what was given away
    again = codec.decode_likelihoods(sure[[2, 1]], snr_db=snr_db[:2], **options)
    assert decoded == [3]  # the last two are kept
    np.testing.assert_array_equal(again, expected[4:])
    codec.decode_likelihoods(sure[:1], snr_db=snr_db[:1], **options)
    assert decoded == [3, 1]

"""The codec with channel-optimised codebooks, of the shipped weights."""

import numpy as np
import pytest

from moclink.codec.channel_optimized_codec import ChannelOptimizedCodec
from moclink.images import read_image, sample_paths


@pytest.fixture(scope="module")
def shipped():
    return ChannelOptimizedCodec.from_preset("small")


@pytest.fixture(scope="module")
def photo():
    return read_image(sample_paths()[0])[None, 60:125, 100:197].astype(np.float32) / 255


@pytest.mark.parametrize("levels", [1, 4])
def test_at_high_snr_it_is_the_noiseless_search(shipped, photo, levels):
    sending = shipped.grid.sending(levels, 40.0)
    assert sending.repeats == 1
    found = shipped.encode(photo, sending.books)
    plain = shipped.semantic_codec.encode(photo, levels)[:, :, :, :levels]
    assert np.array_equal(found, plain)
    sharp = np.where(np.eye(8)[found] > 0, 0, -1e6)
    np.testing.assert_allclose(
        shipped.decode(sharp, sending.books, 65, 97),
        shipped.semantic_codec.decode(plain, height=65, width=97),
        atol=2e-5,
    )


def test_shapes_that_do_not_fit_are_refused(shipped):
    made = shipped.grid.at(2, 10.0)
    with pytest.raises(ValueError, match=r"\[B, h, w, 2, 4, 8\] is wanted"):
        shipped.decode(np.zeros((1, 2, 2, 1, 4, 8)), made, 16, 16)


def test_the_latents_of_the_last_picture_are_kept_for_other_snrs(photo):
    codec, asked = ChannelOptimizedCodec.from_preset("small"), []
    latents = codec.semantic_codec.latents
    codec.semantic_codec.latents = lambda images: asked.append(len(images)) or latents(images)
    first = codec.encode(photo, codec.grid.at(4, 15.0))
    other = codec.encode(photo, codec.grid.at(4, 20.0))
    assert asked == [1] and first.shape == other.shape == (1, 9, 13, 4, 4)
    assert (first != other).any() and 0 <= first.min() and first.max() < codec.states
    codec.encode(photo[:, :32], codec.grid.at(4, 15.0))
    assert asked == [1, 1]


def test_certain_indices_are_retrieved_better_than_uncertain_ones(shipped, photo):
    books = shipped.grid.at(4, 10.0)
    indices = shipped.encode(photo, books)
    errors = []
    for doubt in (30.0, 1.0, 0.0):  # nats between the index sent and all others
        likelihoods = np.where(np.eye(8)[indices] > 0, 0, -doubt)
        decoded = shipped.decode(likelihoods, books, 65, 97)
        assert decoded.shape == photo.shape and 0 <= decoded.min() and decoded.max() <= 1
        errors.append(np.mean((decoded - photo) ** 2))
    assert errors == sorted(errors)

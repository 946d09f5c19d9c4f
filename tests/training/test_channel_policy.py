"""The policy of how many levels to send, on a crop of a sample photograph with shipped weights."""

from dataclasses import replace

import numpy as np
import pytest

from moclink.codec.channel_optimized_codec import ChannelOptimizedCodec
from moclink.codec.channel_optimized_grid import Sending
from moclink.images import read_image, sample_paths
from moclink.training.channel_policy import choose_levels, send_picture
from moclink.training.validation import picture_psnr


@pytest.fixture(scope="module")
def crop():
    return read_image(sample_paths()[0])[64:160, 64:160].astype(np.float32) / 255


@pytest.fixture(scope="module")
def codec():
    made = ChannelOptimizedCodec.from_preset("small")
    return ChannelOptimizedCodec(made.semantic_codec, replace(made.grid, networks={}))


def test_without_noise_the_codec_s_own_picture_arrives(codec, crop):
    sending = Sending(codec.grid.without_noise(4), 1)
    codes = codec.encode(crop[None], sending.books)
    exact = np.log(np.eye(8, dtype=np.float32)[codes] + 1e-9)
    wanted = codec.decode(exact, sending.books, *crop.shape[:2])[0]
    found = send_picture(codec, crop, sending, 60.0, seed=1)
    assert picture_psnr(found, wanted) > 50


def test_repeating_an_index_helps_as_twice_the_power_does(codec, crop):
    books = codec.grid.at(2, 3.0)

    def quality(repeats, snr_db):
        sending = Sending(books, repeats)
        pictures = [send_picture(codec, crop, sending, snr_db, seed) for seed in range(12)]
        return np.array([picture_psnr(picture, crop) for picture in pictures])

    twice, stronger, once = quality(2, 0.0), quality(1, 10 * np.log10(2)), quality(1, 0.0)
    spread = np.hypot(twice.std(ddof=1), stronger.std(ddof=1)) / np.sqrt(12)
    assert abs(twice.mean() - stronger.mean()) < 4 * spread
    assert twice.mean() > once.mean() + 1


def test_the_best_number_of_levels_is_chosen(codec, crop):
    levels = choose_levels(codec, [crop])
    assert sorted(levels) == [1, 2, 3, 4] and levels[4][-1] == 4  # at 20 dB
    assert (levels[1] == 1).all()
    for budget, counts in levels.items():
        assert not (budget % counts).any()
    # Codebooks of four levels that say nothing are never chosen.
    useless = [replace(b, codebooks=np.zeros_like(b.codebooks)) for b in codec.grid.books[4]]
    worse = ChannelOptimizedCodec(codec.semantic_codec, codec.grid.with_row("4", useless))
    assert (choose_levels(worse, [crop])[4] < 4).all()

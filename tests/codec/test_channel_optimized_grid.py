"""Codebooks over a grid of SNRs: storage, policy, and the shipped grid beside its weights."""

from dataclasses import replace

import numpy as np
import pytest

from moclink.codec.channel_optimized_codebooks import ChannelCodebooks
from moclink.codec.channel_optimized_codec import ChannelOptimizedCodec
from moclink.codec.channel_optimized_grid import ChannelCodebookGrid


def some(snr_db, levels, seed):
    rng = np.random.default_rng(seed)
    books = rng.normal(size=(levels, 2, 8, 3)).astype(np.float32)
    priors = rng.dirichlet(np.full(8, 3.0), size=(levels, 2)).astype(np.float32)
    return ChannelCodebooks(snr_db, books, priors, price=0.25 * seed)


@pytest.fixture
def grid():
    snrs = np.array([0.0, 5.0, 10.0])
    books = {n: tuple(some(snr, n, 3 * n + i) for i, snr in enumerate(snrs)) for n in (1, 2)}
    levels = {1: np.array([1, 1, 1]), 2: np.array([1, 2, 2])}
    robust = replace(some(-5.0, 2, 20), over=((-5.0, 0.25), (10.0, 0.75)))
    return ChannelCodebookGrid(snrs, books, levels, robust, some(np.inf, 2, 30), "abc")


def test_what_is_written_is_read(grid, tmp_path):
    path = tmp_path / "grid.npz"
    grid.save(path)
    read = ChannelCodebookGrid.load(path, grid.noiseless, "abc")
    assert np.array_equal(read.snr_db, grid.snr_db)
    assert read.robust.over == grid.robust.over
    pairs = [*zip(read.books[1], grid.books[1], strict=True), (read.robust, grid.robust)]
    for one, other in pairs:
        np.testing.assert_allclose(one.codebooks, other.codebooks, rtol=2**-10, atol=2**-13)
        np.testing.assert_allclose(one.priors, other.priors, rtol=2**-10, atol=2**-13)
        assert (one.snr_db, one.price) == (other.snr_db, other.price)
    assert all(np.array_equal(read.levels[n], grid.levels[n]) for n in (1, 2))


def test_a_grid_of_other_weights_is_refused(grid, tmp_path):
    with pytest.raises(ValueError, match="does not exist; make it with"):
        ChannelCodebookGrid.load(tmp_path / "no.npz", grid.noiseless, "abc")
    grid.save(tmp_path / "grid.npz")
    with pytest.raises(ValueError, match="made for other weights; make it again"):
        ChannelCodebookGrid.load(tmp_path / "grid.npz", grid.noiseless, "abd")


def test_symbols_are_spent_as_the_policy_says(grid):
    low, high = grid.sending(2, 1.0), grid.sending(2, 7.0)
    assert (low.repeats, high.repeats) == (2, 1)
    # Two uses of an index are one at twice the SNR.
    assert low.books.snr_db == pytest.approx(1.0 + 10 * np.log10(2))
    assert np.array_equal(low.books.codebooks, grid.books[1][1].codebooks)
    assert np.array_equal(high.books.codebooks, grid.books[2][1].codebooks)
    assert high.books.snr_db == 7.0
    assert np.array_equal(grid.at(2, 2.5).codebooks, grid.books[2][1].codebooks)  # the upper one
    with pytest.raises(ValueError, match="3 levels: there are codebooks for"):
        grid.sending(3, 1.0)
    with pytest.raises(ValueError, match="SNR is nan"):
        grid.sending(2, float("nan"))


def test_above_the_grid_the_codebooks_are_those_of_the_weights(grid):
    assert np.array_equal(grid.at(2, 12.4).codebooks, grid.books[2][2].codebooks)
    for snr_db in (12.6, 40.0, np.inf):
        made = grid.at(1, snr_db)
        assert np.array_equal(made.codebooks, grid.noiseless.codebooks[:1])
        assert made.price == 0


@pytest.fixture(scope="module")
def shipped():
    return ChannelOptimizedCodec.from_preset("small")


def test_the_shipped_grid_covers_the_range_and_every_number_of_levels(shipped):
    grid = shipped.grid
    assert grid.snr_db[0] <= -5 and grid.snr_db[-1] >= 20
    assert sorted(grid.books) == sorted(grid.levels) == [1, 2, 3, 4]
    assert np.all(grid.levels[4][-1] == 4)
    for count, row in grid.books.items():
        assert all(made.codebooks.shape == (count, 4, 8, 16) for made in row)
        # The price on power moves use inwards, so amplitudes grow.
        assert row[0].gain > grid.without_noise(count).gain
    assert sum(weight for _, weight in grid.robust.over) == pytest.approx(1)

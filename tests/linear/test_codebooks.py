"""Channel-optimised codebooks: tables, expected distortion, search, files."""

import numpy as np
import pytest

from moclink.linear.codebooks import CodebookGrid, lower_envelope

GRID = CodebookGrid.load()


def book_at(size, levels, snr_db):
    shape = GRID.shapes.index((size, levels))
    snr = int(np.argmin(np.abs(GRID.snr_db - snr_db)))
    return GRID.books[shape][snr], GRID.distortions[shape, snr], GRID.snr_db[snr]


def send(book, vectors, rng):
    """Vectors through the channel of the design: (estimates, amplitudes sent)."""
    indices = book.search(vectors)
    sent = book.amplitudes[np.arange(book.levels), indices]
    received = sent + rng.standard_normal(sent.shape) * np.sqrt(book.variance)
    return book.receive(received, np.full(sent.shape, book.variance)), sent


@pytest.mark.parametrize("shape", [(1, 2), (3, 1)])
def test_tables_against_monte_carlo(shape):
    book, _, _ = book_at(*shape, 7.5)
    mean, spread = book.tables()
    rng = np.random.default_rng(3)
    for level in range(book.levels):
        for code in range(8):
            y = book.amplitudes[level, code] + rng.standard_normal(40_000) * np.sqrt(book.variance)
            value = book.posteriors(level, y, book.variance) @ book.codes[level]
            margin = 5 * value.std(0) / 200 + 1e-3
            assert np.all(np.abs(value.mean(0) - mean[level, code]) < margin)
            assert np.sum(value.var(0)) == pytest.approx(spread[level, code], rel=0.08, abs=2e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (2, 1), (3, 2)])
@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_expected_distortion_against_simulation(shape, snr_db):
    book, expected, _ = book_at(*shape, snr_db)
    rng = np.random.default_rng(4)
    vectors = rng.laplace(scale=np.sqrt(0.5), size=(60_000, book.size))
    estimates, sent = send(book, vectors, rng)
    errors = np.mean((vectors - estimates) ** 2, axis=1)
    # Codebooks of vectors were designed on a sample of 6,000, so their expected error is slightly too low.
    bias = 0.0 if book.size == 1 else 0.03 * expected
    assert abs(errors.mean() - expected) < 5 * errors.std() / np.sqrt(len(errors)) + bias
    assert np.mean(sent**2) == pytest.approx(0.5, rel=0.02 if book.size == 1 else 0.06)


def test_more_power_and_more_uses_never_hurt():
    assert np.all(np.diff(GRID.distortions, axis=1) < 0.002)
    rate = [levels / size for size, levels in GRID.shapes]
    order = np.argsort(rate)
    assert np.all(np.diff(GRID.distortions[order], axis=0) < 0.002)


def test_search_by_thresholds_is_exhaustive_search():
    book, _, _ = book_at(1, 2, 10.0)
    mean, spread = book.tables()
    z = np.random.default_rng(6).standard_normal(500) * 1.5
    cost = (z[:, None, None] - mean[0, :, 0][:, None] - mean[1, :, 0]) ** 2
    cost = cost + (spread + book.price * book.amplitudes**2)[0][:, None]
    cost = cost + (spread + book.price * book.amplitudes**2)[1]
    found = book.search(z[:, None])
    best = cost.reshape(500, -1).min(1)
    np.testing.assert_allclose(
        cost[np.arange(500), found[:, 0], found[:, 1]], best, rtol=1e-9, atol=1e-12
    )


def test_lower_envelope():
    rng = np.random.default_rng(8)
    slopes, intercepts = rng.standard_normal(60), rng.standard_normal(60)
    lines, thresholds = lower_envelope(slopes, intercepts)
    x = rng.standard_normal(1000) * 5
    values = slopes * x[:, None] + intercepts
    chosen = lines[np.searchsorted(thresholds, x)]
    np.testing.assert_allclose(values[np.arange(1000), chosen], values.min(1))


def test_grid_is_read_back(tmp_path):
    GRID.save(tmp_path / "grid.npz")
    again = CodebookGrid.load(tmp_path / "grid.npz")
    assert again.shapes == GRID.shapes
    assert all(
        np.array_equal(a.codes, b.codes) and a.price == b.price
        for row, other in zip(again.books, GRID.books, strict=True)
        for a, b in zip(row, other, strict=True)
    )
    with pytest.raises(ValueError, match="does not exist"):
        CodebookGrid.load(tmp_path / "none.npz")

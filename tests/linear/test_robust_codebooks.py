"""Octonary codebooks for a range of SNRs: errors away from the design, and what they gain."""

import numpy as np
import pytest

from moclink.images import read_image, sample_paths
from moclink.linear.analog_code import with_analog
from moclink.linear.block_sizes import BlocksOfSeveralSizes
from moclink.linear.codebook_design import distortion, source
from moclink.linear.codebooks import CodebookGrid
from moclink.linear.octonary import OctonaryCodec
from moclink.linear.robust_codebooks import (
    RANGE_DB,
    grid_for_range,
    mismatch_errors,
    usual_weights,
)
from moclink.linear.side_information import DESIGN_SNR_DB

GRID = CodebookGrid.load()
ROBUST = CodebookGrid.load("octonary-codebooks-robust")


def book_at(size, uses, snr_db):
    return GRID.books[GRID.shapes.index((size, uses))][int(np.argmin(abs(GRID.snr_db - snr_db)))]


def test_at_its_own_snr_the_error_is_that_of_the_design():
    book = book_at(1, 2, 10.0)
    found = mismatch_errors(book, source("laplacian", 1), np.array([10.0]))
    assert found[0] == pytest.approx(distortion(book, source("laplacian", 1))[0], rel=1e-9)


@pytest.mark.parametrize("actual_db", [0.0, 20.0])
def test_elsewhere_it_is_that_of_simulation(actual_db):
    book, rng = book_at(1, 2, 10.0), np.random.default_rng(1)
    vectors = rng.laplace(scale=np.sqrt(0.5), size=(200_000, 1))
    variance = 0.5 * 10 ** (-actual_db / 10)
    sent = book.send(vectors)
    got = book.receive(
        sent + rng.standard_normal(sent.shape) * np.sqrt(variance), np.full(sent.shape, variance)
    )
    error = (got - vectors)[:, 0] ** 2
    expected = mismatch_errors(book, source("laplacian", 1), np.array([actual_db]))[0]
    # Five standard errors; the grid of the quadrature ends at 12 deviations.
    assert abs(error.mean() - expected) < 5 * error.std() / np.sqrt(len(error)) + 1e-4


def test_the_shipped_grid_is_what_the_command_makes_of_the_shipped_codebooks():
    few = CodebookGrid(GRID.snr_db, GRID.books[:2], GRID.distortions[:2])
    made = grid_for_range(few, DESIGN_SNR_DB)
    np.testing.assert_allclose(made.distortions, ROBUST.distortions[:2], rtol=1e-9)
    for row, shipped in zip(made.books, ROBUST.books, strict=False):
        for one, other in zip(row, shipped, strict=True):
            assert np.array_equal(one.codes, other.codes)
            assert one.variance == other.variance


def test_means_over_the_range_are_no_worse_than_those_of_codebooks_for_the_nominal_snr():
    nominal = int(np.flatnonzero(GRID.snr_db == DESIGN_SNR_DB)[0])
    shape = GRID.shapes.index((1, 3))
    only = (GRID.books[shape][nominal],) * len(GRID.snr_db)
    own = grid_for_range(CodebookGrid(GRID.snr_db, (only,), GRID.distortions[:1]), DESIGN_SNR_DB)
    assert ROBUST.distortions[shape, nominal] < 0.95 * own.distortions[0, nominal]
    assert usual_weights().sum() == pytest.approx(1)


def test_steps_that_do_not_fit_are_refused():
    uneven = CodebookGrid(np.arange(3) * 3.0, tuple(r[:3] for r in GRID.books), GRID.distortions)
    with pytest.raises(ValueError, match="a step of 3.0 dB does not divide"):
        grid_for_range(uneven, DESIGN_SNR_DB)


@pytest.mark.parametrize("analog", [False, True])
def test_a_picture_arrives_as_expected_at_every_snr(analog):
    photo = read_image(sample_paths()[0])[None, :256, :320].astype(np.float32) / 255
    model = BlocksOfSeveralSizes.load()
    grid = with_analog(ROBUST) if analog else ROBUST
    found, plain = [], []
    for codec, scores in (
        (OctonaryCodec(model, 1 / 24, grid), found),
        (OctonaryCodec(model, 1 / 24, GRID), plain),
    ):
        symbols, header = codec.encode(photo)
        assert np.mean(np.abs(symbols) ** 2) == pytest.approx(1, rel=1e-5)
        for snr_db in RANGE_DB:
            no = 10 ** (-snr_db / 10)
            noise = np.random.default_rng(2).standard_normal((*symbols.shape, 2)) @ [1, 1j]
            got = codec.estimate(symbols + noise * np.sqrt(no / 2), no, header)
            error = np.mean((got.images - photo) ** 2)
            scores.append(-10 * np.log10(error))
            if codec.grid.over is not None:
                expected = got.errors.sum(-1).mean() / 3
                assert -10 * np.log10(expected) == pytest.approx(scores[-1], abs=1.6)
    assert np.mean(found) > np.mean(plain)

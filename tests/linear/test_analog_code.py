"""Analog amplitudes among codebooks."""

import numpy as np
import pytest

from moclink.linear.analog_code import AnalogCode, analog_distortion, with_analog
from moclink.linear.codebooks import CodebookGrid

GRID = CodebookGrid.load()


@pytest.mark.parametrize("snr_db", [-5.0, 5.0, 20.0])
def test_analog_distortion_against_simulation(snr_db):
    rng = np.random.default_rng(1)
    x = rng.laplace(scale=np.sqrt(0.5), size=(200_000, 1))
    sent = AnalogCode().send(x)
    assert np.mean(sent**2) == pytest.approx(0.5, rel=0.02)
    variance = 0.5 * 10 ** (-snr_db / 10)
    found = AnalogCode().receive(
        sent + rng.standard_normal(sent.shape) * np.sqrt(variance), np.full(sent.shape, variance)
    )
    errors = (found - x) ** 2
    assert (
        abs(errors.mean() - analog_distortion(snr_db)) < 5 * errors.std() / np.sqrt(len(x)) + 1e-6
    )
    assert analog_distortion(snr_db) < 1 / (1 + 10 ** (snr_db / 10))  # a Gaussian's is the worst


def test_with_analog_adds_a_shape_and_higher_snrs():
    grid = with_analog(GRID)
    assert grid.shapes == [*GRID.shapes, (1, 1)]
    assert grid.snr_db[-1] == pytest.approx(70)
    assert grid.distortions.shape == (len(grid.shapes), len(grid.snr_db))
    assert np.array_equal(grid.distortions[:-1, : len(GRID.snr_db)], GRID.distortions)
    assert all(len(row) == len(grid.snr_db) for row in grid.books)
    with pytest.raises(ValueError, match="without analog"):
        grid.save("nowhere.npz")

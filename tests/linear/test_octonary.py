"""Octonary codes: uses and energy as allocated, distortion as expected, indices that a link can send."""

import numpy as np
import pytest

from moclink.linear import allocation, frame
from moclink.linear.codebooks import CodebookGrid
from moclink.linear.octonary import allocate
from moclink.linear.source_models import Description

GRID = CodebookGrid.load()


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_octonary_levels_reach_their_expected_distortion(snr_db, codecs, models):
    rng = np.random.default_rng(10)
    levels = np.sort(rng.integers(-60, 30, 40_000)).astype(np.int16)
    variance, uses = allocation.levels_to_variances(levels), 15_000
    codec = codecs["octonary"]
    x = (rng.laplace(scale=np.sqrt(0.5), size=40_000) * np.sqrt(variance)).astype(np.float32)
    axes = codec.modulate(Description(x, levels, np.zeros(0, np.uint8)), uses, snr_db)
    assert uses - 8 <= len(axes) <= uses
    assert np.sum(axes**2) == pytest.approx(uses / 2, rel=0.05)
    noise = 0.5 * 10 ** (-snr_db / 10)
    received = np.zeros(uses)
    received[: len(axes)] = axes
    received += rng.standard_normal(uses) * np.sqrt(noise)
    chosen, values, errors = codec.estimate_coefficients(
        frame.ParsedHeader(1.0, snr_db, levels, models["blocks"]), received, np.full(uses, noise)
    )
    estimate = np.zeros(40_000)
    estimate[chosen] = values
    found = np.sum((x - estimate)[chosen] ** 2)
    assert found == pytest.approx(errors.sum(), rel=0.1)


@pytest.mark.parametrize("snr_db", [-5.0, 5.0, 30.0])
@pytest.mark.parametrize("uses", [1, 10, 3_000])
def test_an_allocation_keeps_within_the_uses(snr_db, uses):
    levels = np.random.default_rng(11).integers(-40, 60, 2_000).astype(np.int16)
    runs = allocate(levels, uses, snr_db, GRID)
    last = 0
    for run in runs:
        assert run.first == last
        last += len(run.coefficients) * GRID.shapes[run.shape][1]
    assert last <= uses
    chosen = np.concatenate([run.coefficients.ravel() for run in runs]) if runs else np.zeros(0)
    assert len(np.unique(chosen)) == len(chosen)


def test_indices_of_a_picture_are_octonary_and_fill_the_uses(codecs, photo):
    codec, uses = codecs["octonary"], 4_000
    description = codec.model.describe(photo, uses, 10.0)
    runs = allocate(description.variance_levels, uses, 10.0, codec.grid)
    indices = codec.indices(description, runs)
    assert len(indices) == len(runs)
    assert all(0 <= part.min() and part.max() < 8 for part in indices)
    assert uses - 8 <= sum(part.size for part in indices) <= uses

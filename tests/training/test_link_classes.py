"""Block classes from photographs."""

import numpy as np
import pytest

from moclink.images import sample_paths
from moclink.linear.classes import block_bands
from moclink.training.link_classes import picture_energies, train


def test_energies_are_those_of_the_picture():
    """An orthonormal transform keeps the energy; blocks that do not overlap hold each pixel once."""
    whole, reduced = picture_energies(sample_paths()[0], 32, 0, np.random.default_rng(0))
    assert whole.shape[2:] == (3, len(block_bands(32)[1])) and whole.dtype == np.float32
    assert whole.shape[0] > reduced.shape[0] and whole.shape[1] > reduced.shape[1]
    assert (whole >= 0).all()
    mean_energy = whole.sum() / (whole.shape[0] * whole.shape[1] * 32 * 32)
    assert 0.01 < mean_energy < 0.75  # three planes of pixels in [-1/2, 1/2]
    luma, chroma = whole[:, :, 0].sum(), whole[:, :, 1:].sum()
    assert luma > chroma


def test_training_finds_two_kinds_of_blocks():
    rng = np.random.default_rng(5)
    number = block_bands(16)[1]
    deviation = np.array([0.01, 1.0])[rng.integers(0, 2, (4, 10, 12))]
    energies = (
        rng.chisquare(np.maximum(number, 1e-9), (4, 10, 12, 3, len(number)))
        * deviation[..., None, None] ** 2
    )
    model = train(list(energies.astype(np.float32)), 16, 4, 4, 1e-4, 12, 0)
    deviations = np.sqrt(model.variances[:, 0, 60])
    assert deviations.min() < 0.2  # the smoothing gives each class two blocks of mean energy
    assert deviations.max() == pytest.approx(1, rel=0.2)
    assert np.allclose(np.exp2(model.prior).sum(), 1)

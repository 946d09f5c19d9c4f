"""Blocks of several sizes: each is read back, the best is taken."""

import numpy as np
import pytest

from moclink.linear.block_sizes import BlocksOfSeveralSizes


@pytest.mark.parametrize("choice", [0, 1, 2])
def test_each_size_is_read_back(choice, photo, several_sizes):
    photo = photo[:200, :270]
    only = several_sizes.models[choice].describe(photo, 13_500, 10.0)
    header = np.concatenate([np.array([choice >> 1, choice & 1], np.uint8), only.bits])
    layout, bits = several_sizes.select(header)
    assert layout is several_sizes.models[choice]
    assert np.array_equal(layout.variance_levels(bits, 200, 270), only.variance_levels)
    np.testing.assert_allclose(layout.picture(only.coefficients, 200, 270), photo, atol=1e-5)


def test_the_best_size_is_taken(photo, several_sizes):
    photo = photo[:200, :270]
    description = several_sizes.describe(photo, 13_500, 20.0)
    layout, bits = several_sizes.select(description.bits)
    assert np.array_equal(layout.variance_levels(bits, 200, 270), description.variance_levels)
    with pytest.raises(ValueError, match="model 3 of 3"):
        several_sizes.select(np.ones(40, np.uint8))
    with pytest.raises(ValueError, match="models"):
        BlocksOfSeveralSizes(())

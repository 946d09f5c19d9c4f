"""Batches in groups, pictures in stripes: what is cut gives what is whole."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.tiling import CompiledFunction, PositionLimit, check_crop
from moclink.torch_device import to_numpy


@pytest.mark.parametrize(
    ("batch", "rows", "columns", "positions"), [(5, 4, 3, 24), (3, 10, 10, 7), (1, 1, 1, 1)]
)
def test_groups_cover_the_batch_within_the_budget(batch, rows, columns, positions):
    groups = PositionLimit(positions).groups(batch, rows, columns)
    covered = [i for group in groups for i in range(batch)[group]]
    assert covered == list(range(batch))
    assert all(
        len(range(batch)[group]) == 1 or len(range(batch)[group]) * rows * columns <= positions
        for group in groups
    )


@pytest.mark.parametrize(
    ("columns", "multiple", "expected"), [(8, 8, 8), (3, 8, 16), (1000, 8, 8), (3, 1, 21)]
)
def test_stripes_are_whole_multiples_and_at_least_one(columns, multiple, expected):
    assert PositionLimit(64).stripe(columns, multiple) == expected


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ValueError, match="0 positions"):
        PositionLimit(0)


def blur(halo):
    """Mean of 2 halo + 1 rows, zero beyond the edge: as far-reaching as `halo` says."""

    def function(x, factor):
        padded = ops.pad(x, ((0, 0), (halo, halo), (0, 0)))
        rows = ops.shape(x)[1]
        return sum(padded[:, i : i + rows] for i in range(2 * halo + 1)) * factor[:, None, None]

    return CompiledFunction(function, [])


@pytest.mark.parametrize("height", [1, 4, 5, 23])
@pytest.mark.parametrize("halo", [0, 2, 7])
def test_stripes_that_overlap_by_the_reach_give_the_whole_result(height, halo):
    x = np.random.default_rng(0).integers(0, 99, (2, height, 3)).astype(np.float32)
    factor = np.array([1.0, 2.0], np.float32)
    function = blur(halo)
    whole = function.run(x, factor)
    np.testing.assert_array_equal(function.run_in_stripes(x, (factor,), rows=4, halo=halo), whole)


def test_too_small_a_halo_would_show():
    x = np.random.default_rng(0).integers(0, 99, (1, 12, 3)).astype(np.float32)
    factor = np.ones(1, np.float32)
    function = blur(2)
    cut = to_numpy(function.run_in_stripes(x, (factor,), rows=4, halo=1))
    assert (cut != function.run(x, factor)).any()


def test_units_and_scale_map_rows_of_pictures_to_positions():
    def one_of_each(x):
        return x[:, ::8]

    x = np.arange(40, dtype=np.float32).reshape(1, 40, 1)
    got = CompiledFunction(one_of_each, []).run_in_stripes(x, rows=2, halo=1, unit=8, scale=1 / 8)
    np.testing.assert_array_equal(got[0, :, 0], np.arange(0, 40, 8))


def test_crops_beyond_the_grid_are_refused():
    check_crop(None, 16, 2, 2)
    with pytest.raises(
        ValueError, match="height is 17; it must be 1 to 16: 2 latent positions of 8 pixels arrived"
    ):
        check_crop(17, 16, 2, 2)

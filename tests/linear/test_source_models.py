"""Properties of all source models: levels that follow from the bits, error maps that keep the sum."""

import numpy as np
import pytest

from moclink.linear import transform
from moclink.linear.source_models import map_groups


@pytest.mark.parametrize("model", ["whole", "blocks"])
def test_levels_follow_from_the_bits(model, photo, models):
    for snr_db in (-5.0, 10.0, None):
        description = models[model].describe(photo, 20_000, snr_db)
        layout, bits = models[model].select(description.bits)
        found = layout.variance_levels(bits, *photo.shape[:2])
        assert np.array_equal(found, description.variance_levels)


@pytest.mark.parametrize("choice", ["16", "32", "64", "whole"])
def test_error_maps_keep_the_sum(choice, several_sizes, models):
    blocks = dict(zip(("16", "32", "64"), several_sizes.models, strict=True))
    model = {**blocks, "whole": models["whole"]}[choice]
    description = model.describe_with_defaults(np.full((256, 320, 3), 0.4, np.float32))
    errors = np.random.default_rng(4).random(len(description.coefficients)).astype(np.float32)
    found = model.error_map(errors, 256, 320)
    assert found.shape == (8, 10, 6)
    assert found.sum(-1).mean() == pytest.approx(errors.sum() / (256 * 320), rel=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (45, 70), (65, 33)])
def test_error_maps_of_any_size(shape, several_sizes):
    for model in several_sizes.models:
        length = len(model.describe_with_defaults(np.zeros((*shape, 3), np.float32)).coefficients)
        found = model.error_map(np.ones(length, np.float32), *shape)
        assert found.shape == (*transform.block_grid(*shape, 32), 6)
        assert np.isfinite(found).all()


def test_groups_of_a_map_end_at_shares_of_the_highest_frequency():
    """Of 32 frequencies 2, 6 and 13 are below 1/16, 1/6 and 1/2.5: squares of them are the groups."""
    groups = map_groups(32, 32)
    np.testing.assert_array_equal(
        np.bincount(groups.ravel()), [2**2, 6**2 - 2**2, 13**2 - 6**2, 32**2 - 13**2]
    )
    np.testing.assert_array_equal(groups, groups.T)

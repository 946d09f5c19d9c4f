"""Blocks in classes: the price of the map, and variances that are those of the coefficients."""

import numpy as np
import pytest

from moclink.linear.classes import ClassModel
from moclink.linear.classified_blocks import ClassifiedBlocks


def test_a_dearer_map_is_shorter(photo):
    photo = photo[:200, :270]
    bits = {
        price: len(ClassifiedBlocks(ClassModel.load(), price).describe(photo, 13_500, 5.0).bits)
        for price in (0.2, 1.0, 5.0)
    }
    assert bits[0.2] > bits[1.0] > bits[5.0]


def test_classes_tell_variances(photo):
    photo = photo[:200, :270]
    # Over the deviation of its class, a coefficient that is sent has variance 1, picture by
    # picture.
    description = ClassifiedBlocks(ClassModel.load()).describe(photo, 13_500, 10.0)
    strong = description.variance_levels > np.sort(description.variance_levels)[-13_500]
    scaled = description.coefficients[strong] ** 2 / 10 ** (
        description.variance_levels[strong] / 20
    )
    assert scaled.mean() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("shape", [(1, 1), (31, 33), (64, 100)])
def test_coefficients_of_any_size_give_the_picture_back(shape, photo):
    model, picture = ClassifiedBlocks(ClassModel.load()), photo[: shape[0], : shape[1]]
    plain = model.describe_with_defaults(picture)
    assert len(plain.bits) == 0
    np.testing.assert_array_equal(model.variance_levels(plain.bits, *shape), plain.variance_levels)
    np.testing.assert_allclose(model.picture(plain.coefficients, *shape), picture, atol=1e-5)

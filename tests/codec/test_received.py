"""What a semantic codec's receiver is given, and what it refuses."""

import numpy as np
import pytest

from moclink.codec.quantizer import MOCRVQ
from moclink.codec.received import as_likelihoods, is_soft, levels_of_each


@pytest.fixture
def quantizer():
    return MOCRVQ(16, heads=4, levels=3, states=8)


def test_posteriors_are_floats_with_one_more_axis(quantizer):
    assert is_soft(np.zeros((2, 3, 4, 1, 4, 8), np.float32), quantizer)
    assert not is_soft(np.full((2, 3, 4, 3, 4), 7, np.uint8), quantizer)


@pytest.mark.parametrize(
    "received,message",
    [
        (np.zeros((1, 1, 1, 4, 4), np.int32), "L of 1..3"),
        (np.zeros((1, 1, 1, 2, 3), np.int32), r"int \[B, h, w, L, 4\]"),
        (np.zeros((1, 1, 1, 2, 4, 7), np.float32), r"float \[B, h, w, L, 4, 8\]"),
        (np.zeros((0, 1, 1, 2, 4), np.int32), "of shape"),
        (np.full((1, 1, 1, 2, 4), 8), "span 8..8; they must be in 0..7"),
    ],
)
def test_other_shapes_and_values_are_refused(received, message, quantizer):
    with pytest.raises(ValueError, match=message):
        is_soft(received, quantizer)


def test_likelihoods_may_be_minus_infinity_but_no_other(quantizer):
    scores = np.full((1, 1, 1, 1, 4, 8), -np.inf)
    scores[..., 2] = -3
    found = as_likelihoods(scores, quantizer)
    assert found.dtype == np.float32 and found[0, 0, 0, 0, 0, 2] == -3
    for wrong in (np.nan, np.inf):
        scores[0, 0, 0, 0, 3, 1] = wrong
        with pytest.raises(ValueError, match="NaN or infinity"):
            as_likelihoods(scores, quantizer)


def test_levels_are_those_sent_unless_fewer_are_asked_for():
    np.testing.assert_array_equal(levels_of_each(None, 3, 2), [3, 3])
    np.testing.assert_array_equal(levels_of_each([1, 3], 3, 2), [1, 3])
    for wrong in (0, 4, 1.5, [1, 2, 3]):
        with pytest.raises(ValueError, match="level"):
            levels_of_each(wrong, 3, 2)

"""The mean squared error against NumPy's, in float64 and of views."""

import numpy as np
import pytest

from moclink.squared_errors import mean_squared_error


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 300, 3), (40, 9, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_numpys_in_float64(shape, dtype):
    rng = np.random.default_rng(1)
    x, y = rng.random(shape).astype(dtype), rng.random(shape).astype("float32")
    expected = np.square(x.astype(np.float64) - y.astype(np.float64)).mean()
    assert mean_squared_error(x, y) == pytest.approx(expected, rel=1e-13)


def test_views_that_are_not_contiguous():
    x = np.random.default_rng(2).random((8, 10, 6))[:, ::2, ::2]
    y = np.zeros((8, 5, 3), np.float32)
    assert mean_squared_error(x, y) == pytest.approx(np.square(x).mean(), rel=1e-13)


def test_equal_images_have_none():
    x = np.random.default_rng(3).random((5, 6, 3), np.float32)
    assert mean_squared_error(x, x.copy()) == 0

"""Exponential, SiLU and GELU in float32 against float64."""

import numpy as np
import pytest

from moclink.elementary import exponential, gelu, silu
from moclink.numba_cache import compiled


def each(function):
    @compiled(error_model="numpy")
    def loop(x, y):
        for i in range(x.size):
            y[i] = function(x[i])

    def apply(x):
        y = np.empty_like(x)
        loop(x, y)
        return y

    return apply


X = np.linspace(-80, 80, 100_001, dtype=np.float32)
WIDE = X.astype(np.float64)


def test_exponential_is_exact_to_rounding_and_limited():
    found = each(exponential)(X)
    np.testing.assert_allclose(found, np.exp(WIDE), rtol=2e-7)
    ends = each(exponential)(np.array([-1e9, -87, 87, 1e9], np.float32))
    np.testing.assert_allclose(ends, np.exp([-87.0, -87.0, 87.0, 87.0]), rtol=2e-7)


@pytest.mark.parametrize(
    ("function", "argument"),
    [(silu, WIDE), (gelu, 2 * np.sqrt(2 / np.pi) * (WIDE + 0.044715 * WIDE**3))],
)
def test_activations(function, argument):
    expected = WIDE / (1 + np.exp(-np.clip(argument, -87, 87)))
    np.testing.assert_allclose(each(function)(X), expected, rtol=1e-5, atol=1e-7)

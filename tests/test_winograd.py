"""Convolutions by tiles against their definition, written out in NumPy."""

import numba
import numpy as np
import pytest

from moclink import winograd


def defined(x, kernel):
    """The convolution in float64, with zeros around x."""
    size = kernel.shape[0]
    pad = size // 2
    x = np.pad(x.astype(np.float64), ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    height, width = x.shape[1] - 2 * pad, x.shape[2] - 2 * pad
    return sum(
        x[:, i : i + height, j : j + width] @ kernel[i, j].astype(np.float64)
        for i in range(size)
        for j in range(size)
    )


def case(size, height, width, channels, outputs, batch=1):
    rng = np.random.default_rng(height * width + channels)
    x = rng.normal(size=(batch, height, width, channels))
    kernel = rng.normal(size=(size, size, channels, outputs)) / (size * channels**0.5)
    bias = rng.normal(size=outputs)
    return (each.astype(np.float32) for each in (x, kernel, bias))


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize(
    ("height", "width", "channels", "outputs"),
    [(1, 1, 1, 1), (4, 4, 3, 5), (5, 3, 17, 64), (23, 30, 48, 48), (9, 14, 70, 130)],
)
def test_any_map_and_any_channels_as_defined(size, height, width, channels, outputs):
    x, kernel, bias = case(size, height, width, channels, outputs, batch=2)
    expected = defined(x, kernel) + bias
    np.testing.assert_allclose(winograd.convolve(x, kernel, bias), expected, atol=1e-4)


def test_rounding_is_a_few_times_that_of_a_plain_convolution():
    x, kernel, bias = case(3, 40, 40, 128, 128)
    error = winograd.convolve(x, kernel, bias) - (defined(x, kernel) + bias)
    assert np.sqrt(np.mean(error**2)) < 5e-6  # of values of unit variance; of TensorFlow 6e-7


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        (winograd.NONE, lambda v: v),
        (winograd.SILU, lambda v: v / (1 + np.exp(-v))),
        (winograd.RELU, lambda v: np.maximum(v, 0)),
    ],
)
def test_bias_activation_and_sum_follow(activation, function):
    x, kernel, bias = case(3, 10, 7, 16, 96, batch=2)
    others = np.random.default_rng(1).normal(size=(2, 10, 7, 96)).astype(np.float32)
    expected = function(defined(x, kernel) + bias) + others
    found = winograd.convolve(x, kernel, bias, activation, others)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_threads_change_nothing(monkeypatch):
    x, kernel, bias = case(3, 50, 40, 16, 32)
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        found.append(winograd.convolve(x, kernel, bias))
    np.testing.assert_array_equal(*found)


def test_a_view_is_convolved_as_its_copy():
    x, kernel, bias = case(3, 12, 12, 8, 8)
    view = x[:, ::2, 1:]
    expected = winograd.convolve(view.copy(), kernel, bias)
    np.testing.assert_array_equal(winograd.convolve(view, kernel, bias), expected)


def test_silu_of_any_shape():
    x = np.linspace(-200, 200, 2001, dtype=np.float32).reshape(3, 667)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(winograd.silu(x), wide / (1 + np.exp(-wide)), rtol=5e-7, atol=1e-30)


def test_other_kernels_are_refused():
    with pytest.raises(ValueError, match=r"shape \(1, 1, 2, 2\); its sides must both be 3 or 5"):
        winograd.convolve(*case(1, 4, 4, 2, 2))

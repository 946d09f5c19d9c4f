"""Structural similarity of single channels against SciPy's filters and by hand."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from moclink.structural_similarity import (
    MS_SSIM_WEIGHTS,
    mean_similarity,
    pyramid,
    window,
)


def local_mean(x):
    """Under 11 samples of a gaussian of deviation 1.5, by SciPy; its window has a sum of 1, too."""
    return gaussian_filter(x, 1.5, radius=5)[5:-5, 5:-5]


def test_the_window_is_a_gaussian_of_eleven_samples():
    impulse = np.zeros(31)
    impulse[15] = 1
    np.testing.assert_allclose(gaussian_filter(impulse, 1.5, radius=5)[10:21], window(), rtol=1e-12)


@pytest.mark.parametrize("shape", [(30, 23), (11, 11), (12, 40), (75, 250)])
def test_means_are_those_of_filtered_maps(shape):
    rng = np.random.default_rng(1)
    y = rng.random(shape)
    x = np.clip(y + 0.1 * rng.normal(size=shape), 0, 1)
    mean_x, mean_y = local_mean(x), local_mean(y)
    covariance = local_mean(x * y) - mean_x * mean_y
    variances = local_mean(x * x) - mean_x**2 + local_mean(y * y) - mean_y**2
    structure = (2 * covariance + 9e-4) / (variances + 9e-4)
    luminance = (2 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
    expected = (np.mean(luminance * structure), np.mean(structure))
    assert mean_similarity(x, y) == pytest.approx(expected, rel=1e-10)
    assert mean_similarity(np.float32(x), np.float32(y)) == pytest.approx(expected, rel=1e-4)


def test_a_constant_pair_differs_in_luminance_alone():
    x, y = np.full((16, 16), 0.2), np.full((16, 16), 0.6)
    whole, structure = mean_similarity(x, y)
    assert structure == pytest.approx(1)
    assert whole == pytest.approx((2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4))


def test_half_the_contrast_differs_in_structure_alone():
    """cov = v / 2 and variances v and v / 4: (v + C2) / (5 v / 4 + C2) with means equal."""
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(40, 40))
    mean, square = local_mean(noise), local_mean(noise**2)
    y = 0.5 + 0.1 * noise
    x = y.copy()
    inside = slice(5, -5)
    assert mean_similarity(x, y) == pytest.approx((1, 1))
    # About each window's own mean, so that luminance terms are 1 only for a flat mean: take the
    # structure term, which has no mean in it.
    variance = 0.01 * (square - mean**2)
    _, structure = mean_similarity(0.5 + 0.05 * noise, y)
    assert structure == pytest.approx(((variance + 9e-4) / (1.25 * variance + 9e-4)).mean())
    assert variance.shape == y[inside, inside].shape


@pytest.mark.parametrize(("height", "width"), [(176, 160), (161, 163)])
def test_each_scale_is_the_mean_of_squares_of_four(height, width):
    x = np.random.default_rng(3).random((height, width))
    scales = pyramid(x)
    assert len(scales) == len(MS_SSIM_WEIGHTS) == 5
    for finer, coarser in zip(scales, scales[1:], strict=False):
        rows, columns = (-(-side // 2) for side in finer.shape)
        assert coarser.shape == (rows, columns)
        assert coarser[0, 0] == pytest.approx(finer[:2, :2].mean())
        last = finer[2 * (rows - 1) :, 2 * (columns - 1) :]  # a lone row or column is repeated
        assert coarser[-1, -1] == pytest.approx(last.mean())

"""Levels and noise of a batch against the distributions that they are drawn from."""

import numpy as np

from moclink.training.draws import draw_levels, draw_noise


def test_levels_are_drawn_as_told():
    drawn = draw_levels(np.random.default_rng(0), 40_000, 4, 0.5)
    share = np.bincount(drawn, minlength=5)[1:] / drawn.size
    # 0.125 each and 0.5 more for all four; standard error 0.0025 at most.
    np.testing.assert_allclose(share, [0.125, 0.125, 0.125, 0.625], atol=0.0125)


def test_noise_lies_on_the_grid_of_latents_and_has_unit_variance():
    noise = draw_noise(np.random.default_rng(0), 2, 129, 96, 4, 16)
    assert noise.shape == (2, 17, 12, 4, 16) and noise.dtype == np.float32
    # 26,112 values: five standard deviations of their mean and of their mean square.
    assert abs(noise.mean()) < 5 / np.sqrt(noise.size)
    assert abs(np.mean(noise**2) - 1) < 5 * np.sqrt(2 / noise.size)
    again = draw_noise(np.random.default_rng(0), 2, 129, 96, 4, 16)
    assert np.array_equal(noise, again)

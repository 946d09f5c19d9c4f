"""Water-filling and the distortion of linear codes."""

import numpy as np
import pytest
from scipy.optimize import minimize

from moclink.linear import allocation
from moclink.linear.estimators import gaussian_mean, laplacian_mean


@pytest.mark.parametrize("snr", [0.3, 2.0, 50.0])
def test_water_filling_is_the_minimum(snr):
    levels = np.array([40, 31, 20, 20, 3, -12], dtype=np.int16)
    variance, uses = allocation.levels_to_variances(levels), 7
    power = allocation.water_filling(levels, uses, snr)
    assert power.sum() == pytest.approx(uses)

    def loss(root):
        shares = root**2 / np.sum(root**2) * uses
        return np.sum(variance / (1 + shares * snr))

    best = min(
        (minimize(loss, np.ones(6) * s, method="BFGS") for s in (0.5, 1.0)), key=lambda r: r.fun
    )
    assert np.sum(variance / (1 + power * snr)) <= best.fun * (1 + 1e-6)


def test_quarter_power_amplitudes():
    levels = np.array([40, 0], dtype=np.int16)
    power = allocation.quarter_power(levels, 2)
    amplitude = np.sqrt(power / allocation.levels_to_variances(levels))
    assert amplitude[1] / amplitude[0] == pytest.approx(100**0.25)
    assert power.sum() == pytest.approx(2)


def test_strongest_is_a_stable_sort():
    levels = np.random.default_rng(1).integers(-30, 30, 1000).astype(np.int16)
    levels[::7] = allocation.NOT_SENT
    wanted = [i for i in np.argsort(-levels, kind="stable") if levels[i] > allocation.NOT_SENT]
    for most in (0, 1, 57, 500, 2000):
        assert allocation.strongest(levels, most).tolist() == wanted[:most]


def test_linear_distortion_against_simulation():
    rng = np.random.default_rng(7)
    levels = rng.integers(-40, 40, 400).astype(np.int16)
    uses, snr, trials = 250, 3.0, 4000
    chosen = allocation.strongest(levels, uses)
    power = allocation.water_filling(levels[chosen], uses, snr)
    variance = allocation.levels_to_variances(levels)
    x = rng.standard_normal((trials, 400)) * np.sqrt(variance)
    factor = np.sqrt(power / variance[chosen])
    y = x[:, chosen] * factor + rng.standard_normal((trials, len(chosen))) / np.sqrt(snr)
    estimate = np.zeros_like(x)
    estimate[:, chosen] = factor * variance[chosen] / (factor**2 * variance[chosen] + 1 / snr) * y
    errors = np.sum((x - estimate) ** 2, axis=1)
    expected = allocation.linear_distortion(levels, uses, snr)
    assert abs(errors.mean() - expected) < 4 * errors.std() / np.sqrt(trials)


@pytest.mark.parametrize("variance", [0.01, 0.3, 5.0])
def test_laplacian_mean_against_integration(variance):
    x = np.linspace(-30, 30, 600_001)
    for y in (-4.0, -0.2, 0.0, 1.3, 9.0):
        weight = np.exp(-np.sqrt(2) * np.abs(x) - (y - x) ** 2 / (2 * variance))
        wanted = np.sum(weight * x) / np.sum(weight)
        found = laplacian_mean(np.array([y]), np.array([variance]))[0]
        assert found == pytest.approx(wanted, abs=1e-6)
    assert gaussian_mean(np.array([1.0]), np.array([variance]))[0] == pytest.approx(
        1 / (1 + variance)
    )


def test_laplacian_mean_at_high_snr_is_the_observation():
    y = np.array([-1e3, -1.0, 0.5, 1e3])
    np.testing.assert_allclose(laplacian_mean(y, np.full(4, 1e-9)), y, rtol=1e-6)


def test_linear_distortion_of_given_coefficients():
    rng = np.random.default_rng(8)
    levels = rng.integers(-40, 40, 300).astype(np.int16)
    levels[:20] = allocation.NOT_SENT
    x = rng.laplace(size=300) * np.sqrt(allocation.levels_to_variances(np.maximum(levels, -40)))
    uses, snr, trials = 400, 2.0, 4000
    chosen = allocation.strongest(levels, uses)
    power = allocation.water_filling(levels[chosen], uses, snr)
    variance = allocation.levels_to_variances(levels[chosen])
    factor = np.sqrt(power / variance)
    y = x[chosen] * factor + rng.standard_normal((trials, len(chosen))) / np.sqrt(snr)
    estimate = np.zeros((trials, 300))
    estimate[:, chosen] = factor * variance / (factor**2 * variance + 1 / snr) * y
    errors = np.sum((x - estimate) ** 2, axis=1)
    expected = allocation.linear_distortion(levels, uses, snr, x)
    assert abs(errors.mean() - expected) < 4 * errors.std() / np.sqrt(trials)

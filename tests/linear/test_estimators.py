"""Posterior means against numerical integration over the prior."""

import numpy as np
import pytest

from moclink.linear.estimators import gaussian_mean, laplacian_mean

X = np.linspace(-40, 40, 800_001)
LOG_PRIORS = {gaussian_mean: -(X**2) / 2, laplacian_mean: -np.sqrt(2) * np.abs(X)}


@pytest.mark.parametrize("mean", LOG_PRIORS, ids=lambda mean: mean.__name__)
@pytest.mark.parametrize("variance", [0.003, 0.5, 20.0, 2e3, 1e6, 1e10])
def test_means_are_integrals_over_the_posterior(mean, variance):
    observed = np.array([-6.0, -0.4, 0.0, 1.0, 3.0])
    logs = LOG_PRIORS[mean] - (observed[:, None] - X) ** 2 / (2 * variance)
    weights = np.exp(logs - logs.max(1, keepdims=True))
    expected = weights @ X / weights.sum(1)
    found = mean(observed, np.full(5, variance))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9 / (1 + variance) + 1e-16)


def test_a_clear_laplacian_observation_is_shrunk_by_its_slope():
    """Far from 0 the posterior is a normal: the mean moves by sqrt(2) times the noise variance."""
    observed, variance = np.array([-100.0, 100.0]), np.full(2, 1e-3)
    expected = observed - np.sign(observed) * np.sqrt(2) * variance
    np.testing.assert_allclose(laplacian_mean(observed, variance), expected, rtol=1e-9)

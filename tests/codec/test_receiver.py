"""The soft receiver: Bayes' rule in float64, on NumPy arrays and on tensors."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.constellation import amplitudes
from moclink.codec.receiver import log_likelihoods, noise_variance, posterior


def test_noise_variance_is_the_inverse_of_the_snr():
    snr = np.array([-5.0, 0.0, 3.0, 10.0, 30.0])
    np.testing.assert_allclose(noise_variance(snr), 10 ** (-snr / 10), rtol=1e-6)


@pytest.mark.parametrize("snr", [np.inf, -np.inf, 400.0, -400.0])
def test_posteriors_are_finite_at_any_snr(snr):
    y = amplitudes(8)[[3, 5]]
    no = ops.convert_to_numpy(noise_variance(snr))
    got = posterior(ops.convert_to_numpy(log_likelihoods(y, no, amplitudes(8))))
    expected = np.eye(8)[[3, 5]] if snr > 0 else np.full((2, 8), 1 / 8)
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("priors", [None, "measured"])
def test_numpy_and_tensors_agree_with_bayes_rule_in_float64(priors):
    rng = np.random.default_rng(0)
    y, no = rng.normal(size=(2, 3, 4)).astype(np.float32), np.float32(0.3)
    priors = None if priors is None else rng.dirichlet(np.ones(8), size=(3, 4)).astype(np.float32)
    distance = (y.astype(np.float64)[..., None] - amplitudes(8)) ** 2
    joint = np.exp(-distance / 0.3) * (1 if priors is None else priors)
    expected = joint / joint.sum(-1, keepdims=True)
    scores = log_likelihoods(y, no, amplitudes(8))
    in_numpy = posterior(scores, priors)
    assert isinstance(in_numpy, np.ndarray) and in_numpy.dtype == np.float32
    np.testing.assert_allclose(in_numpy, expected, atol=1e-6)
    np.testing.assert_allclose(
        posterior(ops.convert_to_tensor(scores), priors), expected, atol=1e-6
    )


def test_a_code_that_was_never_used_stays_possible():
    priors = np.eye(4, dtype=np.float32)[0]
    scores = np.array([-100.0, 0.0, -100.0, -100.0], np.float32)
    assert posterior(scores, priors).argmax() == 1

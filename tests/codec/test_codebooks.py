"""What training does to codebooks: counts, priors, averages, and codes that are not used."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.codebooks import (
    code_usage,
    copy_codebooks,
    initialize_averages,
    record_priors,
    reseed_unused,
    update_averages,
)
from moclink.codec.quantizer import MOCRVQ

P, D, N, C = 2, 3, 8, 6


def make(seed=0, **options):
    """A quantiser whose levels shrink, as trained ones do."""
    quantizer = MOCRVQ(P * C, P, D, N, **options)
    rng = np.random.default_rng(seed)
    quantizer.assign_codebooks([rng.normal(size=(P, N, C)) * 0.6**d for d in range(D)])
    return quantizer


def latents(batch=2, seed=1):
    return np.random.default_rng(seed).normal(size=(batch, 3, 2, P * C)).astype(np.float32)


def test_dead_codes_are_reseeded_from_residuals_and_come_into_use():
    quantizer = make()
    quantizer.mocs[1].codebook.assign(
        quantizer.codebooks[1] + 100.0 * (np.arange(N) == 5)[None, :, None]
    )
    z = latents(64, seed=9)
    usage = code_usage(quantizer.encode(z), N)
    assert (usage[1, :, 5] == 0).all()
    dead = reseed_unused(quantizer, z, usage)
    assert dead[1, :, 5].all() and dead.sum() == (usage < 0.005 * 64 * 6).sum()
    assert (code_usage(quantizer.encode(z), N)[1, :, 5] > 0).all()
    with pytest.raises(ValueError, match=r"usage has shape \(3,\)"):
        reseed_unused(quantizer, z, np.zeros(3, int))


def test_averages_converge_to_the_means_of_the_residuals():
    quantizer = make(ema_decay=0.5)
    assert not quantizer.trainable_weights
    z = latents(32, seed=10)
    indices = ops.convert_to_numpy(quantizer.encode(z))
    update_averages(quantizer, z)
    residual = z.reshape(-1, P, C)
    for p in range(P):
        chosen = indices[:, :, :, 0, p].reshape(-1)
        for k in np.unique(chosen):
            np.testing.assert_allclose(
                quantizer.codebooks[0, p, k], residual[chosen == k, p].mean(0), atol=1e-4
            )
    with pytest.raises(ValueError, match="ema_decay"):
        update_averages(make(), z)


def test_averages_start_at_the_codebooks():
    quantizer = make(ema_decay=0.99)
    samples = latents(64, seed=11).reshape(-1, P * C)
    usage = code_usage(quantizer.encode(samples[:, None, None]), N)
    initialize_averages(quantizer, samples, 96)
    np.testing.assert_allclose(quantizer.ema_count, usage * 96 / len(samples), rtol=1e-6)
    mean = (
        ops.convert_to_numpy(quantizer.ema_sum)[usage > 0]
        / ops.convert_to_numpy(quantizer.ema_count)[usage > 0][:, None]
    )
    np.testing.assert_allclose(mean, quantizer.codebooks[usage > 0], rtol=1e-5)


def test_usage_counts_every_code_and_refuses_others():
    indices = np.array([[[0, 1], [2, 2]], [[0, 3], [2, 1]]])
    expected = [[[2, 0, 0, 0], [0, 1, 0, 1]], [[0, 0, 2, 0], [0, 1, 1, 0]]]
    np.testing.assert_array_equal(code_usage(indices, 4), expected)
    with pytest.raises(ValueError, match=r"indices span 0\.\.9"):
        code_usage(np.array([[[0, 9]]]), 8)


def test_priors_are_shares_of_use_and_none_is_zero():
    quantizer = make()
    usage = np.zeros((D, P, N), int)
    usage[..., 2] = 91
    usage[..., 5] = 1
    record_priors(quantizer, usage)
    expected = np.full(N, 1 / 100)
    expected[[2, 5]] = 0.92, 0.02
    np.testing.assert_allclose(quantizer.priors, np.broadcast_to(expected, (D, P, N)), rtol=1e-6)
    other = make(seed=5)
    copy_codebooks(quantizer, other)
    np.testing.assert_array_equal(other.priors, quantizer.priors)
    np.testing.assert_array_equal(other.codebooks, quantizer.codebooks)

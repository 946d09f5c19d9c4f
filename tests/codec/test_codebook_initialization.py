"""The start of the codebooks: clusters that are there are found, and every level leaves less."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.codebook_initialization import fit_jointly, initialize_codebooks, k_means
from moclink.codec.codebooks import code_usage
from moclink.codec.quantizer import MOCRVQ

P, D, N, C = 2, 3, 8, 6


def test_k_means_start_finds_separate_clusters():
    rng = np.random.default_rng(7)
    centres = 10 * rng.normal(size=(N, C))
    samples = (centres[rng.integers(N, size=2000)] + 0.1 * rng.normal(size=(2000, C))).astype(
        np.float32
    )
    found = k_means(samples, N, np.random.default_rng(0))
    distance = np.linalg.norm(found[:, None] - centres[None], axis=-1)
    assert sorted(distance.argmin(1)) == list(range(N))
    # 250 samples a cluster: the mean errs by 0.1 / sqrt(250) an axis; six such deviations
    assert distance.min(1).max() < 6 * 0.1 / np.sqrt(2000 / N / 2) * np.sqrt(C)
    with pytest.raises(ValueError, match="3 samples"):
        k_means(samples[:3], N, rng)


def test_the_start_leaves_less_at_every_level():
    quantizer = MOCRVQ(P * C, P, D, N)
    samples = np.random.default_rng(8).normal(size=(3000, P * C)).astype(np.float32)
    initialize_codebooks(quantizer, samples)
    z = samples[:600].reshape(6, 10, 10, P * C)
    errors = [
        float(np.mean((z - ops.convert_to_numpy(quantizer.requantize(z, d))) ** 2))
        for d in (1, 2, 3)
    ]
    assert 1 > errors[0] > errors[1] > errors[2]
    usage = code_usage(quantizer.encode(z), N)
    assert usage.sum() == 600 * D * P and (usage > 0).all()


def test_fitting_jointly_leaves_less_than_k_means_and_keeps_unused_vectors():
    rng = np.random.default_rng(9)
    samples = rng.normal(size=(2000, 1, 2)).astype(np.float32)
    books = np.stack([rng.normal(size=(1, 4, 2)) / 2**d for d in range(2)]).astype(np.float32)
    books[1, 0, 3] = 50.0

    def error(codebooks):
        sums = (codebooks[0, 0][:, None] + codebooks[1, 0][None]).reshape(-1, 2).astype(np.float64)
        return ((samples - sums) ** 2).sum(-1).min(1).mean()

    fitted = fit_jointly(samples, books)
    assert error(fitted) < 0.9 * error(books)
    np.testing.assert_allclose(fitted[1, 0, 3], books[1, 0, 3], rtol=1e-3)


def test_fewer_different_samples_than_vectors_are_the_vectors(recwarn):
    samples = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    found = k_means(samples, 8, np.random.default_rng(0))
    assert found.shape == (8, 3) and {tuple(row) for row in found} == {
        tuple(row) for row in np.eye(3)
    }
    assert not recwarn

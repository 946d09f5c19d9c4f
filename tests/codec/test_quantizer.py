"""MOC-RVQ against the recursion written out in NumPy, level by level, values and gradients."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.moc import MOC
from moclink.codec.quantizer import MOCRVQ

P, D, N, C = 2, 3, 8, 6


def make(seed=0, **options):
    """A quantiser whose levels shrink, as trained ones do."""
    quantizer = MOCRVQ(P * C, P, D, N, **options)
    rng = np.random.default_rng(seed)
    for d, moc in enumerate(quantizer.mocs):
        moc.codebook.assign(rng.normal(size=(P, N, C)) * 0.6**d)
    return quantizer


def latents(batch=2, seed=1):
    return np.random.default_rng(seed).normal(size=(batch, 3, 2, P * C)).astype(np.float32)


def recursion(z, codebooks):
    """Eq. (1)-(6) one vector at a time: indices, residuals r_0..r_D and code vectors e_1..e_D."""
    indices = np.zeros((*z.shape[:3], D, P), np.int32)
    residuals, vectors = [z.astype(np.float64)], []
    for d in range(D):
        e = np.zeros_like(residuals[-1])
        for position in np.ndindex(z.shape[:3]):
            for p in range(P):
                part = slice(p * C, (p + 1) * C)
                distance = [
                    np.linalg.norm(residuals[-1][position][part] - code) for code in codebooks[d, p]
                ]
                indices[(*position, d, p)] = k = int(np.argmin(distance))
                e[position][part] = codebooks[d, p, k]
        vectors.append(e)
        residuals.append(residuals[-1] - e)
    return indices, residuals, vectors


def test_indices_and_losses_equal_the_recursion_written_out():
    quantizer, z = make(), latents()
    indices, residuals, vectors = recursion(z, quantizer.codebooks)
    out = quantizer.quantize_latent(z)
    np.testing.assert_array_equal(out.indices, indices)
    np.testing.assert_allclose(out.z_q, sum(vectors), atol=1e-5)
    # sum over levels and heads of the mean over positions and the head's channels
    heads = [r.reshape(-1, P, C) for r in residuals[1:]]
    expected = sum((r[:, p] ** 2).mean() for r in heads for p in range(P))
    assert float(out.codebook_loss) == pytest.approx(expected, rel=1e-5)
    assert float(out.commitment_loss) == pytest.approx(expected, rel=1e-5)


def test_levels_may_differ_by_sample():
    quantizer, z = make(), latents(3)
    _, _, vectors = recursion(z, quantizer.codebooks)
    z_q = ops.convert_to_numpy(quantizer.quantize_latent(z, np.array([1, 3, 2])).z_q)
    for b, count in enumerate([1, 3, 2]):
        np.testing.assert_allclose(z_q[b], sum(v[b] for v in vectors[:count]), atol=1e-5)
        np.testing.assert_array_equal(z_q[b], quantizer.quantize_latent(z[b : b + 1], count).z_q[0])


def test_gradient_of_the_image_passes_straight_through(gradients_of):
    quantizer, latent = make(), latents()
    weight = np.random.default_rng(4).normal(size=latent.shape).astype(np.float32)
    (gradient,) = gradients_of(
        lambda z: ops.sum(ops.convert_to_tensor(weight) * quantizer.quantize_latent(z, 2).z_q),
        latent,
    )
    np.testing.assert_allclose(gradient, weight, atol=1e-6)


def test_every_level_adds_its_own_commitment_gradient(gradients_of):
    """d/dz of sum_d mean|r_{d-1} - sg e_d|^2 is a sum of r_d: with the straight-through value in the
    recursion only r_1 would be left."""
    quantizer, latent = make(), latents()
    _, residuals, _ = recursion(latent, quantizer.codebooks)
    (gradient,) = gradients_of(lambda z: quantizer.quantize_latent(z).commitment_loss, latent)
    scale = 2 * P / latent.size
    np.testing.assert_allclose(gradient, scale * sum(residuals[1:]), atol=1e-6)
    alone = scale * residuals[1]
    assert np.abs(alone - scale * sum(residuals[1:])).max() > 1e-3


def test_every_level_moves_its_own_codebook_and_nothing_else(gradients_of):
    quantizer, z = make(), latents()
    indices, residuals, _ = recursion(z, quantizer.codebooks)
    books = [moc.codebook for moc in quantizer.mocs]
    of_z, *of_books = gradients_of(lambda z: quantizer.quantize_latent(z).codebook_loss, z, *books)
    assert of_z is None
    _, *none = gradients_of(lambda z: quantizer.quantize_latent(z).commitment_loss, z, *books)
    assert none == [None] * len(books)
    for d, gradient in enumerate(of_books):
        expected = np.zeros((P, N, C))
        for position in np.ndindex(*z.shape[:3]):
            for p in range(P):
                r = residuals[d + 1][position][p * C : (p + 1) * C]
                expected[p, indices[(*position, d, p)]] -= 2 * P * r / z.size
        np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_look_up_gives_the_quantised_latent_to_the_bit():
    quantizer, z = make(), latents()
    for levels in (1, 2, 3, np.array([3, 1])):
        out = quantizer.quantize_latent(z, levels)
        found, expected = map(
            ops.convert_to_numpy, (quantizer.look_up(out.indices, levels), out.z_q)
        )
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(
            ops.convert_to_numpy(quantizer.requantize(z, levels)), expected
        )


def test_expected_vector_is_the_mean_under_the_posterior():
    quantizer = make()
    rng = np.random.default_rng(5)
    posteriors = rng.dirichlet(np.ones(N), size=(2, 3, 2, D, P)).astype(np.float32)
    means = np.einsum("bhwdpn,dpnc->bhwdpc", posteriors, quantizer.codebooks).reshape(
        2, 3, 2, D, P * C
    )
    found = ops.convert_to_numpy(quantizer.expected(posteriors))
    np.testing.assert_allclose(found, means.sum(3), atol=1e-5)
    found = ops.convert_to_numpy(quantizer.expected(posteriors, 2))
    np.testing.assert_allclose(found, means[:, :, :, :2].sum(3), atol=1e-5)
    certain = np.eye(N, dtype=np.float32)[quantizer.encode(latents())]
    found = ops.convert_to_numpy(quantizer.expected(certain))
    looked_up = ops.convert_to_numpy(quantizer.look_up(certain.argmax(-1)))
    np.testing.assert_allclose(found, looked_up, atol=1e-6)


@pytest.mark.parametrize("states", [4, 16])
def test_other_numbers_of_states(states):
    quantizer = MOCRVQ(12, 3, 2, states)
    out = quantizer.quantize_latent(np.random.default_rng(0).normal(size=(1, 4, 4, 12)))
    assert (
        out.indices.shape == (1, 4, 4, 2, 3)
        and 0 <= ops.min(out.indices)
        and ops.max(out.indices) < states
    )


def test_impossible_arguments_are_refused():
    with pytest.raises(ValueError, match="multiple of heads, 4"):
        MOC(10, 4)
    with pytest.raises(ValueError, match="states is 6.*power of two"):
        MOC(8, 4, 6)
    with pytest.raises(ValueError, match="levels is 0"):
        MOCRVQ(8, 4, 0)
    with pytest.raises(ValueError, match="levels is 5; it must be 1 to 3"):
        make().quantize_latent(latents(), 5)
    with pytest.raises(ValueError, match="ema_decay is 1.5"):
        MOCRVQ(8, 4, ema_decay=1.5)

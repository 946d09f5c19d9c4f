"""One level of the multi-head codebook against brute force, and its gradient."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.moc import MOC

HEADS, STATES, WIDTH = 3, 4, 5


@pytest.fixture
def moc():
    moc = MOC(HEADS * WIDTH, HEADS, STATES)
    moc.build((None, None, None, HEADS * WIDTH))
    moc.codebook.assign(np.random.default_rng(0).normal(size=(HEADS, STATES, WIDTH)))
    return moc


@pytest.fixture
def residual():
    return np.random.default_rng(1).normal(size=(2, 3, 2, HEADS * WIDTH)).astype(np.float32)


def test_each_head_is_replaced_by_its_nearest_code(moc, residual):
    codebook = ops.convert_to_numpy(moc.codebook)
    parts = residual.reshape(2, 3, 2, HEADS, 1, WIDTH)
    nearest = np.linalg.norm(parts - codebook, axis=-1).argmin(-1)
    vectors, indices = (ops.convert_to_numpy(part) for part in moc(residual))
    np.testing.assert_array_equal(indices, nearest)
    np.testing.assert_array_equal(
        vectors, codebook[np.arange(HEADS), nearest].reshape(vectors.shape)
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(moc.look_up(indices)), vectors)


def test_the_mean_vector_weighs_the_codes_by_their_posteriors(moc):
    p = np.random.default_rng(2).dirichlet(np.ones(STATES), (1, 2, 2, HEADS)).astype(np.float32)
    expected = np.einsum("bhwpn,pnc->bhwpc", p, ops.convert_to_numpy(moc.codebook))
    found = ops.convert_to_numpy(moc.expected(p))
    np.testing.assert_allclose(found, expected.reshape(found.shape), atol=1e-6)


def test_the_gradient_reaches_the_codebook_and_not_the_residual(moc, residual, gradients_of):
    of_residual, gradient = gradients_of(lambda x: ops.sum(moc(x)[0]), residual, moc.codebook)
    assert of_residual is None
    indices = ops.convert_to_numpy(moc(residual)[1])
    use = np.stack(
        [np.bincount(column, minlength=STATES) for column in indices.reshape(-1, HEADS).T]
    )
    np.testing.assert_allclose(gradient, np.tile(use[..., None], WIDTH))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((16, 3, 8), "latent_channels is 16; it must be a multiple of heads, 3"),
        ((16, 4, 6), "states is 6; it must be a power of two"),
        ((16, 4, 1), "states is 1"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MOC(*arguments)

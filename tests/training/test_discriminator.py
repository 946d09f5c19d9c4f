import keras
import numpy as np
import pytest

from moclink.training.discriminator import Discriminator, SpectralConv


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(4)


def test_one_logit_for_each_pixel():
    images = np.random.default_rng(0).random((2, 24, 40, 3), dtype=np.float32)
    assert tuple(Discriminator(4)(images).shape) == (2, 24, 40, 1)


def test_power_iteration_finds_the_largest_singular_value():
    layer = SpectralConv(6, 3)
    x = np.random.default_rng(1).normal(size=(1, 8, 8, 4)).astype(np.float32)
    layer.build(x.shape)
    for _ in range(60):
        layer(x, training=True)
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    sigma = np.linalg.svd(kernel.reshape(-1, 6).astype(np.float64), compute_uv=False)[0]
    plain = keras.ops.convert_to_numpy(keras.ops.conv(x, kernel, padding="same"))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(layer(x)), plain / sigma, rtol=1e-3, atol=1e-4
    )


def test_the_iterated_vector_moves_in_training_only():
    layer = SpectralConv(5)
    x = np.ones((1, 4, 4, 2), np.float32)
    layer.build(x.shape)
    before = keras.ops.convert_to_numpy(layer.vector)
    layer(x)
    assert np.array_equal(before, keras.ops.convert_to_numpy(layer.vector))
    layer(x, training=True)
    assert not np.array_equal(before, keras.ops.convert_to_numpy(layer.vector))


@pytest.mark.parametrize("layer", [SpectralConv(5, 4, 2), Discriminator(4)])
def test_config_round_trip(layer):
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_an_impossible_width_is_refused():
    with pytest.raises(ValueError, match="width"):
        Discriminator(0)

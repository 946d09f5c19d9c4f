"""Weights in eight bits: how near they are, and that a wrong file is refused."""

import json

import keras
import numpy as np
import pytest

from moclink.codec.int8_weights import load_int8_weights, quantize, write_int8_weights
from moclink.codec.weights import read_description


def dense(seed=0, width=5):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((7,))
    hidden = keras.layers.Dense(width, bias_initializer="normal", dtype="float32")(inputs)
    return keras.Model(inputs, keras.layers.Dense(3, dtype="float32")(hidden))


def test_kernels_are_within_half_a_step_of_their_channel():
    rng = np.random.default_rng(1)
    kernel = (rng.standard_normal((3, 3, 8, 6)) * [1e-6, 0.1, 1, 0, 5, 3e9]).astype(np.float32)
    levels, scale = quantize(kernel)
    assert levels.dtype == np.int8 and scale.dtype == np.float32 and scale.shape == (6,)
    step = np.abs(kernel).max((0, 1, 2)) / 127
    error = np.abs(levels * scale - kernel).max((0, 1, 2))
    assert np.all(error <= 0.5 * step * (1 + 1e-5))
    assert not levels[..., 3].any()


@pytest.mark.parametrize("size", [1e-9, 1e-6, 3e-4, 1.0])
def test_what_was_rounded_stays_as_it_is(size):
    """Also as the small difference of two weights, which is how changes are stored."""
    rng = np.random.default_rng(2)
    levels, scale = quantize((rng.standard_normal((3, 3, 8, 4)) * size).astype(np.float32))
    again, second = quantize(levels * scale)
    np.testing.assert_array_equal(again, levels)
    np.testing.assert_allclose(second, scale, rtol=1e-6)
    base = (rng.standard_normal(levels.shape) * 30 * size).astype(np.float32)
    np.testing.assert_array_equal(quantize((base + levels * scale) - base)[0], levels)


def test_written_weights_are_read_back(tmp_path):
    network, other = dense(), dense(1)
    path = write_int8_weights(tmp_path / "net", "test", {"width": 5}, network, {"steps": 3})
    description, weights = read_description(path, "test")
    assert weights == tmp_path / "net.weights.npz" and description["notes"] == {"steps": 3}
    load_int8_weights(other, weights)
    for one, found in zip(network.get_weights(), other.get_weights(), strict=True):
        assert np.abs(one - found).max() <= np.abs(one).max() / 127
    assert read_description(weights, "test")[0] == json.loads(path.read_text())


def test_a_wrong_file_is_refused(tmp_path):
    write_int8_weights(tmp_path / "net", "test", {}, dense(), {})
    weights = tmp_path / "net.weights.npz"
    with pytest.raises(ValueError, match=r"of shape \(7, 5\), not \(7, 6\)"):
        load_int8_weights(dense(width=6), weights)
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ValueError, match="no readable file of weights"):
        load_int8_weights(dense(), weights)
    with pytest.raises(ValueError, match="sha256"):
        read_description(tmp_path / "net", "test")
    np.savez(weights, **{"0000": np.full((7, 5), np.nan, np.float32)})
    with pytest.raises(ValueError, match="not finite"):
        load_int8_weights(dense(), weights)
    infinite = dense()
    infinite.weights[0].assign(np.full((7, 5), np.inf))
    with pytest.raises(ValueError, match="train with a lower rate"):
        write_int8_weights(tmp_path / "bad", "test", {}, infinite, {})

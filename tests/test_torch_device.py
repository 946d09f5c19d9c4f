"""Convolutions without copies, and codecs whose steps stay on the device."""

import keras
import numpy as np
import pytest

from moclink.codec.blocks import Conv2D
from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.tiling import PositionLimit
from moclink.torch_device import join, to_numpy

TOLERANCE = 2e-6  # of pixels: sums in another order


@pytest.mark.torch_only("elsewhere Keras's own convolution is taken")
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    "size,strides,groups", [(1, 1, 1), (2, 2, 1), (3, 1, 2), (3, 2, 1), (4, 3, 1)]
)
def test_convolutions_are_those_of_keras(padding, size, strides, groups):
    options = {
        "strides": strides,
        "groups": groups,
        "padding": padding,
        "data_format": "channels_last",
        "bias_initializer": "random_normal",
    }
    ours, stock = Conv2D(6, size, **options), keras.layers.Conv2D(6, size, **options)
    ours.build((None, None, None, 4))
    stock.build((None, None, None, 4))
    ours.set_weights(stock.get_weights())
    for shape in ((2, 8, 8, 4), (1, 7, 13, 4)):
        x = np.random.default_rng(size).standard_normal(shape).astype(np.float32)
        expected = keras.ops.convert_to_numpy(stock(x))
        np.testing.assert_allclose(keras.ops.convert_to_numpy(ours(x)), expected, atol=1e-5)


@pytest.mark.torch_only("elsewhere Keras's own convolution is taken")
def test_dilated_convolutions_are_those_of_keras():
    options = {"dilation_rate": 2, "padding": "same", "data_format": "channels_last"}
    ours, stock = Conv2D(5, 3, **options), keras.layers.Conv2D(5, 3, **options)
    x = np.random.default_rng(0).standard_normal((1, 9, 6, 2)).astype(np.float32)
    expected = keras.ops.convert_to_numpy(stock(x))
    ours.build(x.shape)
    ours.set_weights(stock.get_weights())
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours(x)), expected, atol=1e-5)


@pytest.mark.parametrize("levels,positions", [(4, 65_536), (4, 40), (2, 65_536)])
def test_likelihoods_decode_as_their_posteriors(levels, positions):
    """In one graph with R, on PyTorch on the device; with `positions` of 40 in groups and stripes."""
    rng = np.random.default_rng(levels)
    codec = SemanticCodec.from_preset("small", PositionLimit(positions))
    scores = rng.normal(size=(2, 11, 7, levels, 4, 8), scale=3).astype(np.float32)
    for options in ({"snr_db": [3.0, 12.0]}, {"snr_db": 3.0, "requantize": False}, {}):
        options |= {"height": 85, "width": 50}
        found = codec.decode_likelihoods(scores, **options)
        expected = codec.decode(codec.posteriors(scores), **options)
        assert isinstance(found, np.ndarray) and found.shape == (2, 85, 50, 3)
        # A requantised cell may be decided otherwise where two sums are as near.
        assert np.median(np.abs(found - expected)) < TOLERANCE
        assert (np.abs(found - expected) > 1e-3).mean() < 1e-2


def test_likelihoods_are_checked():
    codec = SemanticCodec.from_size("toy")
    for wrong in (np.nan, np.inf):
        scores = np.zeros((1, 2, 2, 4, 4, 8), np.float32)
        scores[0, 1, 1, 0, 0, 0] = wrong
        with pytest.raises(ValueError, match="NaN or infinity"):
            codec.decode_likelihoods(scores)
    with pytest.raises(ValueError, match="has shape|of shape"):
        codec.decode_likelihoods(np.zeros((1, 2, 2, 4, 3, 8), np.float32))


def test_arrays_and_tensors_are_joined_and_come_back_as_arrays():
    parts = [np.zeros((1, 2)), np.ones((2, 2))]
    np.testing.assert_array_equal(to_numpy(join(parts)), np.concatenate(parts))
    assert join(parts[:1]) is parts[0]
    fixed = np.ones(3)
    fixed.flags.writeable = False
    assert to_numpy(fixed).flags.writeable


@pytest.mark.torch_only("these are tensors of PyTorch")
def test_tensors_are_joined_along_an_axis():
    import torch

    parts = [torch.zeros((2, 1)), torch.ones((2, 3))]
    np.testing.assert_array_equal(to_numpy(join(parts, axis=1)), [[0, 1, 1, 1]] * 2)

"""Encoder and decoder: any size, and how far each looks."""

import keras
import numpy as np
import pytest
from keras import ops

from moclink.codec.decoder import Decoder
from moclink.codec.encoder import Encoder

LIGHT = {"normalization": "none", "patch": 4}


def loud(layer, shape):
    """Build with weights large enough that every path shows."""
    layer.build(shape)
    rng = np.random.default_rng(3)
    for weight in layer.weights:
        weight.assign(0.3 * rng.normal(size=weight.shape))
    return layer


@pytest.mark.parametrize(("height", "width"), [(16, 24), (17, 9), (1, 8), (5, 3)])
def test_any_picture_size(height, width):
    images = np.random.default_rng(0).random((2, height, width, 3)).astype(np.float32)
    z = Encoder(4, (8, 8), (1, 1), stem_kernel=3, **LIGHT)(images)
    assert z.shape == (2, -(-height // 8), -(-width // 8), 4)
    decoded = Decoder(4, (8, 8), (1, 1), upsampling="shuffle", **LIGHT)(
        z, height=height, width=width
    )
    assert decoded.shape == images.shape


def test_a_ragged_picture_is_encoded_as_if_its_edge_were_repeated():
    images = np.random.default_rng(0).random((1, 13, 18, 3)).astype(np.float32)
    encoder = loud(Encoder(4, (8, 8), (1, 1), stem_kernel=3, **LIGHT), (None, None, None, 3))
    padded = np.pad(images, ((0, 0), (0, 3), (0, 6), (0, 0)), mode="edge")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(encoder(images)), ops.convert_to_numpy(encoder(padded))
    )


@pytest.mark.parametrize(
    ("widths", "depths", "patch", "upsampling"),
    [((8, 8), (2, 1), 4, "shuffle"), ((8, 8, 8, 8), (0, 1, 1, 1), 1, "nearest")],
)
def test_decoder_sees_no_farther_than_it_says(widths, depths, patch, upsampling):
    decoder = Decoder(4, widths, depths, patch, upsampling, "none")
    loud(decoder, (None, None, None, 4))
    reach = decoder.receptive_cells()
    z = np.random.default_rng(0).normal(size=(1, 31, 1, 4)).astype(np.float32)
    changed = z.copy()
    changed[0, 15] += 1
    moved = np.abs(ops.convert_to_numpy(decoder(changed) - decoder(z))).max((0, 2, 3))
    rows = np.flatnonzero(moved) // 8
    assert 15 - reach <= rows.min() and rows.max() <= 15 + reach
    assert rows.max() >= 15 + reach - 1  # and the figure is no waste


@pytest.mark.parametrize(
    ("widths", "depths", "patch", "kernel"),
    [((8, 8), (2, 1), 4, 3), ((4, 8, 8, 8), (0, 1, 1, 1), 1, 4)],
)
def test_encoder_sees_no_farther_than_it_says(widths, depths, patch, kernel):
    encoder = loud(Encoder(4, widths, depths, patch, kernel, "none"), (None, None, None, 3))
    reach = encoder.receptive_cells()
    images = np.random.default_rng(0).random((1, 31 * 8, 8, 3)).astype(np.float32)
    changed = images.copy()
    changed[0, 15 * 8 : 16 * 8] += 1
    moved = np.abs(ops.convert_to_numpy(encoder(changed) - encoder(images))).max((0, 2, 3))
    rows = np.flatnonzero(moved)
    assert 15 - reach <= rows.min() and rows.max() <= 15 + reach
    assert rows.max() - rows.min() >= 2 * reach - 2


def test_gradient_reaches_every_weight_through_the_compiler():
    images = np.random.default_rng(0).random((2, 16, 16, 3)).astype(np.float32)
    inputs = keras.Input((16, 16, 3))
    z = Encoder(4, (8, 8), (1, 1), stem_kernel=3, **LIGHT)(inputs)
    outputs = Decoder(4, (8, 8), (1, 1), upsampling="shuffle", **LIGHT)(z)
    model = keras.Model(inputs, outputs)
    before = [weight.copy() for weight in model.get_weights()]
    model.compile(keras.optimizers.Adam(1e-2), "mae", jit_compile=True)
    losses = [model.train_on_batch(images, images) for _ in range(20)]
    assert losses[-1] < losses[0]
    assert all((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))


def test_geometry_that_does_not_reduce_by_eight_is_refused():
    with pytest.raises(ValueError, match="reduces by 4.*must be 8"):
        Encoder(4, (8, 8, 8), (0, 0, 0), patch=1)
    with pytest.raises(ValueError, match="of one length"):
        Decoder(4, (8, 8), (0,), patch=4)
    with pytest.raises(ValueError, match="'bilinear'.*nearest, shuffle"):
        Decoder(4, (8, 8), (0, 0), patch=4, upsampling="bilinear")

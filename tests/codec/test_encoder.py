"""Encoder: any size of picture, and how far it looks."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.blocks import macs_per_pixel
from moclink.codec.encoder import Encoder

LIGHT = {"normalization": "none", "patch": 4}


def test_a_ragged_picture_is_encoded_as_if_its_edge_were_repeated(loud_layer):
    images = np.random.default_rng(0).random((1, 13, 18, 3)).astype(np.float32)
    encoder = loud_layer(Encoder(4, (8, 8), (1, 1), stem_kernel=3, **LIGHT), (None, None, None, 3))
    padded = np.pad(images, ((0, 0), (0, 3), (0, 6), (0, 0)), mode="edge")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(encoder(images)), ops.convert_to_numpy(encoder(padded))
    )


@pytest.mark.parametrize(
    ("widths", "depths", "patch", "kernel"),
    [((8, 8), (2, 1), 4, 3), ((4, 8, 8, 8), (0, 1, 1, 1), 1, 4)],
)
def test_encoder_sees_no_farther_than_it_says(widths, depths, patch, kernel, loud_layer):
    encoder = loud_layer(Encoder(4, widths, depths, patch, kernel, "none"), (None, None, None, 3))
    reach = encoder.receptive_positions()
    images = np.random.default_rng(0).random((1, 31 * 8, 8, 3)).astype(np.float32)
    changed = images.copy()
    changed[0, 15 * 8 : 16 * 8] += 1
    moved = np.abs(ops.convert_to_numpy(encoder(changed) - encoder(images))).max((0, 2, 3))
    rows = np.flatnonzero(moved)
    assert 15 - reach <= rows.min() and rows.max() <= 15 + reach
    assert rows.max() - rows.min() >= 2 * reach - 2


@pytest.mark.parametrize(("height", "width"), [(16, 24), (17, 9), (1, 8), (5, 3)])
def test_any_picture_size(height, width):
    images = np.random.default_rng(0).random((2, height, width, 3)).astype(np.float32)
    z = Encoder(4, (8, 8), (1, 1), stem_kernel=3, **LIGHT)(images)
    assert z.shape == (2, -(-height // 8), -(-width // 8), 4)


def test_operations_are_counted_as_by_hand():
    """Positions per pixel times kernel sizes, written out for a small encoder."""
    encoder = Encoder(4, (8, 16), (1, 2), stem_kernel=3, **LIGHT)
    encoder.build((None, None, None, 3))
    quarter = 9 * 48 * 8 + 2 * 9 * 8 * 8
    eighth = 9 * 8 * 16 + 4 * 9 * 16 * 16 + 16 * 4
    assert macs_per_pixel(encoder) == pytest.approx(quarter / 16 + eighth / 64)


def test_the_linear_path_alone_is_a_matrix_of_each_block():
    """An untrained network adds nothing to it."""
    encoder = Encoder(5, (8, 8), (1, 1), stem_kernel=3, linear_path=True, **LIGHT)
    encoder.build((None, None, None, 3))
    rng = np.random.default_rng(4)
    matrix, images = rng.normal(size=(192, 5)), rng.random((1, 8, 16, 3)).astype(np.float32)
    encoder.linear.assign(matrix)
    blocks = (2 * images - 1).reshape(8, 2, 8, 3).swapaxes(0, 1).reshape(2, 192)
    np.testing.assert_allclose(
        ops.convert_to_numpy(encoder(images))[0, 0], blocks @ matrix, atol=1e-4
    )

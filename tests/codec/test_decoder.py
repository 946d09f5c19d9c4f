"""Decoder: any size of grid, and how far it looks."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.blocks import macs_per_pixel
from moclink.codec.decoder import Decoder

LIGHT = {"normalization": "none", "patch": 4, "upsampling": "shuffle"}


@pytest.mark.parametrize(
    ("widths", "depths", "patch", "upsampling"),
    [((8, 8), (2, 1), 4, "shuffle"), ((8, 8, 8, 8), (0, 1, 1, 1), 1, "nearest")],
)
def test_decoder_sees_no_farther_than_it_says(widths, depths, patch, upsampling, loud_layer):
    decoder = Decoder(4, widths, depths, patch, upsampling, "none")
    loud_layer(decoder, (None, None, None, 4))
    reach = decoder.receptive_positions()
    z = np.random.default_rng(0).normal(size=(1, 31, 1, 4)).astype(np.float32)
    changed = z.copy()
    changed[0, 15] += 1
    moved = np.abs(ops.convert_to_numpy(decoder(changed) - decoder(z))).max((0, 2, 3))
    rows = np.flatnonzero(moved) // 8
    assert 15 - reach <= rows.min() and rows.max() <= 15 + reach
    assert rows.max() >= 15 + reach - 1  # and the figure is no waste


@pytest.mark.parametrize(("height", "width"), [(16, 24), (17, 9), (1, 8), (None, None)])
def test_pictures_are_cut_to_the_size_asked_for(height, width):
    z = np.random.default_rng(0).normal(size=(2, 3, 3, 4)).astype(np.float32)
    decoder = Decoder(4, (8, 8), (1, 1), **LIGHT)
    whole = ops.convert_to_numpy(decoder(z))
    assert whole.shape == (2, 24, 24, 3)
    found = ops.convert_to_numpy(decoder(z, height=height, width=width))
    np.testing.assert_array_equal(found, whole[:, :height, :width])


def test_gain_multiplies_what_the_network_adds_to_the_linear_path(loud_layer):
    decoder = loud_layer(
        Decoder(4, (8, 8), (1, 1), linear_path=True, **LIGHT), (None, None, None, 4)
    )
    z = np.random.default_rng(0).normal(size=(1, 2, 3, 4)).astype(np.float32)
    nothing, half, full = (
        ops.convert_to_numpy(decoder(z, gain=np.float32([gain]))) for gain in (0, 0.5, 1)
    )
    blocks = (z[0] @ ops.convert_to_numpy(decoder.linear)).reshape(2, 3, 8, 8, 3)
    linear = 0.5 * blocks.swapaxes(1, 2).reshape(16, 24, 3) + 0.5
    np.testing.assert_allclose(nothing[0], linear, atol=1e-4)
    np.testing.assert_allclose(half, (nothing + full) / 2, atol=1e-4)
    assert np.abs(full - nothing).max() > 0.01


def test_operations_are_counted_as_by_hand():
    """Positions per pixel times kernel sizes, written out for a small decoder."""
    decoder = Decoder(4, (16, 8), (2, 1), **LIGHT)
    decoder.build((None, None, None, 4))
    eighth = 9 * 4 * 16 + 4 * 9 * 16 * 16 + 16 * 32
    quarter = 2 * 9 * 8 * 8 + 9 * 8 * 48
    assert macs_per_pixel(decoder) == pytest.approx(quarter / 16 + eighth / 64)


def test_unknown_upsampling_is_refused():
    with pytest.raises(ValueError, match="'bilinear'.*nearest, shuffle"):
        Decoder(4, (8, 8), (0, 0), patch=4, upsampling="bilinear")

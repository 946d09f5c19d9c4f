"""Rearrangement, padding and normalisation."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.blocks import (
    depth_to_space,
    make_normalization,
    pad_to_multiple,
    space_to_depth,
)


def test_space_to_depth_takes_each_square_of_pixels_into_one_position():
    images = np.random.default_rng(0).random((2, 8, 12, 3)).astype(np.float32)
    blocks = ops.convert_to_numpy(space_to_depth(images, 4))
    assert blocks.shape == (2, 2, 3, 48)
    np.testing.assert_array_equal(blocks[1, 1, 2], images[1, 4:8, 8:12].reshape(-1))
    np.testing.assert_array_equal(ops.convert_to_numpy(depth_to_space(blocks, 4)), images)


@pytest.mark.parametrize(("height", "width"), [(8, 16), (9, 15), (1, 3), (17, 8)])
def test_padding_repeats_the_last_row_and_column(height, width):
    images = np.random.default_rng(1).random((1, height, width, 3)).astype(np.float32)
    expected = np.pad(images, ((0, 0), (0, -height % 8), (0, -width % 8), (0, 0)), mode="edge")
    np.testing.assert_array_equal(ops.convert_to_numpy(pad_to_multiple(images, 8)), expected)


def test_rms_normalization_is_local_and_group_is_not():
    features = np.random.default_rng(2).normal(size=(1, 6, 6, 8)).astype(np.float32)
    changed = features.copy()
    changed[0, 0, 0] += 3
    moved = {}
    for kind in ("rms", "group"):
        layer = make_normalization(kind, 2)
        difference = ops.convert_to_numpy(layer(changed) - layer(features))[0]
        moved[kind] = (np.abs(difference).max(-1) > 1e-6).sum()
    assert moved == {"rms": 1, "group": 36}


def test_unknown_normalization_is_refused():
    with pytest.raises(ValueError, match="'batch'.*none, rms, group"):
        make_normalization("batch", 8)

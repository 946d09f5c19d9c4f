"""The noise reduction block: identity at the start, what it listens to, how far it looks."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.noise_reduction import NoiseReduction


def make(loud=True):
    layer = NoiseReduction(4, 4, 8, 1, 2, 2, 4, 2.0)
    layer.build((None, None, None, 4))
    rng = np.random.default_rng(3)
    for weight in layer.weights if loud else []:
        weight.assign(0.3 * rng.normal(size=weight.shape))
    return layer


def latents(height=5, width=7, batch=2):
    return np.random.default_rng(1).normal(size=(batch, height, width, 4)).astype(np.float32)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 8), (5, 3)])
def test_untrained_block_is_the_identity_on_any_grid(height, width):
    z = latents(height, width)
    same = make(loud=False)(z, np.array([1, 4]), np.array([-5.0, 30.0]))
    np.testing.assert_array_equal(ops.convert_to_numpy(same), z)


def test_block_listens_to_levels_and_snr_of_each_sample():
    layer, z = make(), latents()
    base = ops.convert_to_numpy(layer(z, np.array([2, 2]), np.array([5.0, 5.0])))
    other_snr = ops.convert_to_numpy(layer(z, np.array([2, 2]), np.array([5.0, 15.0])))
    other_level = ops.convert_to_numpy(layer(z, np.array([2, 3]), np.array([5.0, 5.0])))
    for changed in (other_snr, other_level):
        np.testing.assert_allclose(changed[0], base[0], atol=1e-6)
        assert np.abs(changed[1] - base[1]).max() > 1e-3


def test_block_sees_no_farther_than_it_says():
    layer = make()
    assert (
        layer.receptive_positions() == 12
    )  # (2 layers of windows of 4, two 3x3 convolutions), whole windows
    z = latents(40, 2, 1)
    changed = z.copy()
    changed[0, 19] += 1
    conditions = np.array([4]), np.array([10.0])
    moved = np.abs(ops.convert_to_numpy(layer(changed, *conditions) - layer(z, *conditions))).max(
        (0, 2, 3)
    )
    rows = np.flatnonzero(moved)
    assert 19 - 12 <= rows.min() and rows.max() <= 19 + 12

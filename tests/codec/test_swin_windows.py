"""A Swin layer window by window against the layer in Keras's operations."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from keras import ops

from moclink.codec import swin_windows
from moclink.codec.swin import SwinLayer, region_labels, relative_positions
from moclink.codec.swin_windows import SwinWeights, axis_labels, swin_layer


def make(channels=24, heads=3, window=4, shift=0, loud=0.2):
    layer = SwinLayer(heads, window, shift, 2.0)
    layer.build((None, None, None, channels))
    rng = np.random.default_rng(5)
    for weight in layer.weights:
        value = ops.convert_to_numpy(weight)
        weight.assign(value + loud * rng.normal(size=value.shape))
    return layer


def weights_of(layer):
    def array(weight):
        return np.ascontiguousarray(ops.convert_to_numpy(weight), np.float32)

    attention = layer.attention
    positions = array(attention.bias_table)[relative_positions(layer.window)]
    dense = (attention.projection, layer.expand, layer.contract)
    return SwinWeights(
        np.stack([array(norm.gamma) for norm in layer.norms]),
        np.stack([array(norm.beta) for norm in layer.norms]),
        array(attention.qkv.kernel),
        array(attention.qkv.bias),
        np.ascontiguousarray(positions.transpose(2, 0, 1)),
        *(array(weight) for each in dense for weight in (each.kernel, each.bias)),
    )


def features(height, width, channels=24, batch=2):
    rng = np.random.default_rng(height + width)
    return rng.normal(size=(batch, height, width, channels)).astype(np.float32)


@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize(("height", "width"), [(8, 12), (9, 7), (1, 1), (4, 3), (3, 17)])
def test_the_layer_on_any_map(height, width, shift):
    layer, x = make(shift=shift), features(height, width)
    expected = ops.convert_to_numpy(layer(x))
    found = swin_layer(x, weights_of(layer), 4, shift)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=3e-5)


def test_windows_and_widths_of_the_shipped_size():
    layer = make(96, 4, 8, 4, loud=0.05)
    x = features(20, 27, 96, batch=1)
    expected = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(swin_layer(x, weights_of(layer), 8, 4), expected, atol=2e-5)


@pytest.mark.parametrize("score", [-200.0, 60.0, 150.0])
def test_scores_beyond_the_range_of_an_exponential_are_shifted_into_it(score):
    layer, x = make(), features(8, 8)
    weights = weights_of(layer)
    expected = swin_layer(x, weights, 4, 0)
    # The same is added to all scores of a row: their softmax does not change.
    found = swin_layer(x, weights._replace(positions=weights.positions + np.float32(score)), 4, 0)
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("shift", [0, 1, 2])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (4, 12), (7, 9), (5, 3)])
def test_labels_are_those_of_the_layer(height, width, shift):
    rows, columns = axis_labels(height, 4, shift), axis_labels(width, 4, shift)
    grid = 4 * rows[:, None] + columns[None, :]
    windows = grid.reshape(len(rows) // 4, 4, len(columns) // 4, 4).transpose(0, 2, 1, 3)
    expected = ops.convert_to_numpy(region_labels(height, width, 4, shift))
    np.testing.assert_array_equal(windows.reshape(-1, 16), expected)


def test_threads_change_nothing(monkeypatch):
    weights, x = weights_of(make(shift=2)), features(21, 10)
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        found.append(swin_layer(x, weights, 4, 2))
    np.testing.assert_array_equal(*found)


def test_sums_that_lose_nothing_are_told_by_limits_inside_float32():
    assert np.exp(-87.0) < swin_windows.LEAST < 1 < swin_windows.MOST < np.exp(87.0)


PRINTED = """
import hashlib
import numpy as np
from moclink import winograd
from moclink.codec.swin_windows import SwinWeights, swin_layer

rng = np.random.default_rng(0)
shapes = [(2, 96), (2, 96), (96, 288), (288,), (4, 64, 64), (96, 96), (96,), (96, 192), (192,)]
shapes += [(192, 96), (96,)]
weights = SwinWeights(*(0.2 * rng.normal(size=shape).astype(np.float32) for shape in shapes))
x = swin_layer(rng.normal(size=(1, 40, 40, 96)).astype(np.float32), weights, 8, 4)
kernel, bias = rng.normal(size=(3, 3, 96, 96)).astype(np.float32), x[0, 0, 0]
for array in (x, winograd.convolve(x, kernel, bias, winograd.SILU)):
    print(hashlib.sha256(array.tobytes()).hexdigest())
"""


def test_the_process_that_compiles_and_those_that_read_its_code_get_the_same(tmp_path):
    root = Path(__file__).parent.parent.parent
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", PRINTED]
    run = {"env": environment, "capture_output": True, "text": True, "check": True}
    first, second = (subprocess.run(command, **run).stdout for _ in range(2))
    assert any(tmp_path.rglob("*.nbi"))
    assert first == second and len(first.split()) == 2

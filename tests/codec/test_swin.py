"""Windows, labels and attention against definitions written out in NumPy."""

import itertools

import numpy as np
import pytest
from keras import ops

from moclink.codec.swin import (
    SwinLayer,
    WindowAttention,
    merge_windows,
    partition_windows,
    region_labels,
    relative_positions,
)


def test_windows_are_cut_row_by_row_and_put_back():
    features = np.random.default_rng(0).normal(size=(2, 6, 9, 4)).astype(np.float32)
    windows = ops.convert_to_numpy(partition_windows(features, 3))
    for b, i, j in itertools.product(range(2), range(2), range(3)):
        expected = features[b, 3 * i : 3 * i + 3, 3 * j : 3 * j + 3].reshape(9, 4)
        np.testing.assert_array_equal(windows[b * 6 + i * 3 + j], expected)
    np.testing.assert_array_equal(ops.convert_to_numpy(merge_windows(windows, 3, 6, 9)), features)


@pytest.mark.parametrize(
    ("height", "width", "shift"), [(8, 8, 2), (4, 12, 2), (7, 9, 2), (5, 3, 0), (8, 4, 1)]
)
def test_labels_let_only_true_neighbours_see_each_other(height, width, shift):
    """Two positions of a window may meet if they lie as far apart in the map as in the window."""
    window = 4
    rows, columns = -(-height // window) * window, -(-width // window) * window
    labels = ops.convert_to_numpy(region_labels(height, width, window, shift))
    grid = np.stack(np.mgrid[:rows, :columns], -1)
    source = (grid + shift) % (rows, columns)
    rolled = ops.convert_to_numpy(partition_windows(grid[None], window))
    origin = ops.convert_to_numpy(partition_windows(source[None], window))
    inside = (origin < (height, width)).all(-1)
    for k in range(len(labels)):
        for i, j in itertools.product(range(window**2), repeat=2):
            if inside[k, i] and inside[k, j]:
                near = (origin[k, i] - origin[k, j] == rolled[k, i] - rolled[k, j]).all()
                assert (labels[k, i] == labels[k, j]) == near
            elif inside[k, i] != inside[k, j]:
                assert labels[k, i] != labels[k, j]


def test_attention_equals_the_sum_over_visible_positions():
    heads, window, channels = 2, 3, 8
    rng = np.random.default_rng(1)
    layer = WindowAttention(heads, window)
    x = rng.normal(size=(2, 9, channels)).astype(np.float32)
    labels = rng.integers(2, size=(2, 9)).astype(np.int32)
    layer(x, labels)
    for weight in layer.weights:
        weight.assign(0.5 * rng.normal(size=weight.shape))
    kernel, offset = layer.qkv.get_weights()
    q, k, v = np.split((x @ kernel + offset).astype(np.float64), 3, axis=-1)
    table = ops.convert_to_numpy(layer.bias_table)
    mixed = np.zeros_like(q)
    for n, head, i in itertools.product(range(2), range(heads), range(9)):
        part = slice(head * 4, head * 4 + 4)
        visible = [j for j in range(9) if labels[n, i] == labels[n, j]]
        scores = []
        for j in visible:
            down, across = i // 3 - j // 3 + 2, i % 3 - j % 3 + 2
            scores.append(q[n, i, part] @ k[n, j, part] / 2 + table[down * 5 + across, head])
        weights = np.exp(scores) / np.exp(scores).sum()
        mixed[n, i, part] = sum(w * v[n, j, part] for w, j in zip(weights, visible, strict=True))
    kernel, offset = layer.projection.get_weights()
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(x, labels)), mixed @ kernel + offset, atol=1e-4
    )


def test_every_offset_has_one_row_of_the_bias_table():
    table = relative_positions(4)
    assert table.min() == 0 and table.max() == 48
    rows = {}
    for i, j in itertools.product(range(16), repeat=2):
        rows.setdefault((i // 4 - j // 4, i % 4 - j % 4), set()).add(table[i, j])
    assert len(rows) == 49 and all(len(found) == 1 for found in rows.values())


def test_shift_joins_neighbouring_windows():
    x = np.random.default_rng(2).normal(size=(1, 8, 8, 8)).astype(np.float32)
    changed = x.copy()
    changed[0, 3, 3] *= -1  # not a constant, which the norm would remove
    reach = {}
    for shift in (0, 2):
        layer = SwinLayer(2, 4, shift, 2.0)
        moved = np.abs(ops.convert_to_numpy(layer(changed) - layer(x)))[0].max(-1) > 1e-7
        reach[shift] = [set(np.flatnonzero(moved.any(axis))) for axis in (0, 1)]
    assert reach[0] == [{0, 1, 2, 3}] * 2
    assert reach[2] == [{2, 3, 4, 5}] * 2


def test_impossible_arguments_are_refused():
    with pytest.raises(ValueError, match="shift is 4; it must be 0 to 3"):
        SwinLayer(2, 4, 4)
    with pytest.raises(ValueError, match="heads is 3; it must divide the 8 channels"):
        WindowAttention(3, 2).build((None, 4, 8))

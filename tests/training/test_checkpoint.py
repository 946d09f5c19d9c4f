"""Checkpoints: what was saved comes back, and what does not fit is refused."""

import keras
import numpy as np
import pytest

from moclink.training.checkpoint import load_checkpoint, save_checkpoint, settings_of


def variables(seed=None, size=3):
    values = (
        np.zeros((2, size)) if seed is None else np.random.default_rng(seed).normal(size=(2, size))
    )
    return {
        name: keras.Variable(value.astype(np.float32))
        for name, value in zip("wm", values, strict=True)
    }


def test_settings_of_a_layer_depend_on_neither_its_name_nor_its_precision():
    one = keras.layers.Dense(3, name="one", dtype="float32")
    other = keras.layers.Dense(3, name="other", dtype="mixed_bfloat16")
    assert settings_of(one) == settings_of(other) != settings_of(keras.layers.Dense(4))
    assert settings_of(one)["units"] == 3


def test_values_and_state_come_back(tmp_path):
    saved, loaded = variables(0), variables()
    save_checkpoint(tmp_path / "a" / "c.npz", saved, {"step": 3})
    assert load_checkpoint(tmp_path / "a" / "c.npz", loaded) == {"step": 3}
    for name in "wm":
        np.testing.assert_array_equal(saved[name], loaded[name])
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["c.npz"]


def test_checkpoints_of_other_models_and_damaged_ones_are_refused(tmp_path):
    path = tmp_path / "c.npz"
    save_checkpoint(path, variables(0), {"step": 3})
    with pytest.raises(ValueError, match="is of another model: 1 names differ, e.g. m"):
        load_checkpoint(path, {"w": variables()["w"]})
    with pytest.raises(ValueError, match=r"w is \(3,\), in the model \(4,\)"):
        load_checkpoint(path, variables(size=4))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="no readable checkpoint"):
        load_checkpoint(path, variables())
    np.savez(path, w=np.zeros(3))
    with pytest.raises(ValueError, match="no checkpoint of a training"):
        load_checkpoint(path, variables())

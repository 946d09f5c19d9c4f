"""Compact weight files hold what Keras wrote, in fewer bytes."""

import time

import h5py
import numpy as np
from keras import ops

from moclink.codec.compact_weights import compact
from moclink.codec.semantic_codec import SemanticCodec


def arrays(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]} if hasattr(item, "shape") else {})
        )
    return found


def test_the_same_arrays_in_fewer_bytes(tmp_path):
    codec = SemanticCodec.from_size("toy")
    codec.network.save_weights(tmp_path / "keras.weights.h5")
    compact(tmp_path / "keras.weights.h5", tmp_path / "compact.weights.h5")
    old, new = arrays(tmp_path / "keras.weights.h5"), arrays(tmp_path / "compact.weights.h5")
    assert old.keys() == new.keys() and len(old) > 10
    for name, value in old.items():
        assert value.dtype == new[name].dtype
        np.testing.assert_array_equal(value, new[name], err_msg=name)
    sizes = [(tmp_path / f"{name}.weights.h5").stat().st_size for name in ("keras", "compact")]
    assert sizes[1] < 0.95 * sizes[0]


def test_equal_weights_make_equal_files(tmp_path):
    SemanticCodec.from_size("toy").network.save_weights(tmp_path / "keras.weights.h5")
    found = []
    for name in ("one.h5", "two.h5"):
        compact(tmp_path / "keras.weights.h5", tmp_path / name)
        found.append((tmp_path / name).read_bytes())
        time.sleep(1.1)  # times in a file are whole seconds
    assert found[0] == found[1]


def test_keras_loads_it(tmp_path):
    codec, other = SemanticCodec.from_size("toy"), SemanticCodec.from_size("toy")
    rng = np.random.default_rng(1)
    for weight in codec.network.weights:
        weight.assign(rng.random(tuple(weight.shape), np.float32))
    codec.network.save_weights(tmp_path / "keras.weights.h5")
    compact(tmp_path / "keras.weights.h5", tmp_path / "compact.weights.h5")
    other.network.load_weights(tmp_path / "compact.weights.h5")
    for one, same in zip(codec.network.weights, other.network.weights, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(same))


def test_attributes_are_kept(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["backend"] = "any"
        file.create_group("layer").attrs["count"] = 3
        file.create_dataset("layer/0", data=np.arange(4.0)).attrs["name"] = "kernel"
    compact(tmp_path / "a.h5", tmp_path / "b.h5")
    with h5py.File(tmp_path / "b.h5") as file:
        assert file.attrs["backend"] == "any" and file["layer"].attrs["count"] == 3
        assert file["layer/0"].attrs["name"] == "kernel"
        np.testing.assert_array_equal(file["layer/0"][()], np.arange(4.0))

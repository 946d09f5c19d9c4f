import keras
import numpy as np
import pytest
from keras import ops

from moclink.keras_device import on_torch, on_torch_gpu, predict
from moclink.phy.engine import is_gpu_there


def test_it_is_told_by_kerass_backend():
    assert on_torch() == (keras.backend.backend() == "torch")


def test_a_gpu_is_where_keras_puts_tensors():
    """On a machine without a GPU, and on one with."""
    if not on_torch():
        assert not on_torch_gpu()
        return
    place = ops.convert_to_tensor(np.zeros(2, np.float32)).device.type
    assert on_torch_gpu() == (place == "cuda") == is_gpu_there()


@pytest.mark.torch_only("PyTorch is asked for its GPUs")
def test_pytorch_is_asked(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert on_torch_gpu()


def test_predictions_are_those_of_predict_on_batch():
    """One output and several, for batches of other sizes than the first."""
    inputs = keras.Input((None, 3))
    outputs = [keras.layers.Dense(2)(inputs), keras.layers.Dense(5)(inputs)]
    for model in (keras.Model(inputs, outputs), keras.Model(inputs, outputs[0])):
        model.compile(jit_compile=False)
        for length in (4, 7):
            x = np.random.default_rng(length).normal(size=(2, length, 3)).astype(np.float32)
            found, expected = predict(model, x), model.predict_on_batch(x)
            for a, b in zip(*map(keras.tree.flatten, (found, expected)), strict=True):
                assert isinstance(a, np.ndarray)
                np.testing.assert_array_equal(a, b)

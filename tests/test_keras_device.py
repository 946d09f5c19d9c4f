import keras
import numpy as np
import pytest
from keras import ops

from moclink.keras_device import on_torch, on_torch_gpu
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

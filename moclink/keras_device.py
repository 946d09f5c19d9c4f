"""Where Keras computes: whether on PyTorch, and there on a GPU; and how results come from there."""

from __future__ import annotations

from typing import Any

import numpy as np


def on_torch() -> bool:
    """Whether Keras runs on PyTorch."""
    import keras

    return keras.backend.backend() == "torch"


def on_tensorflow() -> bool:
    """Whether Keras runs on TensorFlow."""
    import keras

    return keras.backend.backend() == "tensorflow"


def on_torch_gpu() -> bool:
    """Whether Keras runs on PyTorch and puts what it computes on a GPU, which it does if there is one."""
    if not on_torch():
        return False
    import torch

    return torch.cuda.is_available()


def predict(model: Any, inputs: Any) -> Any:
    """What `model.predict_on_batch` gives, NumPy arrays; on TensorFlow without copies of them.

    Args:
        model: A compiled Keras model.
        inputs: As of `predict_on_batch`.

    Returns:
        An array, or arrays in the structure of the model's outputs. On TensorFlow they may be
        read-only.
    """
    import keras

    if not on_tensorflow():
        return model.predict_on_batch(inputs)
    model.make_predict_function()
    return keras.tree.map_structure(np.asarray, model.predict_function([(inputs,)]))

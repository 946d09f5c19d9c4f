"""Where Keras computes: whether on PyTorch, and there on a GPU. Keras alone does not say."""

from __future__ import annotations


def on_torch() -> bool:
    """Whether Keras runs on PyTorch."""
    import keras

    return keras.backend.backend() == "torch"


def on_torch_gpu() -> bool:
    """Whether Keras runs on PyTorch and puts what it computes on a GPU, which it does if there is one."""
    if not on_torch():
        return False
    import torch

    return torch.cuda.is_available()

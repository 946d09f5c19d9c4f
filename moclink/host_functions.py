"""Functions of NumPy arrays inside TensorFlow's graphs: layers that moclink computes itself on a CPU.

Only where a graph is traced for use alone: these functions have no gradients. Where TensorFlow has a
GPU, and on other backends, everything stays with the backend.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from moclink.keras_device import on_tensorflow

_ALLOWED = ContextVar("host_functions_allowed", default=False)


@contextlib.contextmanager
def host_functions(allowed: bool = True) -> Iterator[None]:
    """Where graphs that are traced may compute layers by functions of NumPy arrays."""
    token = _ALLOWED.set(allowed)
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def may_use_host_functions() -> bool:
    """Whether a layer that is called here may be computed by a function of NumPy arrays."""
    return _ALLOWED.get() and on_tensorflow() and not _on_gpu()


def on_host(function: Callable[..., np.ndarray], shape: Any, *tensors: Any) -> Any:
    """The function of arrays as an operation on TensorFlow's tensors.

    Args:
        function: From float32 arrays, which it must not change, to a float32 array.
        shape: Shape of the result, as far as it is known.
        tensors: What the arrays are of.
    """
    import tensorflow as tf

    result = tf.numpy_function(function, tensors, tf.float32, stateful=False)
    result.set_shape(shape)
    return result


def _on_gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))

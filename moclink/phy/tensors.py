"""Operations on the tensors of Sionna's framework, by the names that NumPy has for them.

Shapes and index arithmetic are Python numbers on PyTorch, which runs eagerly, and may be tensors in a
graph of TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sionna.phy import config

from moclink.phy.engine import ON_TORCH

if ON_TORCH:
    import torch
else:
    import tensorflow as tf


def tensor(values: Any, dtype: str | None = None) -> Any:
    """A tensor of NumPy values, on Sionna's device; Python's numbers become float32 or int32."""
    if dtype is None and not isinstance(values, np.ndarray | np.generic):
        values = np.asarray(values)
        dtype = {"f": "float32", "i": "int32"}.get(values.dtype.kind)
    values = np.asarray(values, dtype)
    return torch.tensor(values, device=config.device) if ON_TORCH else tf.constant(values)


def to_numpy(values: Any) -> NDArray:
    """An array of a tensor of either framework, or of whatever NumPy takes."""
    if hasattr(values, "resolve_conj"):
        return values.detach().resolve_conj().cpu().numpy()
    return np.asarray(values)


def shape(x: Any) -> Any:
    """Sizes of the axes, to be indexed."""
    return tuple(x.shape) if ON_TORCH else tf.shape(x)


def joined(sizes: Any, last: int) -> Any:
    """Sizes of `shape`, and one more."""
    return (*sizes, last) if ON_TORCH else tf.concat([sizes, [last]], 0)


def with_shape_of(x: Any, like: Any) -> Any:
    """The tensor x, known to have the shape of another."""
    return x if ON_TORCH else tf.ensure_shape(x, like.shape)


def astype(x: Any, dtype: Any) -> Any:
    """A tensor or number in a type of the framework, or named by a string."""
    if ON_TORCH:
        kind = getattr(torch, dtype) if isinstance(dtype, str) else dtype
        return torch.as_tensor(x, dtype=kind, device=getattr(x, "device", config.device))
    return tf.cast(x, dtype)


def real(x: Any) -> Any:
    """Real part."""
    return x.real if ON_TORCH else tf.math.real(x)


def imag(x: Any) -> Any:
    """Imaginary part."""
    return x.imag if ON_TORCH else tf.math.imag(x)


def conj(x: Any) -> Any:
    """Complex conjugate."""
    return x.conj() if ON_TORCH else tf.math.conj(x)


def at_least(x: Any, least: float) -> Any:
    """The larger of each value and a number."""
    return x.clamp(min=least) if ON_TORCH else tf.maximum(x, least)


def reshape(x: Any, sizes: Sequence[Any]) -> Any:
    """Another shape; one size may be -1."""
    return x.reshape(tuple(sizes)) if ON_TORCH else tf.reshape(x, sizes)


def transpose(x: Any, axes: Sequence[int]) -> Any:
    """Axes in another order."""
    return x.permute(*axes) if ON_TORCH else tf.transpose(x, axes)


def repeat(x: Any, times: Any, axis: int = 0) -> Any:
    """Each element so many times in a row."""
    return torch.repeat_interleave(x, times, axis) if ON_TORCH else tf.repeat(x, times, axis)


def pad_columns(x: Any, count: Any) -> Any:
    """Zeros behind axis 1 of [A, B]."""
    if ON_TORCH:
        return torch.nn.functional.pad(x, (0, count))
    return tf.pad(x, [[0, 0], [0, count]])


def concatenate(parts: Sequence[Any], axis: int) -> Any:
    """Tensors one after the other."""
    return torch.cat(list(parts), axis) if ON_TORCH else tf.concat(parts, axis)


def take(x: Any, index: Any, axis: int) -> Any:
    """Elements along an axis, by a tensor of indices [I]."""
    return torch.index_select(x, axis, index) if ON_TORCH else tf.gather(x, index, axis=axis)


def where(condition: Any, yes: Any, no: Any) -> Any:
    """One or the other, element by element."""
    return torch.where(condition, yes, no) if ON_TORCH else tf.where(condition, yes, no)


def arange(stop: int) -> Any:
    """0 .. stop - 1, int32."""
    return (
        torch.arange(stop, dtype=torch.int32, device=config.device) if ON_TORCH else tf.range(stop)
    )


def zeros(sizes: Sequence[Any], dtype: Any) -> Any:
    """Zeros in a type of the framework, or named by a string."""
    if ON_TORCH:
        kind = getattr(torch, dtype) if isinstance(dtype, str) else dtype
        return torch.zeros(tuple(sizes), dtype=kind, device=config.device)
    return tf.zeros(sizes, dtype)


def cumulative_sum(x: Any) -> Any:
    """Sums of the first 1, 2, ... elements of [A], in the type of x."""
    return torch.cumsum(x, 0, dtype=x.dtype) if ON_TORCH else tf.cumsum(x)


def all_of(x: Any, axis: int) -> Any:
    """Whether all along an axis are true."""
    return x.all(axis) if ON_TORCH else tf.reduce_all(x, axis=axis)


def any_of(x: Any) -> Any:
    """Whether any element is true."""
    return x.any() if ON_TORCH else tf.reduce_any(x)


def sum_by(x: Any, places: Any, count: int) -> Any:
    """Sums [count, B] of the rows of x [A, B] that have the same place, int [A]."""
    if ON_TORCH:
        sums = torch.zeros((count, x.shape[1]), dtype=x.dtype, device=x.device)
        return sums.index_add(0, places, x)
    return tf.math.unsorted_segment_sum(x, places, count)


def put_rows(x: Any, rows: Any, values: Any) -> Any:
    """A copy of x with other values in some rows, int [A]; of a row named twice, either counts."""
    if ON_TORCH:
        return x.index_copy(0, rows.long(), values)
    return tf.tensor_scatter_nd_update(x, rows[:, tf.newaxis], values)


def while_loop(condition: Callable, body: Callable, carry: tuple) -> tuple:
    """Apply `body` to what is carried as long as the condition holds."""
    if not ON_TORCH:
        return tf.while_loop(condition, body, carry)
    while condition(*carry):
        carry = body(*carry)
    return carry


def iteration_count(value: Any) -> Any:
    """A whole number from 0 up: an int if its value is known, else a tensor of a graph, int32.

    Raises:
        ValueError: It is no scalar, no whole number or negative.
    """
    wrong = ValueError(f"num_iter is {value!r}; a whole number from 0 up is wanted")
    if ON_TORCH:
        found = torch.as_tensor(value)
        integer = not (found.is_floating_point() or found.is_complex() or found.dtype == torch.bool)
        known, scalar = found, found.dim() == 0
    else:
        found = tf.convert_to_tensor(value)
        integer, scalar = found.dtype.is_integer, found.shape.rank in (0, None)
        known = tf.get_static_value(found)
    if not (integer and scalar):
        raise wrong
    if known is None:
        return tf.maximum(tf.cast(found, tf.int32), 0)
    if known < 0:
        raise ValueError(f"num_iter is {int(known)}; a whole number from 0 up is wanted")
    return int(known)


def check_at_most(values: Any, limit: float, message: str) -> None:
    """Raise an error from within a graph of TensorFlow if a value is above a limit.

    What is run eagerly is not looked at: there, values can be seen before.
    """
    if not ON_TORCH and not tf.executing_eagerly():
        tf.debugging.assert_less_equal(values, limit, message)

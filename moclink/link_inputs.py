"""What the semantic link is called with: pairs of images and SNRs, checked where they can be seen."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from moclink.codec.inputs import check_images
from moclink.phy.tensors import check_at_most

SLACK = 1e-3  # by how much pixels may leave [0, 1], as resized ones do


def check_pair(inputs: Any, others: tuple = ()) -> None:
    """Raise ValueError unless a link is called on one pair.

    Args:
        inputs: The first argument.
        others: The other positional ones.
    """
    if others or not (isinstance(inputs, tuple | list) and len(inputs) == 2):
        raise ValueError(
            "inputs are no pair; give (images, snr_db), and of a tf.data pipeline "
            "((images, snr_db), targets), or ((images, snr_db),) to predict"
        )


def unit_images(images: Any) -> Any:
    """Images as float32 in [0, 1]: uint8 is divided by 255; ValueError for other shapes and ranges."""
    check_images(images, SLACK, integers=True)
    if keras.backend.standardize_dtype(images.dtype) == "uint8":
        return ops.cast(images, "float32") / 255.0
    images = ops.cast(images, "float32")
    # What runs eagerly was looked at before; what a dataset brings to a graph is looked at here.
    message = "images reach beyond 1; give floats in [0, 1], or uint8"
    check_at_most(ops.max(images), 1.0 + SLACK, message)
    return images


def check_snr(snr_db: Any, count: int | None) -> None:
    """Raise ValueError unless there is one SNR, or one an image; inside a graph what can be seen."""
    shape = tuple(getattr(snr_db, "shape", ()))
    if snr_db is None or (None not in (*shape, count) and math.prod(shape) not in (1, count)):
        what = "None" if snr_db is None else f"of shape {shape}"
        raise ValueError(f"snr_db is {what}; give one SNR, or one for each of the {count} images")
    _check_numbers(snr_db)


def _check_numbers(snr_db: Any) -> None:
    """Raise ValueError for NaN, which would make pictures of NaN; tensors inside a graph pass."""
    visible = isinstance(snr_db, float | np.ndarray) or hasattr(snr_db, "numpy")
    if visible and not getattr(snr_db, "is_meta", False):  # of PyTorch, without values
        if np.isnan(ops.convert_to_numpy(ops.cast(snr_db, "float32"))).any():
            raise ValueError("snr_db holds NaN; give numbers of dB")


def check_batch(x: Any) -> None:
    """Check the images of a batch of arrays; datasets and generators pass."""
    if isinstance(x, tuple | list) and len(x) == 2 and hasattr(x[0], "shape"):
        check_images(x[0], SLACK, integers=True)
        _check_numbers(x[1])

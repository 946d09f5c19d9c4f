"""Checks of what codecs are called with: images, received arrays, levels, SNRs, sizes."""

from __future__ import annotations

import operator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from moclink.chain_inputs import check_unmasked

SUM = 0.02  # by which posteriors in half precision miss 1


def check_images(images: Any, slack: float = 0.0, integers: bool = False) -> None:
    """Raise ValueError for images of another shape, type or range.

    Args:
        images: Should be [B, H, W, 3], floats in [0, 1]. Of tensors inside a graph only shape and
            type can be seen.
        slack: By how much pixels may leave [0, 1], as resized ones do.
        integers: Whether uint8 is taken as well.
    """
    check_unmasked(images, "images")
    wanted = "floats in [0, 1], or uint8" if integers else "floats in [0, 1]"
    shape, dtype = tuple(images.shape), keras.backend.standardize_dtype(images.dtype)
    if len(shape) != 4 or shape[-1] != 3 or 0 in shape:
        raise ValueError(f"images have shape {shape}; they must be [B, H, W, 3]")
    visible = isinstance(images, np.ndarray) or hasattr(images, "numpy")
    if visible and not getattr(images, "is_meta", False):  # of PyTorch, without values
        pixels = keras.ops.convert_to_numpy(images)
        low, high = float(np.min(pixels)), float(np.max(pixels))
    else:
        low, high = 0.0, 1.0
    if integers and dtype == "uint8":
        return
    if "float" not in dtype or not (low >= -slack and high <= 1 + slack):
        raise ValueError(f"images are {dtype} in {low:g}..{high:g}; give {wanted}")


def as_array(name: str, values: Any, wanted: str) -> NDArray[Any]:
    """Values as an array of real numbers.

    Raises:
        ValueError: If they are none, or complex, of which the imaginary part would be dropped.
    """
    check_unmasked(values, name)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:  # pictures of several sizes, say
        raise ValueError(f"{name} is no array ({error}); give {wanted}") from error
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} is {array.dtype} of shape {array.shape}; give {wanted}")
    return array


def check_finite(name: str, values: NDArray[Any]) -> None:
    """Raise ValueError if a value is not a finite number."""
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinite values")


def check_posteriors(posteriors: NDArray[np.floating]) -> None:
    """Raise ValueError unless these are probabilities that sum to 1 over the last axis."""
    sums = posteriors.sum(axis=-1, dtype=np.float32)
    if not (posteriors.min() >= 0 and np.abs(sums - 1).max() <= SUM):  # NaN is neither
        raise ValueError(
            f"received are {posteriors.dtype} from {posteriors.min():g} to {posteriors.max():g} with "
            f"sums from {sums.min():g} to {sums.max():g}; posteriors sum to 1 (of log-likelihoods "
            "`posteriors` makes some)"
        )


def whole_number(name: str, value: Any, high: int) -> int:
    """A whole number from 1 to `high`; ValueError for anything else."""
    try:
        number = 0 if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        number = 0
    if not 1 <= number <= high:
        raise ValueError(f"{name} is {value!r}; it must be a whole number from 1 to {high}")
    return number


def check_counts(**counts: Any) -> None:
    """Raise ValueError if one of these is no whole number from 1 up; the message names it."""
    for name, value in counts.items():
        whole_number(name, value, 2**16)


def snr_of_each(snr_db: Any, batch: int) -> NDArray[np.float32]:
    """Es/N0 in dB of each of B pictures, float32 [B], of one number or as many as pictures.

    Raises:
        ValueError: If there are others, or one is not a number. Infinity is one.
    """
    values = np.asarray(snr_db, np.float32)
    if values.shape not in ((), (1,), (batch,)) or np.isnan(values).any():
        raise ValueError(
            f"snr_db is {snr_db!r}; give one number of dB, or one for each of the {batch} pictures"
        )
    return np.broadcast_to(values, (batch,))


def one_axis(value: Any, dtype: Any) -> Any:
    """A Python number or list, which Keras takes for no input, as an array [1] or [B]; all else as it is."""
    if isinstance(value, int | float | list | tuple | np.generic):
        return np.asarray(value, dtype).reshape(-1)
    return value


def check_levels(levels: Any, deepest: int, batch: int | None) -> Any:
    """Levels in use, with a list as an array; ValueError for what can be seen to be none.

    Args:
        levels: None, an int, or int [B].
        deepest: D.
        batch: B, if it is known.
    """
    if isinstance(levels, list | tuple | float | np.floating):
        levels = np.asarray(levels)
    eager = hasattr(levels, "numpy") and not getattr(levels, "is_meta", False)
    if isinstance(levels, np.ndarray) or eager:
        levels = keras.ops.convert_to_numpy(levels)
        whole = levels.dtype.kind in "iu" and levels.size > 0
        fits = levels.shape in ((), (1,), (levels.size if batch is None else batch,))
        if not whole or not fits or not 1 <= levels.min() <= levels.max() <= deepest:
            raise ValueError(
                f"levels is {levels.tolist()}; give whole numbers from 1 to {deepest}, one, or one for "
                f"each of the {batch or 'B'} samples"
            )
    return levels


def check_latent(z: Any, levels: Any, channels: int, deepest: int) -> Any:
    """Levels as of `check_levels`, once z is known to be a latent [B, h, w, channels]."""
    shape = tuple(z.shape)
    if len(shape) != 4 or shape[3] != channels:
        raise ValueError(
            f"the latent has shape {shape}; it must be [B, h, w, {channels}] (of tokens [B, N, C] make "
            "a map [B, N, 1, C])"
        )
    return check_levels(levels, deepest, shape[0])

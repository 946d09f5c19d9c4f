"""Network weights in int8: NAME.json beside NAME.weights.npz, half the size of float16.

Kernels are int8 with one float32 scale for each output channel, w = scale * q, q in -127..127
(files made before 2026-11-27 have float16 scales, which are read as well); vectors (biases) stay in
float16. Arrays are in the network's order. Nothing is ever unpickled.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.weights import base_path, write_description

ENDING = ".weights.npz"
_LEVELS = 127


def quantize(kernel: NDArray[np.floating]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round a kernel [..., channels] to int8 with a float32 scale for each channel.

    The largest weight of a channel becomes 127 or -127, so that what was rounded once stays as it is
    when it is rounded again, however small it is (a float16 scale loses bits below 6e-5).

    Raises:
        ValueError: If a weight is not finite.
    """
    largest = np.abs(kernel).max(axis=tuple(range(kernel.ndim - 1))).astype(np.float32)
    if not np.isfinite(largest).all():
        raise ValueError(
            f"a weight is {largest[~np.isfinite(largest)][0]}; train with a lower rate"
        )
    scale = np.maximum(largest / np.float32(_LEVELS), np.finfo(np.float32).tiny)
    levels = np.rint(kernel / scale).clip(-_LEVELS, _LEVELS)
    return levels.astype(np.int8), scale


def write_int8_weights(
    path: str | Path,
    kind: str,
    config: dict[str, Any],
    network: keras.Model,
    notes: dict[str, Any],
) -> Path:
    """Write a network's weights in eight bits and the JSON file that describes them.

    Args:
        path: Where to write, with or without an ending.
        kind: What the network is, such as "linear-restoration".
        config: What it is built from.
        network: The network.
        notes: Anything worth knowing of the weights (JSON types), such as how they were trained.

    Returns:
        Path of the JSON file.

    Raises:
        ValueError: If a weight is not finite in float16.
    """
    arrays: dict[str, Any] = {}
    for i, weight in enumerate(network.weights):
        value = ops.convert_to_numpy(weight)
        if value.ndim > 1:
            arrays[f"{i:04d}"], arrays[f"{i:04d}.scale"] = quantize(value)
            continue
        with np.errstate(over="ignore"):
            arrays[f"{i:04d}"] = value.astype(np.float16)
        if not np.isfinite(arrays[f"{i:04d}"]).all():
            raise ValueError(f"{weight.path} is not finite in float16; train with a lower rate")
    base = base_path(path)
    base.parent.mkdir(parents=True, exist_ok=True)
    weights = base.with_name(base.name + ENDING)
    np.savez_compressed(weights, **arrays)
    return write_description(weights, kind, config, notes)


def load_int8_weights(network: keras.Model, path: Path) -> None:
    """Read weights that `write_int8_weights` wrote into a network.

    Raises:
        ValueError: If the file is damaged or of another network.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is no readable file of weights ({error}); export again"
        ) from error
    for i, weight in enumerate(network.weights):
        value, scale = arrays.get(f"{i:04d}"), arrays.get(f"{i:04d}.scale")
        if value is None or value.shape != tuple(weight.shape):
            found = "missing" if value is None else f"of shape {value.shape}"
            raise ValueError(
                f"{path}: {weight.path} is {found}, not {tuple(weight.shape)}; export it again"
            )
        full = value.astype(np.float32)
        if scale is not None:
            if scale.shape != full.shape[-1:]:
                raise ValueError(f"{path}: {weight.path} has {scale.size} scales; export it again")
            full *= scale.astype(np.float32)
        if not np.isfinite(full).all():
            raise ValueError(f"{path}: {weight.path} is not finite; export it again")
        weight.assign(full)

"""Checkpoints of a training: every variable and the state of the loop, in one .npz file."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from keras.layers import Layer

from moclink.atomic_files import atomic_write


def settings_of(layer: Layer) -> dict[str, Any]:
    """What a checkpoint must agree on of a layer: its constructor arguments but for name and dtype."""
    return {k: v for k, v in layer.get_config().items() if k not in ("name", "dtype")}


def save_checkpoint(
    path: str | Path, variables: Mapping[str, Any], state: Mapping[str, Any]
) -> None:
    """Write variables and state to an .npz file, whole or not at all (a new file takes the old one's place).

    Args:
        path: The file.
        variables: Keras variables by name.
        state: Values that JSON can hold.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {
        name: ops.convert_to_numpy(variable) for name, variable in variables.items()
    }
    with atomic_write(path) as part, open(part, "wb") as sink:
        np.savez(sink, __state__=np.array(json.dumps(state)), **arrays)


def load_checkpoint(path: str | Path, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Read a checkpoint into variables and return its state.

    Raises:
        ValueError: If it holds other variables or other shapes than asked for, or is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is no readable checkpoint ({error}); delete it to start again"
        ) from error
    try:
        state = json.loads(str(arrays.pop("__state__")))
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is no checkpoint of a training; delete it to start again"
        ) from error
    missing = sorted(set(variables) ^ set(arrays))
    if missing:
        raise ValueError(
            f"{path} is of another model: {len(missing)} names differ, e.g. {missing[0]}"
        )
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            raise ValueError(
                f"{path}: {name} is {arrays[name].shape}, in the model {tuple(variable.shape)}"
            )
        variable.assign(arrays[name])
    return state

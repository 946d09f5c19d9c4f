"""Weights on disk: NAME.json (what to build, and a hash) beside NAME.weights.h5 (halves, by Keras).

Nothing in either file is ever unpickled or executed: JSON names constructor arguments, HDF5 holds
arrays. The hash is checked before the weights are opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

FORMAT = 1
SHIPPED = Path(__file__).resolve().parent.parent / "weights"


def base_path(path: str | Path) -> Path:
    """The common part of both names: a path without .json or .weights.h5."""
    text = str(path)
    for ending in (".json", ".weights.h5"):
        text = text.removesuffix(ending)
    return Path(text)


def _page_path(path: str | Path) -> Path:
    base = base_path(path)
    return base.with_name(base.name + ".json")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_weights(
    path: str | Path,
    kind: str,
    config: dict[str, Any],
    network: keras.Model,
    build: Callable[..., keras.Model],
    notes: dict[str, Any],
) -> Path:
    """Write a network's weights in float16 and the page that describes them.

    Args:
        path: Where to write, with or without an ending.
        kind: What the network is, such as "semantic".
        config: Constructor arguments of its parts.
        network: The network.
        build: Makes an untrained network of a given `dtype` from `config`.
        notes: Anything worth knowing of the weights (JSON types), such as how they were trained.

    Returns:
        Path of the JSON page.

    Raises:
        ValueError: If a weight is no finite number in float16.
    """
    base = base_path(path)
    # Keras writes a model in its own precision, so a half-precision twin writes the halves.
    twin = build(config, dtype="float16")
    for half, full in zip(twin.weights, network.weights, strict=True):
        value = ops.convert_to_numpy(full)
        with np.errstate(over="ignore"):
            rounded = value.astype(np.float16)
        if not np.isfinite(rounded).all():
            raise ValueError(
                f"weight {full.path} holds {value.flat[np.abs(value).argmax()]}, beyond float16's 65504"
            )
        half.assign(rounded)
    base.parent.mkdir(parents=True, exist_ok=True)
    weights = base.with_name(base.name + ".weights.h5")
    twin.save_weights(weights)
    page = {
        "format": FORMAT,
        "kind": kind,
        "weights": weights.name,
        "sha256": _digest(weights),
        "config": config,
        "notes": notes,
    }
    page_path = _page_path(path)
    page_path.write_text(json.dumps(page, indent=1) + "\n", encoding="utf-8")
    return page_path


def find(preset: str | Path, shipped: str, kind: str) -> tuple[dict[str, Any], Path]:
    """Find weights by the name of a preset, shipped with the package, or by path.

    Args:
        preset: Name or path.
        shipped: Name of shipped files, with {} for the preset's name.
        kind: What the network must be.

    Returns:
        See `read_page`.

    Raises:
        ValueError: If there are none, or they are damaged; the message names the remedy.
    """
    path = SHIPPED / shipped.format(preset)
    if _page_path(path).is_file():
        return read_page(path, kind)
    if not _page_path(preset).is_file() and Path(preset).name == str(preset):
        raise ValueError(
            f"{preset!r} is neither a file here nor a preset whose trained weights are shipped; "
            "give the path of an export of python -m moclink.train, or take from_size(...), untrained"
        )
    return read_page(preset, kind)


def read_page(path: str | Path, kind: str) -> tuple[dict[str, Any], Path]:
    """Read the description of a weights file and check the file against its hash.

    Args:
        path: As in `write_weights`.
        kind: What the network must be.

    Returns:
        (page, path of the weights).

    Raises:
        ValueError: If a file is missing, damaged or of another kind; the message names the remedy.
    """
    page_path = _page_path(path)
    if not page_path.is_file():
        raise ValueError(
            f"{page_path} does not exist; give the path that `save` or the training's export wrote"
        )
    try:
        page = json.loads(page_path.read_text(encoding="utf-8"))
        form, found, name, digest = page["format"], page["kind"], page["weights"], page["sha256"]
        if not isinstance(page["config"], dict) or not isinstance(page["notes"], dict):
            raise TypeError("config and notes must be objects")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{page_path} is damaged ({error!r}); fetch or export it again") from error
    if form != FORMAT:
        raise ValueError(
            f"{page_path} has format {form}; this version reads {FORMAT}: update moclink, or export again"
        )
    if found != kind:
        raise ValueError(
            f"{page_path} describes a codec of kind {found!r}, not {kind!r}; open it with the other class"
        )
    weights = page_path.with_name(Path(name).name)
    if not weights.is_file():
        raise ValueError(
            f"{weights} is missing; it belongs beside {page_path.name}: fetch or export both again"
        )
    if _digest(weights) != digest:
        raise ValueError(
            f"{weights} does not match the sha256 in {page_path.name}: damaged, or of another export; "
            "fetch or export both again"
        )
    return page, weights


def build(make: Callable[..., Any], config: dict[str, Any], weights: Path, **options: Any) -> Any:
    """Make a codec of a config and load its weights.

    Args:
        make: Called as make(config, **options); the result's `network` takes the weights.
        config: Constructor arguments by part.
        weights: File whose hash was checked.
        options: Further arguments.

    Raises:
        ValueError: If config and weights do not fit the code or each other.
    """
    try:
        codec = make(config, **options)
        codec.network.load_weights(weights)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise ValueError(
            f"{weights} does not fit its config or this version ({error}); fetch or export both again"
        ) from error
    return codec

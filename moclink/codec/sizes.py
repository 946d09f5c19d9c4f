"""Sizes of the codec by name: constructor arguments of each part.

`paper` is the size that the paper inherits from FeMaSR; its GroupNorm takes statistics over the
whole picture. `small` and `toy` have no such statistics, so that crops and 2K pictures behave alike
and tiles give the whole picture's result; they start from a linear path, choose the codes of a head
together, and correct no more than the channel can have damaged. `toy` is for tests and ten-minute
trainings on a CPU.
"""

from __future__ import annotations

import copy
from typing import Any

SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "paper": {
        "encoder": {
            "latent_channels": 512,
            "widths": [64, 128, 256, 256],
            "depths": [0, 2, 2, 2],
            "patch": 1,
            "stem_kernel": 4,
            "normalization": "group",
            "groups": 32,
        },
        "quantizer": {"latent_channels": 512, "heads": 4, "levels": 4, "states": 8},
        "nrb": {
            "latent_channels": 512,
            "width": 256,
            "groups": 4,
            "depth": 6,
            "heads": 8,
            "window": 8,
            "mlp_ratio": 4.0,
        },
        "decoder": {
            "latent_channels": 512,
            "widths": [256, 256, 128, 64],
            "depths": [0, 2, 2, 2],
            "patch": 1,
            "upsampling": "nearest",
            "normalization": "group",
            "groups": 32,
        },
    },
    "small": {
        "encoder": {
            "latent_channels": 64,
            "widths": [48, 128],
            "depths": [1, 2],
            "patch": 4,
            "stem_kernel": 3,
            "normalization": "none",
            "linear_path": True,
        },
        "quantizer": {
            "latent_channels": 64,
            "heads": 4,
            "levels": 4,
            "states": 8,
            "search": "joint",
        },
        "nrb": {
            "latent_channels": 64,
            "width": 96,
            "groups": 2,
            "depth": 2,
            "heads": 4,
            "window": 8,
            "mlp_ratio": 2.0,
            "gated": True,
        },
        "decoder": {
            "latent_channels": 64,
            "widths": [128, 48],
            "depths": [4, 2],
            "patch": 4,
            "upsampling": "shuffle",
            "normalization": "none",
            "linear_path": True,
        },
    },
    "toy": {
        "encoder": {
            "latent_channels": 16,
            "widths": [16, 32],
            "depths": [0, 1],
            "patch": 4,
            "stem_kernel": 3,
            "normalization": "none",
            "linear_path": True,
        },
        "quantizer": {
            "latent_channels": 16,
            "heads": 4,
            "levels": 4,
            "states": 8,
            "search": "joint",
        },
        "nrb": {
            "latent_channels": 16,
            "width": 32,
            "groups": 1,
            "depth": 2,
            "heads": 2,
            "window": 4,
            "mlp_ratio": 2.0,
            "gated": True,
        },
        "decoder": {
            "latent_channels": 16,
            "widths": [32, 16],
            "depths": [1, 0],
            "patch": 4,
            "upsampling": "shuffle",
            "normalization": "none",
            "linear_path": True,
        },
    },
}


def size(name: str) -> dict[str, dict[str, Any]]:
    """Constructor arguments of `encoder`, `quantizer`, `nrb` and `decoder` of a named size, in JSON types.

    Raises:
        ValueError: If there is no such size.
    """
    if name not in SIZES:
        raise ValueError(f"size {name!r} is unknown; choose one of {', '.join(SIZES)}")
    return copy.deepcopy(SIZES[name])


def analog_size(name: str, latent_channels: int = 96) -> dict[str, dict[str, Any]]:
    """Constructor arguments of `encoder`, `decoder` and `receiver` of the analog codec of a named size.

    Args:
        name: Name of the size.
        latent_channels: Reals sent for each 8x8 block, the pilot among them; 96 are 48 complex
            symbols.

    Raises:
        ValueError: If there is no such size.
    """
    parts = size(name)
    halves = {
        part: {**parts[part], "latent_channels": latent_channels} for part in ("encoder", "decoder")
    }
    return {**halves, "receiver": {}}

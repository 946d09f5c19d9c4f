"""Trained arrays in .npz files: those that ship with the package, by name, and any other, by path."""

from __future__ import annotations

import os
from pathlib import Path

SHIPPED = Path(__file__).resolve().parent.parent / "weights"


def find_arrays(name: str | Path, command: str) -> Path:
    """Find a file of trained arrays.

    Args:
        name: Name of a shipped file without its ending, or path of an .npz.
        command: What makes such a file, for the message.

    Raises:
        ValueError: If there is none; the message names the remedy.
    """
    path = SHIPPED / f"{name}.npz"
    if Path(name).suffix == ".npz":
        path = Path(os.path.expanduser(name))
    if not path.is_file():
        raise ValueError(f"{path} does not exist; give a shipped name, or run {command}")
    return path

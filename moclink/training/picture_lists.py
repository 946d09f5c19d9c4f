"""Which pictures are trained on, and which are held out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from moclink.picture_folders import SUFFIXES, list_folder


def list_pictures(folders: Iterable[str | Path]) -> list[Path]:
    """List the picture files below folders, sorted, so that the order never depends on the disk.

    Args:
        folders: Folders (searched with their subfolders) or single picture files.

    Raises:
        ValueError: If a folder does not exist or no picture is found in all of them.
    """
    found: list[Path] = []
    for folder in map(Path, folders):
        if not folder.exists():
            raise ValueError(f"no such file or folder: {folder}")
        single = [folder] if folder.suffix.lower() in SUFFIXES else []
        found += single if folder.is_file() else list_folder(folder, recursive=True)
    if not found:
        raise ValueError(
            f"no pictures ({', '.join(sorted(SUFFIXES))}) in {', '.join(map(str, folders))}"
        )
    return found


def fingerprint(pictures: Sequence[Path]) -> str:
    """A digest of the names and sizes of picture files, by which another set of them is told apart."""
    listed = sorted((path.name, path.stat().st_size if path.exists() else 0) for path in pictures)
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def hold_out(
    pictures: Sequence[Path], count: int | None = None, seed: int = 0
) -> tuple[list[Path], list[Path]]:
    """Split pictures into those to train on and `count` whole pictures kept for validation.

    Whole pictures are kept apart, never patches of one picture on both sides. Without `count` a
    fifth of them is kept, at most 12; of a single picture none.

    Raises:
        ValueError: If there are not more than `count` pictures.
    """
    if count is None:
        count = min(12, max(1, len(pictures) // 5), len(pictures) - 1)
    if not 0 <= count < len(pictures):
        raise ValueError(
            f"--hold-out is {count}; of {len(pictures)} pictures 0 to {len(pictures) - 1} can be held out"
        )
    kept = set(np.random.default_rng([seed, 0x40]).permutation(len(pictures))[:count].tolist())
    train = [path for i, path in enumerate(pictures) if i not in kept]
    return train, [path for i, path in enumerate(pictures) if i in kept]

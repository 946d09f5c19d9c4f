"""The `images` argument of a run: files, folders, arrays or Pillow images, as a list of pictures."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from moclink.arguments import read_switch, shorten
from moclink.image_modes import ImageError, to_srgb
from moclink.images import MAX_PIXELS, Picture, find_images, read_pictures, sample_paths
from moclink.picture_folders import list_folder

WANTED = "give files or folders, uint8 arrays [H, W, 3] or [H, W] (grey), Pillow images, or several of them"


def given_pictures(
    images: Any = None, recursive: bool = False, skip_bad: bool = False
) -> list[Picture]:
    """Pictures of what `moclink.run` is given.

    Args:
        images: A file or folder, an array uint8 [H, W, 3], [H, W, 4] (laid on white), [H, W, 1] or
            [H, W] (grey), a Pillow image, a `Picture`, or several of them; None for the sample
            photographs.
        recursive: Whether folders within folders are looked through too.
        skip_bad: Whether files that cannot be read are left out, each with a line on standard
            error, and not an error.

    Raises:
        ValueError: If there is no picture, or one cannot be used; each is named.
    """
    recursive, skip_bad = read_switch("recursive", recursive), read_switch("skip_bad", skip_bad)
    if images is None:
        return read_pictures(sample_paths())
    wanted = _several(images)
    if not wanted:
        raise ValueError(
            "images is empty; name at least one, or leave it out for the sample photographs"
        )
    files = [item for item in wanted if isinstance(item, str | os.PathLike)]
    for file in files:
        if not str(file).strip():
            raise ImageError("the name of a picture is empty; give . for the folder you are in")
        if re.match(r"[a-z]+://", str(file)):
            raise ImageError(f"{file} is an address; download the picture, and name its file")
    paths = [Path(os.path.expanduser(file)) for file in files]
    found = find_images(_with_subfolders(paths) if recursive else paths) if files else []
    pictures = read_pictures(found, skip_bad) if files else []
    others = [item for item in wanted if not isinstance(item, str | os.PathLike)]
    named = [item for item in others if isinstance(item, Picture)]
    taken = {picture.name for picture in [*pictures, *named]}
    for number, item in enumerate(others, 1):
        name = f"image-{number}"
        while name in taken:  # by a file, say
            name += "-array"
        own = isinstance(item, Picture)
        pictures.append(item if own else Picture(name, _pixels(item, number)))
    return _with_own_names(_without_copies(pictures))


def _with_own_names(pictures: list[Picture]) -> list[Picture]:
    """The pictures, if no two have the same name, by which results are kept."""
    names = [picture.name for picture in pictures]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"two pictures are called {twice}; give each a name of its own")
    return pictures


def _without_copies(pictures: list[Picture]) -> list[Picture]:
    """Each picture once; a copy would get the same noise and narrow the intervals."""
    first: dict[str, Picture] = {}
    for picture in pictures:
        found = first.setdefault(picture.digest, picture)
        if found is not picture:
            print(
                f"note: {picture.name} is the same picture as {found.name}: left out",
                file=sys.stderr,
            )
    return list(first.values())


def _several(images: Any) -> list[Any]:
    """What was given as a list of single pictures."""
    one = isinstance(images, str | os.PathLike | Picture | Image.Image)
    if one or getattr(images, "ndim", 0) in (2, 3):
        return [images]
    if hasattr(images, "read"):
        raise ValueError(
            f"images {shorten(images)}: an open file; give its path, or a Pillow image"
        )
    if isinstance(images, dict | bytes) or not isinstance(images, Iterable):
        raise ValueError(f"images {shorten(images)}: {WANTED}")
    several = list(images)
    if any(isinstance(item, list | tuple | dict) for item in several):
        raise ValueError(
            f"images hold {shorten(next(i for i in several if isinstance(i, list | tuple | dict)))}, "
            f"which is no picture, but pairs with labels or a list; {WANTED}"
        )
    return several


def _pixels(item: Any, number: int) -> NDArray[np.uint8]:
    """Pixels uint8 [H, W, 3] of an array or a Pillow image."""
    if isinstance(item, Image.Image):
        if item.mode == "F" or item.mode.startswith("I"):
            raise ValueError(
                f"image {number} is a Pillow image of mode {item.mode}, whose range is not known; "
                "give its file, or uint8"
            )
        item = ImageOps.exif_transpose(item)
    else:
        pixels = np.asarray(item)
        channels = pixels.shape[2] if pixels.ndim == 3 else 1
        if isinstance(item, np.ma.MaskedArray) and np.ma.is_masked(item):
            raise ValueError(
                f"image {number} is a masked array; fill its masked pixels first, with .filled(0)"
            )
        alright = pixels.dtype == np.uint8 and pixels.ndim in (2, 3) and channels in (1, 3, 4)
        if not alright or not pixels.size:
            what = f"{pixels.dtype} {pixels.shape}" if hasattr(item, "ndim") else shorten(item)
            raise ValueError(f"image {number} is {what}; give uint8 [H, W, 3] or [H, W], 0 to 255")
        item = Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and channels == 1 else pixels)
    if item.width * item.height > MAX_PIXELS:
        raise ImageError(
            f"image {number}: {item.width}x{item.height} pixels, over {MAX_PIXELS}; reduce it first"
        )
    return to_srgb(item, f"image {number}")


def _with_subfolders(paths: Iterable[Path]) -> list[Path]:
    """Each folder as the picture files in it and below, sorted; what is no folder stays."""
    found: list[Path] = []
    for path in paths:
        found += (list_folder(path, recursive=True) if path.is_dir() else []) or [path]
    return found

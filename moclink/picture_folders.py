"""Which files are pictures: those of a folder, and those that a user names."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from moclink.image_modes import ImageError

SUFFIXES = {
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".bmp",
    ".bpg",
    ".gif",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".tif",
    ".tiff",
    ".webp",
    ".avif",
    ".jp2",
    ".j2k",
}


# Pictures too, which are not taken from a folder: Pillow does not read them, or not as photographs.
OTHERS = {
    *(".heic", ".heif", ".mpo", ".tga", ".psd", ".jxl", ".exr", ".hdr", ".pfm", ".svg", ".webm"),
    *(
        ".dng",
        ".nef",
        ".cr2",
        ".cr3",
        ".arw",
        ".orf",
        ".rw2",
        ".raw",
        ".npy",
        ".npz",
        ".eps",
        ".qoi",
    ),
}


# What the PNG figures of moclink state as the software that made them, in their first bytes.
FIGURE_MARK = "Software\0moclink"
FIGURES = ("curves", "gallery", "rates-", "fig3", "fig4", "fig5")


def find_images(inputs: Iterable[str | Path]) -> list[Path]:
    """Expand files and folders into image files, sorted within each folder.

    A file that is named more than once, in whatever spelling or by a link, is taken once, with a note.

    Raises:
        ImageError: If an input does not exist or a folder holds no image file.
    """
    found: list[Path] = []
    for item in map(Path, inputs):
        if item.is_dir():
            inside = list_folder(item)
            if not inside:
                raise ImageError(
                    f"folder {printable(item)} holds no image; name a folder with png, jpg, ... files"
                )
            found += inside
        elif item.is_file():
            found.append(item)
        elif item.exists():
            raise ImageError(f"{printable(item)} is a stream or device; save the picture as a file")
        elif fitting := sorted(map(Path, glob.glob(str(item)))):  # a pattern no shell has read
            found += fitting
        else:
            raise ImageError(f"no such image or folder: {printable(item)}")
    files: dict[object, Path] = {}
    for path in found:
        files.setdefault(_identity(path), path)
    if len(files) < len(found):
        repeated = next(path for path in found if path not in files.values())
        print(
            f"note: {len(found) - len(files)} of {len(found)} images are files named before, "
            f"as {printable(repeated)}: each counts once",
            file=sys.stderr,
        )
    return list(files.values())


def _identity(path: Path) -> object:
    """What tells that two paths are one file; a link whose file is gone is only itself."""
    try:
        status = path.stat()
    except OSError:  # reading it will say so
        return path
    return status.st_dev, status.st_ino


def printable(name: str | Path) -> str:
    """Write bytes that are no UTF-8, and characters that cannot be printed, as escapes."""
    text = str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def is_picture(path: Path) -> bool:
    """Say whether a file in a folder is taken for a picture, by its name alone.

    Hidden files are not: beside `photo.jpg` macOS leaves a `._photo.jpg` that holds none. A link
    whose file is gone is, so that it is not left out without a word.
    """
    named = path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    return named and (path.is_file() or (path.is_symlink() and not path.exists()))


def list_folder(folder: Path, recursive: bool = False) -> list[Path]:
    """List the pictures of a folder, sorted.

    Args:
        folder: The folder.
        recursive: Whether those of the folders in it are listed too; hidden folders are left out.

    Raises:
        ImageError: If a folder cannot be read.
    """
    files = list(_files(folder, recursive))
    figures = [path for path in files if is_picture(path) and _is_figure(path)]
    streams = [
        path
        for path in files
        if path.suffix.lower() in SUFFIXES and path.exists() and not path.is_file()
    ]
    for left_out, what in (
        (figures, "figures of moclink"),
        (streams, "pipes or devices"),
    ):
        if left_out:
            names = ", ".join(sorted({path.name for path in left_out})[:5])
            note = f"note: {what} in {folder} are not taken ({names})"
            print(note.encode("utf-8", "backslashreplace").decode(), file=sys.stderr)
    others = [f for f in files if f.suffix.lower() in OTHERS and not f.name.startswith(".")]
    if others:
        kinds = ", ".join(sorted({file.suffix for file in others}))
        print(
            f"note: {len(others)} files of {folder} are not taken ({kinds}); convert them, to PNG say",
            file=sys.stderr,
        )
    return sorted(path for path in files if is_picture(path) and path not in set(figures))


def _is_figure(path: Path) -> bool:
    """Whether a file is a figure that moclink has drawn: by its mark, or by its place in a run folder."""
    if path.suffix.lower() != ".png":
        return False
    if (path.parent / "results.sqlite").is_file() and path.name.startswith(FIGURES):
        return True
    try:
        with open(path, "rb") as file:
            return FIGURE_MARK.encode() in file.read(1024)
    except OSError:  # reading it as a picture will say so
        return False


def _files(folder: Path, recursive: bool) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, onerror=_refuse):
        yield from (Path(place) / name for name in names)
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]


def _refuse(error: OSError) -> NoReturn:
    raise ImageError(f"folder {error.filename} cannot be read ({error.strerror})") from error

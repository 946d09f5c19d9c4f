"""Reading and checking of images; pictures under their names; the sample photographs.

Every image becomes uint8 RGB [H, W, 3] here, and float32 in [0, 1] from then on. Files that cannot
be read raise `ImageError`, which names the file and the reason.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from moclink.arguments import shorten
from moclink.file_kinds import check_preview, describe
from moclink.image_modes import ImageError, on_white, to_srgb
from moclink.picture_folders import SUFFIXES, find_images, printable
from moclink.pillow_settings import pillow_settings

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "ImageError",
    "Picture",
    "find_images",
    "read_image",
    "read_pictures",
    "sample_paths",
    "to_float",
    "to_uint8",
]

MAX_PIXELS = 2**26  # 8192 x 8192
_BPG_MAGIC = b"BPG\xfb"
_UPRIGHT = {  # EXIF orientation -> what undoes it
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, eq=False)
class Picture:
    """An image under its name, whose pixels are read from its file when they are wanted.

    A picture made from an array keeps it. One of a file keeps where the file lies, and is small.

    Attributes:
        name: Short name, unique within a run; always printable and of valid Unicode.
        source: uint8 [H, W, 3], RGB, or the file.
        height: Height in pixels.
        width: Width in pixels.
        digest: SHA-256 of size and pixels: what identifies the picture wherever its file lies.
    """

    name: str
    source: NDArray[np.uint8] | Path
    height: int = field(init=False)
    width: int = field(init=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        if isinstance(self.source, Path):
            object.__setattr__(self, "source", self.source.absolute())
            pixels = read_image(self.source)
        else:
            pixels = self.source.view()
            pixels.flags.writeable = False  # the digest stays true
            object.__setattr__(self, "source", pixels)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise ValueError(
                f"pixels are {pixels.dtype} {list(pixels.shape)}: they must be uint8 [H, W, 3]"
            )
        object.__setattr__(self, "name", printable(self.name))
        object.__setattr__(self, "height", pixels.shape[0])
        object.__setattr__(self, "width", pixels.shape[1])
        object.__setattr__(self, "digest", _digest(pixels))

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """uint8 [H, W, 3], RGB: read again at each access if the picture is a file's.

        Raises:
            ImageError: If the file is gone, or holds another picture than before.
        """
        if isinstance(self.source, np.ndarray):
            return self.source
        pixels = read_image(self.source)
        if _digest(pixels) != self.digest:
            raise ImageError(f"{self.source}: the picture has changed since it was first read")
        return pixels

    def loaded(self) -> Picture:
        """The same picture with its pixels in memory, for machines that do not see the file."""
        return Picture(self.name, self.pixels)


def _digest(pixels: NDArray[np.uint8]) -> str:
    state = hashlib.sha256("{}x{}:".format(*pixels.shape).encode())
    state.update(np.ascontiguousarray(pixels).data)
    return state.hexdigest()


def sample_paths() -> list[Path]:
    """Paths of the CC0 photographs that ship with the package."""
    return sorted((Path(__file__).parent / "samples").glob("*.png"))


def read_image(path: str | Path | IO[bytes], max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Read a picture file as 8-bit sRGB, upright.

    BPG and whatever Pillow knows. The EXIF orientation is applied; palettes and grey become RGB;
    transparency is laid on white; ICC profiles and CMYK are converted to sRGB; samples of more than
    8 bits are scaled by what the file says of their range. Of an animation the first picture is
    read.

    Args:
        path: An image file, or one that is open in binary mode, as `io.BytesIO` is: it is read from
            its beginning, if it can be set there, and stays open.
        max_pixels: Largest number of pixels allowed.

    Returns:
        uint8 [H, W, 3].

    Raises:
        ImageError: If the file is no readable image, is truncated, is too large, or does not say
            how its samples are to be scaled.
    """
    if not isinstance(path, str | os.PathLike):
        return _read_open_file(path, max_pixels)
    try:
        with open(path, "rb") as file:
            if file.read(len(_BPG_MAGIC)) == _BPG_MAGIC:
                return _read_bpg(path, max_pixels)
        return _read_with_pillow(path, max_pixels)
    except ImageError as error:
        raise ImageError(printable(str(error))) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{printable(path)}: {error}; reduce the picture first") from error
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{printable(path)}: not an image that can be read{describe(path)}"
        ) from error
    except FileNotFoundError as error:
        raise ImageError(f"{printable(path)}: no such file") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        large = "MAX_TEXT_CHUNK" in str(error)  # a picture may be whole, and its comments too long
        what = "its text is too long; remove its metadata" if large else "unreadable or truncated"
        raise ImageError(f"{printable(path)}: {what} ({error})") from error


def _read_open_file(file: IO[bytes], max_pixels: int) -> NDArray[np.uint8]:
    """Read what an open file holds by way of a file: some headers are read beside Pillow."""
    if not hasattr(file, "read"):
        raise ImageError(f"{shorten(file)}: give the path of an image file, or an open file")
    name = printable(str(getattr(file, "name", "open file")))
    with suppress(AttributeError, OSError):  # a stream is read from where it stands
        file.seek(0)
    data = file.read()
    if not isinstance(data, bytes):
        raise ImageError(f"{name}: it gives {type(data).__name__}; open it in binary mode")
    with TemporaryDirectory() as folder:
        path = Path(folder, "image")
        path.write_bytes(data)
        try:
            return read_image(path, max_pixels)
        except ImageError as error:
            raise ImageError(str(error).replace(str(path), name)) from error


def _read_with_pillow(path: str | Path, max_pixels: int) -> NDArray[np.uint8]:
    # Not by its name: Pillow 13 maps grey TIFF files to memory, and scrambles those lying on a side.
    with pillow_settings(show_truncated=False), open(path, "rb") as file, Image.open(file) as image:
        _check_size(path, *image.size, max_pixels)
        check_preview(image, path)
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        rgb = to_srgb(image, path)
    turned = _UPRIGHT.get(orientation)
    return rgb if turned is None else np.asarray(Image.fromarray(rgb).transpose(turned))


def _read_bpg(path: str | Path, max_pixels: int) -> NDArray[np.uint8]:
    from moclink import bpg  # with FFmpeg, which nobody else needs

    data = Path(path).read_bytes()
    try:
        info = bpg.read_info(data)
        _check_size(path, info.width, info.height, max_pixels)
        image = Image.fromarray(bpg.decode(data, strict=True, max_pixels=max_pixels))
    except bpg.BpgError as error:
        raise ImageError(f"{path}: {error}") from error
    return np.asarray(on_white(image, image.getchannel("A")) if image.mode == "RGBA" else image)


def _check_size(path: str | Path, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageError(f"{path}: {width}x{height} pixels, over {max_pixels}; reduce it first")


def read_pictures(paths: Sequence[str | Path], skip_bad: bool = False) -> list[Picture]:
    """Check all files, or say of every one that cannot be read why not.

    Each is read once, for its size and digest, and not kept. A file with the pixels of another,
    which would get the same noise, is left out; a line on standard error says so. Names are file
    stems; where two files share one, the folder's name is put before it, and a number after it if
    that is not enough.

    Args:
        paths: Image files.
        skip_bad: Whether files that cannot be read are left out, each with a line on standard
            error, as long as one picture remains.

    Returns:
        The pictures, in the order of the files.

    Raises:
        ImageError: One line a bad file, all of them.
    """
    pictures, faults, taken = [], [], set()
    known: dict[str, Path] = {}
    stems = [printable(Path(p).stem) for p in paths]
    for path, stem in zip(map(Path, paths), stems, strict=True):
        base = (
            stem
            if stems.count(stem) == 1
            else printable(f"{path.resolve().parent.name}-{path.name}")
        )
        name, number = base, 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        try:
            picture = Picture(name, path)
        except ImageError as error:
            faults.append(str(error))
            continue
        first = known.setdefault(picture.digest, path)
        if first is not path:
            print(
                f"note: {printable(path)} is the same picture as {printable(first)}: left out",
                file=sys.stderr,
            )
            continue
        taken.add(name)
        pictures.append(picture)
    if faults and not (skip_bad and pictures):
        raise ImageError("\n".join(faults))
    for fault in faults:
        print(f"note: left out: {fault}", file=sys.stderr)
    return pictures


def to_float(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 [..., 3] -> float32 in [0, 1]; ValueError for another type, whose range is not known."""
    if np.asarray(pixels).dtype != np.uint8:
        raise ValueError(f"pixels are {np.asarray(pixels).dtype}; give uint8, 0 to 255")
    return pixels.astype(np.float32) / np.float32(255)


def to_uint8(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Float in [0, 1] (clipped) -> uint8, rounded to nearest; ValueError for integers."""
    if (dtype := np.asarray(images).dtype).kind != "f":
        raise ValueError(f"images are {dtype}; give floats in [0, 1]")
    return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)

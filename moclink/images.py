"""Reading and checking of images; the sample photographs.

Every image becomes uint8 RGB [H, W, 3] here, whatever its file holds, and float32 in [0, 1] from
then on. Files that cannot be read raise `ImageError`, which names the file and the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = {
    ".png",
    ".jpg",
    ".jpeg",
    ".bmp",
    ".gif",
    ".ppm",
    ".pgm",
    ".tif",
    ".tiff",
    ".webp",
    ".avif",
    ".jp2",
}
MAX_PIXELS = 2**26  # 8192 x 8192


class ImageError(ValueError):
    """An image, or a folder of images, cannot be used; the message names it and says why."""


@dataclass(frozen=True)
class Picture:
    """An image under its name.

    Attributes:
        name: Short name, unique within a run.
        pixels: uint8 [H, W, 3], RGB.
    """

    name: str
    pixels: NDArray[np.uint8]

    @property
    def digest(self) -> str:
        """SHA-256 of size and pixels: what identifies the picture wherever its file lies."""
        height, width, _ = self.pixels.shape
        return hashlib.sha256(f"{height}x{width}:".encode() + self.pixels.tobytes()).hexdigest()


def sample_paths() -> list[Path]:
    """Paths of the CC0 photographs that ship with the package."""
    return sorted((Path(__file__).parent / "samples").glob("*.png"))


def find_images(inputs: Iterable[str | Path]) -> list[Path]:
    """Expand files and folders into image files, sorted within each folder.

    Raises:
        ImageError: If an input does not exist or a folder holds no image file.
    """
    found: list[Path] = []
    for item in map(Path, inputs):
        if item.is_dir():
            inside = sorted(p for p in item.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
            if not inside:
                raise ImageError(f"folder {item} holds no image; name a folder with png, jpg, ... files")
            found += inside
        elif item.is_file():
            found.append(item)
        else:
            raise ImageError(f"no such image or folder: {item}")
    return list(dict.fromkeys(found))


def read_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Read any picture that Pillow knows as 8-bit RGB, upright.

    The EXIF orientation is applied; palettes and grey become RGB; transparency is laid on white;
    CMYK is converted; 16-bit samples are scaled to 8 bits.

    Args:
        path: An image file.
        max_pixels: Largest number of pixels allowed.

    Returns:
        uint8 [H, W, 3].

    Raises:
        ImageError: If the file is no readable image, is truncated, or is too large.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise ImageError(f"{path}: {width}x{height} pixels, over {max_pixels}; reduce it first")
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path}: {error}; reduce the picture first") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: not an image that Pillow can read") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{path}: unreadable or truncated ({error})") from error


def read_pictures(paths: Sequence[str | Path], max_pixels: int = MAX_PIXELS) -> list[Picture]:
    """Read all files, or say of every one that cannot be read why not.

    Names are file stems; where two files share one, the folder's name is put before it, and a
    number after it if that is not enough.

    Raises:
        ImageError: One line a bad file, all of them.
    """
    pictures, faults, taken = [], [], set()
    stems = [Path(p).stem for p in paths]
    for path, stem in zip(map(Path, paths), stems, strict=True):
        try:
            pixels = read_image(path, max_pixels)
        except ImageError as error:
            faults.append(str(error))
            continue
        base = stem if stems.count(stem) == 1 else f"{path.resolve().parent.name}-{path.name}"
        name, number = base, 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(name)
        pictures.append(Picture(name, pixels))
    if faults:
        raise ImageError("\n".join(faults))
    return pictures


def to_float(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 [..., 3] -> float32 in [0, 1]."""
    return pixels.astype(np.float32) / np.float32(255)


def to_uint8(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Float in [0, 1] (clipped) -> uint8, rounded to nearest."""
    return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I") or image.mode == "F":
        samples = np.asarray(image)
        # Pillow opens 16-bit grey as I;16 or, for some files, as 32-bit I that still holds 16 bits.
        grey = samples.astype(np.float64) / (257.0 if image.mode != "F" else 1.0)
        return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=-1)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(white, layer)
    return np.asarray(image.convert("RGB"))

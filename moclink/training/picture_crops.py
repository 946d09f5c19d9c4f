"""Random reductions and crops of training pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from moclink.images import read_image


def read_rgb(path: Path) -> Image.Image:
    """A picture file as RGB, read as everywhere (`moclink.images.read_image`).

    Raises:
        ImageError: If it cannot be read.
    """
    return Image.fromarray(read_image(path))


def reduced(
    picture: Image.Image, least: float, most: float, rng: np.random.Generator
) -> Image.Image:
    """A picture at a random factor of its size, at least one pixel a side."""
    factor = rng.uniform(least, most)
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    return picture.resize(size, Image.Resampling.LANCZOS)


def random_crop(picture: Image.Image, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A random crop with sides of at most `side` pixels, float32 [H, W, 3] in [0, 1]."""
    pixels = np.asarray(picture, dtype=np.float32) / np.float32(255)
    top = rng.integers(max(0, pixels.shape[0] - side) + 1)
    left = rng.integers(max(0, pixels.shape[1] - side) + 1)
    return pixels[top : top + side, left : left + side]

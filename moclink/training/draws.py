"""What a training stage draws for a batch beside its crops: levels and noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moclink.constants import LATENT_STRIDE


def draw_levels(
    rng: np.random.Generator, batch: int, levels: int, full_share: float
) -> NDArray[np.int32]:
    """Draw how many levels each sample uses: all with chance `full_share`, else 1..levels evenly."""
    drawn = rng.integers(1, levels + 1, batch)
    return np.where(rng.random(batch) < full_share, levels, drawn).astype(np.int32)


def draw_noise(
    rng: np.random.Generator, batch: int, height: int, width: int, *values: int
) -> NDArray[np.float32]:
    """Draw Gaussian noise of unit variance for what is sent of a batch of pictures.

    Args:
        rng: Random numbers.
        batch: Pictures, B.
        height: Of a picture, in pixels.
        width: Of a picture, in pixels.
        values: Shape of what is sent for a latent, such as (levels, heads).

    Returns:
        float32 [B, ceil(height / 8), ceil(width / 8), *values].
    """
    rows, columns = -(-height // LATENT_STRIDE), -(-width // LATENT_STRIDE)
    return rng.standard_normal((batch, rows, columns, *values), dtype=np.float32)

"""Run encoder and decoder over NumPy batches of any size: a few pictures at a time, tall ones in stripes."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.autoencoder import FACTOR, Decoder, Encoder
from moclink.codec.runner import Budget, Runner

DEFAULT_BUDGET = Budget()
UNCUT = 2**31  # a stripe higher than any picture


def _check_images(images: NDArray[np.floating]) -> NDArray[np.float32]:
    """Images as float32 [B, H, W, 3], or ValueError."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 3 or not images.size:
        raise ValueError(f"images have shape {images.shape}; they must be [B, H, W, 3]")
    if images.dtype.kind != "f" or not (images.min() >= 0 and images.max() <= 1):
        raise ValueError(
            f"images are {images.dtype} in {images.min()}..{images.max()}; give floats in [0, 1]"
        )
    return images.astype(np.float32, copy=False)


def encode_images(runner: Runner, encoder: Encoder, budget: Budget, images: NDArray[np.floating]) -> NDArray:
    """Run E, and what follows it in `runner`, over a batch of any size.

    Args:
        runner: Images to what is wanted of them, one row for each cell.
        encoder: E, for how far it reaches.
        budget: How much is worked on at a time.
        images: float [B, H, W, 3] in [0, 1].

    Raises:
        ValueError: If the images have another shape or range.
    """
    images = _check_images(images)
    rows, columns = (-(-side // FACTOR) for side in images.shape[1:3])
    stripe = UNCUT if encoder.normalization == "group" else budget.stripe(columns)
    cut: dict[str, Any] = {
        "rows": stripe,
        "halo": encoder.receptive_cells(),
        "unit": FACTOR,
        "scale": 1 / FACTOR,
    }
    groups = budget.groups(len(images), rows, columns)
    return np.concatenate([runner.run_in_stripes(images[group], **cut) for group in groups])


def paint(
    runner: Runner, decoder: Decoder, budget: Budget, z: NDArray[np.float32], *others: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Run G over one group of latents.

    Args:
        runner: Latents, and `others` given whole to each call, to images.
        decoder: G, for how far it reaches.
        budget: How much is worked on at a time.
        z: float32 [B, h, w, n_q].
        others: Further inputs of `runner`, each with the batch first.

    Returns:
        float32 [B, 8h, 8w, 3].
    """
    stripe = UNCUT if decoder.normalization == "group" else budget.stripe(z.shape[2])
    return runner.run_in_stripes(z, others, rows=stripe, halo=decoder.receptive_cells(), scale=FACTOR)


def to_pixels(images: Any) -> Any:
    """Pixels in [0, 1], float32."""
    return ops.clip(ops.cast(images, "float32"), 0.0, 1.0)

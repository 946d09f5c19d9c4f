"""How a lost image is scored: as grey, as its mean colour, or not at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moclink.constants import GREY, OUTAGES


def lost_picture(outage: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is shown in the place of pictures that are lost.

    Args:
        outage: One of `moclink.constants.OUTAGES`. "mean": the mean colour of each original, rounded
            to 8 bits a colour, as if it were known to the receiver; else mid-grey.
        images: The originals, float32 [B, H, W, 3] in [0, 1].

    Returns:
        float32 [B, H, W, 3].

    Raises:
        ValueError: If there is no such way.
    """
    if outage not in OUTAGES:
        raise ValueError(f"outage {outage!r}: there are {', '.join(OUTAGES)}")
    if outage != "mean":
        return np.full_like(images, GREY)
    colours = np.rint(images.mean(axis=(1, 2), keepdims=True, dtype=np.float64) * 255) / 255
    return np.broadcast_to(colours, images.shape).astype(np.float32)

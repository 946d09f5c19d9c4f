"""BPG as a file codec of the simulator: qp is its quality, 51 the coarsest and 0 the finest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink import bpg


@dataclass(frozen=True)
class BpgCodec:
    """BPG with one chroma format.

    Attributes:
        name: Name in results.
        chroma: "420" (bpgenc's default) or "444".
        qualities: qp, from the coarsest to the finest.
    """

    name: str = "bpg"
    chroma: str = "420"
    qualities: Sequence[int] = range(bpg.MAX_QP, -1, -1)

    def encode_file(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """uint8 [H, W, 3] -> file."""
        return bpg.encode(image, qp=quality, chroma=self.chroma)

    def decode_file(self, data: bytes, max_pixels: int) -> NDArray[np.uint8]:
        """File -> uint8 [H, W, 3]; a damaged one as the reference decoder's engine shows it.

        Raises:
            ValueError: If the file gives no picture, or one of more than `max_pixels`.
        """
        return bpg.decode(data, max_pixels=max_pixels)


BPG = BpgCodec()

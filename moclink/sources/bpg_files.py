"""BPG as a file codec of the simulator: qp is its quality, 51 the coarsest and 0 the finest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink import bpg
from moclink.sources.inputs import checked_pixels
from moclink.sources.limits import FileCodecError, side_problem

# Whole qp alone would leave 5 to 8 % of a budget unused. At qp 3 and below libx265 codes all alike.
QUARTERS = tuple(n // 4 if n % 4 == 0 else n / 4 for n in range(4 * bpg.MAX_QP, 12, -1))


@dataclass(frozen=True)
class BpgCodec:
    """BPG with one chroma format.

    Attributes:
        name: Name in results.
        chroma: "420" (bpgenc's default) or "444".
        qualities: qp, from the coarsest to the finest, in quarters.
    """

    name: str = "bpg"
    chroma: str = "420"
    qualities: Sequence[float] = (*QUARTERS, 3, 2, 1, 0)

    def limit_problem(self, height: int, width: int) -> str | None:
        """Why a picture of this size cannot be coded, or None."""
        return side_problem(self.name, height, width, bpg.MAX_SIDE)

    def check_available(self) -> None:
        """Raise ValueError if PyAV, which holds the HEVC codecs, cannot be loaded."""
        try:
            bpg.check_available()
        except ImportError as error:
            raise ValueError(
                f"PyAV cannot be loaded ({error}); pip install --force-reinstall av"
            ) from error

    def encode_file(self, image: NDArray[np.uint8], quality: float) -> bytes:
        """uint8 [H, W, 3] -> file.

        Raises:
            FileCodecError: If the picture is too large, or libx265 fails.
        """
        image = checked_pixels(image)
        height, width = image.shape[:2]
        if problem := self.limit_problem(height, width):
            raise FileCodecError(problem)
        try:
            return bpg.encode(image, qp=quality, chroma=self.chroma)
        except bpg.BpgError as error:
            raise FileCodecError(
                f"{self.name} cannot code {width} x {height} pixels: {error}"
            ) from error

    def decode_file(self, data: bytes, max_pixels: int) -> NDArray[np.uint8]:
        """File -> uint8 [H, W, 3]; a damaged or truncated one as FFmpeg's decoder shows it.

        A header that `encode_file` never writes (other bit depths, alpha, an animation) is damage
        that the receiver sees, and gives no picture.

        Raises:
            ValueError: If the file gives no picture, or one of more than `max_pixels`.
        """
        info = bpg.read_info(data)
        if info.bit_depth != 8 or info.chroma not in bpg.ENCODED_CHROMA:
            raise bpg.CorruptBpgError(
                f"{info.bit_depth} bits, chroma {info.chroma}: not what was sent"
            )
        if info.alpha or info.cmyk or info.animation:
            raise bpg.CorruptBpgError("alpha, CMYK or an animation: not what was sent")
        return bpg.decode(data, max_pixels=max_pixels)


BPG = BpgCodec()
BPG444 = BpgCodec("bpg444", "444")

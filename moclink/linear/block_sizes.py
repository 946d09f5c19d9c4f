"""Blocks of several sizes: large ones for few symbols and smooth pictures, small ones for many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.linear import allocation
from moclink.linear.classes import ClassModel
from moclink.linear.classified_blocks import ClassifiedBlocks
from moclink.linear.side_information import DESIGN_SNR_DB, header_symbols
from moclink.linear.source_models import Description
from moclink.snr import from_decibels

_CHOICE_BITS = 2


@dataclass(frozen=True)
class BlocksOfSeveralSizes:
    """The best of several `ClassifiedBlocks` for each picture, SNR and bandwidth.

    The sender describes the picture with each and takes the one of least error (of a linear code,
    expected over noise, header counted); two bits say which.

    Attributes:
        models: At most four models.
    """

    models: tuple[ClassifiedBlocks, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.models) <= 2**_CHOICE_BITS:
            raise ValueError(f"{len(self.models)} models; give 1 to {2**_CHOICE_BITS}")

    @classmethod
    def load(cls) -> BlocksOfSeveralSizes:
        """The models that ship with the package: blocks of 16, 32 and 64."""
        return cls(
            tuple(
                ClassifiedBlocks(ClassModel.load(f"linear-classes-{size}")) for size in (16, 32, 64)
            )
        )

    def describe(self, image: NDArray[np.float32], uses: int, snr_db: float | None) -> Description:
        """See `SourceModel`."""
        snr = from_decibels(DESIGN_SNR_DB if snr_db is None else snr_db)
        best: tuple[float, int, Description] | None = None
        for choice, model in enumerate(self.models):
            found = model.describe(image, uses, snr_db)
            left = uses - 2 * header_symbols(len(found.bits), snr_db)
            error = allocation.linear_distortion(
                found.variance_levels, max(left, 1), snr, found.coefficients
            )
            if best is None or error < best[0]:
                best = error, choice, found
        assert best is not None
        bits = np.concatenate([np.array([best[1] >> 1, best[1] & 1], dtype=np.uint8), best[2].bits])
        return Description(best[2].coefficients, best[2].variance_levels, bits)

    def describe_with_defaults(self, image: NDArray[np.float32]) -> Description:
        """See `SourceModel`."""
        return self.models[0].describe_with_defaults(image)

    def select(self, bits: NDArray[np.uint8]) -> tuple[ClassifiedBlocks, NDArray[np.uint8]]:
        """See `SourceModel`."""
        if len(bits) == 0:
            return self.models[0], bits
        choice = 2 * int(bits[0]) + int(bits[1])
        if choice >= len(self.models):
            raise ValueError(
                f"the header names model {choice} of {len(self.models)}; use the sender's models"
            )
        return self.models[choice], bits[_CHOICE_BITS:]

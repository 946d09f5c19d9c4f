"""Source models: pictures as coefficients of known variances.

A model turns a picture into a flat vector of orthonormal coefficients, the integer variance levels
of them (see `allocation`) and the bits from which a receiver finds the same levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Description:
    """A picture as a vector of coefficients.

    Attributes:
        coefficients: float32 [n].
        variance_levels: int16 [n], in half decibels.
        bits: uint8 [m] of 0 and 1, from which `variance_levels` follow.
    """

    coefficients: NDArray[np.float32]
    variance_levels: NDArray[np.int16]
    bits: NDArray[np.uint8]


class Layout(Protocol):
    """What coefficients mean: the receiver's half of a source model."""

    def variance_levels(
        self, bits: NDArray[np.uint8], height: int, width: int
    ) -> NDArray[np.int16]:
        """The levels that belong to a description's bits."""

    def picture(
        self, coefficients: NDArray[np.float32], height: int, width: int
    ) -> NDArray[np.float32]:
        """The picture float32 [H, W, 3] in [0, 1] of estimated coefficients."""

    def error_map(
        self, errors: NDArray[np.float32], height: int, width: int
    ) -> NDArray[np.float32]:
        """Expected squared errors of coefficients as a map (see `moclink.linear.codec.Estimate`)."""


class SourceModel(Protocol):
    """Makes descriptions of pictures."""

    def describe(self, image: NDArray[np.float32], uses: int, snr_db: float | None) -> Description:
        """Describe a picture [H, W, 3] for a channel of so many real uses at an SNR (None: not told)."""

    def describe_with_defaults(self, image: NDArray[np.float32]) -> Description:
        """Describe a picture by the levels of an average picture, without any bits."""

    def select(self, bits: NDArray[np.uint8]) -> tuple[Layout, NDArray[np.uint8]]:
        """The layout that a description's bits name, and those of the bits that are for it."""


MAP_BLOCK = 32
_MAP_EDGES = (1 / 16, 1 / 6, 1 / 2.5)  # of the larger of a coefficient's two normalised frequencies


def map_groups(height: int, width: int) -> NDArray[np.int64]:
    """Group 0..3 of each coefficient of a DCT, int64 [height, width]."""
    larger = np.maximum((np.arange(height) / height)[:, None], (np.arange(width) / width)[None, :])
    return np.digitize(larger, _MAP_EDGES)

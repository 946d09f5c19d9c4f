"""Trained statistics of quantised coefficients, and the coder that uses them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moclink.linear.coefficient_coder import (
    DECISION_BITS,
    MOST_BYTES,
    decode_coefficients,
    encode_coefficients,
    raw_bits,
    sigma_index,
    sigmas_in_steps,
    step_size,
    thresholds,
)
from moclink.linear.range_coder import MODEL_BITS
from moclink.linear.stored_arrays import find_arrays


@dataclass(frozen=True)
class CoefficientStatistics:
    """Trained on pictures, for one size of blocks; the first axis is luma, chroma.

    Attributes:
        weights: int64 [2, FEATURES + 1], of the prediction; the last one is its constant.
        probabilities: float32 [2, BINS, DECISIONS], of 0 in the decisions at the start.
        offsets: float32 [2, BINS, 3], mean of magnitude less quantised magnitude, for 0, 1 and
            above, in steps; 0 where the sign is not known.
        errors: float32 [2, BINS, 3], mean squared error about that, in squared steps.
    """

    weights: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    offsets: NDArray[np.float32]
    errors: NDArray[np.float32]

    @classmethod
    def load(cls, block: int, name: str | Path = "linear-coefficients") -> CoefficientStatistics:
        """Read those of a block size from a file that ships with the package, or any other.

        Raises:
            ValueError: If there are none; the message names the remedy.
        """
        path = find_arrays(name, "python -m moclink.train link-coefficients")
        with np.load(path, allow_pickle=False) as data:
            return cls(
                data[f"{block}_weights"].astype(np.int64),
                data[f"{block}_probabilities"].astype(np.float32),
                data[f"{block}_offsets"].astype(np.float32),
                data[f"{block}_errors"].astype(np.float32),
            )

    def arrays(self, block: int) -> dict[str, NDArray]:
        """What `load` reads, by key."""
        return {
            f"{block}_weights": self.weights.astype(np.int32),
            f"{block}_probabilities": self.probabilities.astype(np.float32),
            f"{block}_offsets": self.offsets.astype(np.float16),
            f"{block}_errors": self.errors.astype(np.float16),
        }

    @cached_property
    def models(self) -> NDArray[np.int32]:
        """Estimates to begin with, int32 [2, BINS, DECISIONS, 2]."""
        start = np.round(self.probabilities.astype(np.float64) * 2**MODEL_BITS).astype(np.int32)
        return np.repeat(start[..., None], 2, axis=-1)

    def encode(
        self, coefficients: NDArray[np.float32], levels: NDArray[np.int16], step: int, price: float
    ) -> tuple[bytes, NDArray[np.int32]]:
        """Quantise and code.

        Args:
            coefficients: [3, rows, columns, block, block].
            levels: Variance levels of the same shape (see `allocation`).
            step: Of the quantiser: 10 log10 of its square, in eighths of a decibel.
            price: Squared error, in squared steps, that a bit must save.

        Returns:
            The bytes, and the quantised coefficients with their signs.
        """
        scaled = coefficients.astype(np.float64) / step_size(step)
        length, size = -1, scaled.size + MOST_BYTES * 3 * scaled.shape[-1] ** 2 + 1024
        while length < 0:  # most files are far shorter than a byte per coefficient
            data = np.zeros(size, np.uint8)
            length, quantised = encode_coefficients(
                scaled, sigma_index(levels, step), sigmas_in_steps(), price, self.weights,
                self.models.copy(), thresholds(), raw_bits(), DECISION_BITS, data,
            )  # fmt: skip
            size *= 2
        return data[:length].tobytes(), quantised

    def decode(
        self, data: bytes, levels: NDArray[np.int16], step: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Decode, and estimate what was lost.

        Returns:
            Coefficients and their expected squared errors, of the shape of `levels`.
        """
        quantised, bins = decode_coefficients(
            np.frombuffer(data, np.uint8), sigma_index(levels, step), sigmas_in_steps(), self.weights,
            self.models.copy(), thresholds(), raw_bits(),
        )  # fmt: skip
        return self.estimate(quantised, bins, step)

    def estimate(
        self, quantised: NDArray[np.int32], bins: NDArray[np.uint8], step: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Coefficients and expected squared errors of quantised ones in their bins."""
        size = step_size(step)
        kind = np.minimum(np.abs(quantised), 2)
        chroma = (np.arange(3) > 0).astype(np.int64).reshape(3, *[1] * (quantised.ndim - 1))
        moved = quantised + np.sign(quantised) * self.offsets[chroma, bins, kind]
        return (
            (moved * size).astype(np.float32),
            (self.errors[chroma, bins, kind] * size**2).astype(np.float32),
        )

"""A coefficient as one analog amplitude, with the interface of a codebook."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.linear.codebook_design import source
from moclink.linear.codebooks import QUADRATURE, CodebookGrid, SnrRange
from moclink.linear.estimators import laplacian_mean
from moclink.snr import noise_variance


@dataclass(frozen=True)
class AnalogCode:
    """One coefficient of unit variance, sent as it is and estimated as a Laplacian.

    Attributes:
        levels: Axis uses.
        size: Coefficients.
    """

    levels: int = 1
    size: int = 1

    def send(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Amplitudes [m, 1] of mean energy 1/2 of coefficients [m, 1]."""
        return np.asarray(vectors, dtype=np.float64) * np.sqrt(0.5)

    def receive(
        self, axes: NDArray[np.float64], variance: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Posterior means [m, 1] of coefficients from received amplitudes [m, 1]."""
        return laplacian_mean(axes * np.sqrt(2), 2 * variance)


def analog_distortion(snr_db: float) -> float:
    """Expected squared error of a Laplacian coefficient of unit variance at unit power."""
    vectors = source("laplacian", 1)
    variance = noise_variance(snr_db)
    observed = vectors.points + np.sqrt(variance) * QUADRATURE[0]
    error = (laplacian_mean(observed, np.full(observed.shape, variance)) - vectors.points) ** 2
    return float(vectors.weights @ (error @ QUADRATURE[1]))


def with_analog(grid: CodebookGrid, highest_db: float = 70.0) -> CodebookGrid:
    """The grid and, as its last shape, analog amplitudes: for links whose symbols need not be digital.

    Args:
        grid: Codebooks on evenly spaced SNRs.
        highest_db: SNR to which the grid extends; codebooks do not change there, analog amplitudes
            do.
    """
    step = float(grid.snr_db[1] - grid.snr_db[0])
    beyond = np.arange(grid.snr_db[-1] + step, highest_db + step / 2, step)
    snr_db = np.concatenate([grid.snr_db, beyond])
    books = tuple((*row, *[row[-1]] * len(beyond)) for row in grid.books)
    distortions = np.pad(grid.distortions, ((0, 0), (0, len(beyond))), mode="edge")
    books = (*books, (AnalogCode(),) * len(snr_db))
    if grid.over is None:
        analog = np.array([analog_distortion(float(one)) for one in snr_db])
        return CodebookGrid(snr_db, books, np.vstack([distortions, analog]))
    offsets, weights = grid.over.offsets_db, grid.over.weights
    errors = np.pad(grid.over.errors, ((0, 0), (0, len(beyond)), (0, 0)), mode="edge")
    met = np.array([[analog_distortion(one + offset) for offset in offsets] for one in snr_db])
    over = SnrRange(offsets, weights, np.concatenate([errors, met[None]]))
    return CodebookGrid(snr_db, books, np.vstack([distortions, met @ weights]), over)

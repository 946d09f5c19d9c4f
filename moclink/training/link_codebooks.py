"""Design the octonary codebooks of `moclink.linear`: python -m moclink.train link-codebooks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moclink.linear.codebook_design import design, distortion, source
from moclink.linear.codebooks import Codebook, CodebookGrid
from moclink.linear.robust_codebooks import grid_for_range
from moclink.linear.side_information import DESIGN_SNR_DB
from moclink.snr import noise_variance

_VECTOR_SNR_DB = (
    0.0,
    25.0,
)  # outside, codebooks of several coefficients are of no use or do not change
SHAPES = ((1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (4, 1), (3, 2))


def _complete(
    row: list[Codebook],
    errors: list[float],
    useful: NDArray[np.float64],
    snrs: NDArray[np.float64],
    kind: str,
) -> None:
    """Fill a row to all SNRs: below, codebooks whose distortion says never to use them; above, the last."""
    below, above = snrs[snrs < useful[0]], snrs[snrs > useful[-1]]
    row[:0] = [replace(row[0], variance=0.5 * noise_variance(snr_db)) for snr_db in below]
    errors[:0] = [1.0] * len(below)
    for snr_db in above:
        row.append(replace(row[-1], variance=0.5 * noise_variance(snr_db)))
        errors.append(min(errors[-1], distortion(row[-1], source(kind, row[-1].size))[0]))


def make_codebooks(
    out: str | Path,
    snrs: NDArray[np.float64],
    kind: str,
    rounds: int,
    scalar_rounds: int,
    only: int | None = None,
) -> None:
    """Design codebooks of all shapes and write them; about a quarter of an hour on one core.

    Args:
        out: Path of the .npz; rewritten after each shape.
        snrs: Es/N0 of the grid in dB, ascending.
        kind: Of the source, "laplacian" or "gaussian".
        rounds: Of the design of codebooks of several coefficients.
        scalar_rounds: Of those of one coefficient.
        only: This shape alone, a position in SHAPES; None for all.

    Raises:
        ValueError: If there is no such shape, or the grid is empty.
    """
    if only is not None and not 0 <= only < len(SHAPES):
        raise ValueError(f"--only is {only}; it must be 0 to {len(SHAPES) - 1}")
    if not len(snrs):
        raise ValueError("--snr gives no SNR; the first must not be above the last")
    rows: list[tuple[Codebook, ...]] = []
    errors: list[list[float]] = []
    for size, levels in SHAPES if only is None else SHAPES[only:][:1]:
        row: list[Codebook] = []
        errors.append([])
        useful = (
            snrs if size == 1 else snrs[(snrs >= _VECTOR_SNR_DB[0]) & (snrs <= _VECTOR_SNR_DB[1])]
        )
        if not len(useful):
            raise ValueError(
                f"--snr has no value from {_VECTOR_SNR_DB[0]:g} to {_VECTOR_SNR_DB[1]:g} dB, which "
                "codebooks of several coefficients need"
            )
        for snr_db in useful:
            near = row[-1] if row else None
            book, error = design(
                size, levels, float(snr_db), kind, scalar_rounds if size == 1 else rounds, near
            )
            row.append(book)
            errors[-1].append(error)
            print(f"{size} coefficients, {levels} uses, {snr_db:5.1f} dB: {error:.5f}", flush=True)
        _complete(row, errors[-1], useful, snrs, kind)
        rows.append(tuple(row))
        CodebookGrid(snrs, tuple(rows), np.array(errors)).save(out)


def write_robust_grid(grid: str | Path, out: str | Path, kind: str) -> None:
    """Write the best codebooks of a grid for a sender that is not told the SNR.

    Args:
        grid: Name or path of the grid.
        out: Path of the .npz.
        kind: Of the source, "laplacian" or "gaussian".
    """
    grid_for_range(CodebookGrid.load(grid), DESIGN_SNR_DB, kind).save(out)

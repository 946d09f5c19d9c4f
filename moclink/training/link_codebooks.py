"""Design the octonary codebooks of `moclink.linear`: python -m moclink.training.link_codebooks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from moclink.linear.codebook_design import design, distortion, source
from moclink.linear.codebooks import Codebook, CodebookGrid

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
    row[:0] = [replace(row[0], variance=0.5 * 10 ** (-snr_db / 10)) for snr_db in below]
    errors[:0] = [1.0] * len(below)
    for snr_db in above:
        row.append(replace(row[-1], variance=0.5 * 10 ** (-snr_db / 10)))
        errors.append(min(errors[-1], distortion(row[-1], source(kind, row[-1].size))[0]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the module; about a quarter of an hour on one core."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, help="path of the .npz to write")
    parser.add_argument("--only", type=int, help="design this shape alone (its position in SHAPES)")
    parser.add_argument(
        "--snr", nargs=3, type=float, default=(-12.5, 40.0, 2.5), metavar=("FIRST", "LAST", "STEP")
    )
    parser.add_argument("--source", choices=("laplacian", "gaussian"), default="laplacian")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--scalar-rounds", type=int, default=60, help="for one coefficient")
    options = parser.parse_args(arguments)
    lowest, highest, step = options.snr
    snrs = np.arange(lowest, highest + step / 2, step)
    rows: list[tuple[Codebook, ...]] = []
    errors: list[list[float]] = []
    for size, levels in SHAPES if options.only is None else SHAPES[options.only :][:1]:
        row: list[Codebook] = []
        errors.append([])
        useful = (
            snrs if size == 1 else snrs[(snrs >= _VECTOR_SNR_DB[0]) & (snrs <= _VECTOR_SNR_DB[1])]
        )
        rounds = options.scalar_rounds if size == 1 else options.rounds
        for snr_db in useful:
            near = row[-1] if row else None
            book, error = design(size, levels, float(snr_db), options.source, rounds, near)
            row.append(book)
            errors[-1].append(error)
            print(f"{size} coefficients, {levels} uses, {snr_db:5.1f} dB: {error:.5f}", flush=True)
        _complete(row, errors[-1], useful, snrs, options.source)
        rows.append(tuple(row))
        CodebookGrid(snrs, tuple(rows), np.array(errors)).save(options.out)


if __name__ == "__main__":
    main()

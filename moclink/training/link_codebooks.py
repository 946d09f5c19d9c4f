"""Design the octonary codebooks of `moclink.linear`: python -m moclink.training.link_codebooks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from moclink.linear.codebook_design import design
from moclink.linear.codebooks import Codebook, CodebookGrid

_VECTOR_SNR_DB = (0.0, 25.0)  # outside, codebooks of several coefficients are of no use or do not change
SHAPES = ((1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (4, 1), (3, 2), (1, 4), (2, 2), (2, 3))


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
        for snr_db in snrs:
            near = row[-1] if row else None
            useful = _VECTOR_SNR_DB[0] <= snr_db <= _VECTOR_SNR_DB[1]
            rounds = options.scalar_rounds if size == 1 else options.rounds if useful else 2
            book, error = design(size, levels, float(snr_db), options.source, rounds, near)
            row.append(book)
            errors[-1].append(error)
            print(f"{size} coefficients, {levels} uses, {snr_db:5.1f} dB: {error:.5f}", flush=True)
        rows.append(tuple(row))
        CodebookGrid(snrs, tuple(rows), np.array(errors)).save(options.out)


if __name__ == "__main__":
    main()

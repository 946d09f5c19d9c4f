"""CSV files of a run: every cell, means over pictures, and how rates were fitted."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moclink.atomic_files import atomic_write
from moclink.results.averages import average_values, by_chain, number_images
from moclink.results.error_rates import chain_averages
from moclink.results.metrics import METRICS_BY_COLUMN
from moclink.results.names import printable
from moclink.results.selection import read_rows_of_runs
from moclink.results.store import (
    COLUMNS,
    FIT_COLUMNS,
    RunFolderError,
    read_cells,
    read_parameters,
    read_rate_fits,
)
from moclink.types import Row

CSV_COLUMNS = [name for name in COLUMNS if name != "iterations"]
SUMMARY_COLUMNS = ["chain", "metric", "snr_db", "mean", "ci95_half_width", "images"]
AVERAGED = [name for name in COLUMNS if name in METRICS_BY_COLUMN and name in CSV_COLUMNS]


def export(folder: str | Path, out: str | Path | None = None) -> list[Path]:
    """Write results.csv, summary.csv and rate_fits.csv, in the same order whatever the order of work.

    Args:
        folder: A run folder: finished, unfinished, in progress, of an older version, or read-only.
        out: Folder for the files, made if it is missing; None for the run folder.

    Returns:
        The files written.

    Raises:
        RunFolderError: If the folder holds no results, or the files cannot be written.
    """
    fits = read_rate_fits(folder)  # a folder without results is refused before anything is made
    channel = str(read_parameters(folder).get("channel", ""))
    place, summary = Path(out or folder), Summary(channel)
    left_out = COLUMNS.index("iterations")
    values = (
        cell[:left_out] + cell[left_out + 1 :]
        for cells in summary.watch(read_cells(folder))
        for cell in cells
    )
    try:
        place.mkdir(parents=True, exist_ok=True)
        return [
            write_csv(place / "results.csv", CSV_COLUMNS, values),
            write_csv(place / "summary.csv", SUMMARY_COLUMNS, summary.rows),
            write_csv(place / "rate_fits.csv", FIT_COLUMNS, fits),
        ]
    except OSError as error:
        name = error.filename2 or error.filename or place
        raise RunFolderError(
            f"cannot write to {printable(str(name))} ({error.strerror or error}); finished cells are "
            "kept: remedy that, or choose another --out of python -m moclink.results "
            f"{shlex.quote(str(folder))}"
        ) from error


def export_together(folders: Sequence[str | Path], out: str | Path) -> list[Path]:
    """Write the files of `export` for several runs, read together as `selection.read_rows_of_runs` does.

    Args:
        folders: Run folders.
        out: Folder for the files, made if it is missing.

    Returns:
        The files written.

    Raises:
        RunFolderError: If the runs may not stand together, or the files cannot be written.
    """
    channel = str(read_parameters(folders[0]).get("channel", ""))
    rows = [row for own in by_chain(read_rows_of_runs(folders)).values() for row in own]
    fits = {tuple(fit[:3]): fit for folder in reversed(folders) for fit in read_rate_fits(folder)}
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
        cells = ([getattr(row, name) for name in CSV_COLUMNS] for row in rows)
        return [
            write_csv(Path(out) / "results.csv", CSV_COLUMNS, cells),
            write_csv(Path(out) / "summary.csv", SUMMARY_COLUMNS, summary_rows(rows, channel)),
            write_csv(Path(out) / "rate_fits.csv", FIT_COLUMNS, sorted(fits.values(), key=str)),
        ]
    except OSError as error:
        raise RunFolderError(
            f"cannot write to {printable(str(out))} ({error.strerror or error}); choose another --out"
        ) from error


class Summary:
    """Means over pictures of cells that pass by chain by chain; holds one chain's values at a time.

    Args:
        channel: The channel's name, on which the intervals of error rates of random bits depend.

    Attributes:
        rows: Values of `SUMMARY_COLUMNS`, of all that was measured, of the chains that have passed.
            The last but one is half of the 95 % interval, None where it is not known; the last is
            the number of images, 1 of random bits.
    """

    def __init__(self, channel: str = "awgn") -> None:
        self.rows: list[tuple] = []
        self._channel = channel

    def watch(self, lists: Iterable[list[tuple]]) -> Iterator[list[tuple]]:
        """Hand on lists of cells of one chain, values of `COLUMNS`, and sum them up."""
        for chain, own in groupby(lists, key=lambda cells: cells[0][0]):
            images: list[str] = []
            parts = []
            bits: list[Row] = []
            for cells in own:
                bits += [Row(*cell) for cell in cells if cell[_HEIGHT] is None]
                columns = list(zip(*cells, strict=True))
                images += columns[1]
                parts.append(np.array([columns[place] for place in _NUMBERS], np.float64))
                yield cells
            self._add(chain, number_images(images), np.concatenate(parts, axis=1), bits)

    def _add(
        self,
        chain: str,
        images: NDArray[np.intp],
        values: NDArray[np.float64],
        bits: Sequence[Row],
    ) -> None:
        for metric, column in zip(AVERAGED, values[1:], strict=True):
            if bits and metric in ("ber", "bler"):
                points = chain_averages(bits, metric, channel=self._channel)
            else:
                points = average_values(values[0], images, column, metric)
            for point in points:
                half = point.half_width if point.interval else None
                mean = chain, metric, point.snr_db, point.mean, half, point.images
                self.rows.append(mean)


_HEIGHT = COLUMNS.index("height")
_NUMBERS = [COLUMNS.index(name) for name in ("snr_db", *AVERAGED)]


def summary_rows(rows: Sequence[Row], channel: str = "awgn") -> Iterable[tuple]:
    """The rows of a `Summary` of results."""
    summary = Summary(channel)
    for own in by_chain(rows).values():
        for _ in summary.watch([list(map(attrgetter(*COLUMNS), own))]):
            pass
    return summary.rows


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence]) -> Path:
    """Write a CSV file whole: a reader sees the old one or the new one."""
    with atomic_write(path) as part:
        with open(part, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            for row in rows:
                writer.writerow([format(v, ".9g") if isinstance(v, float) else v for v in row])
    return path

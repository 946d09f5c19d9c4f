"""CSV files of a run: every cell, means over pictures, and how rates were fitted."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from moclink.results.averages import average, by_chain
from moclink.results.metrics import METRICS
from moclink.results.names import printable
from moclink.results.store import COLUMNS, FIT_COLUMNS, RunFolderError, read_rate_fits, read_rows
from moclink.types import Row
from moclink.whole_files import whole_file

CSV_COLUMNS = [name for name in COLUMNS if name != "iterations"]
AVERAGED = [name for name in COLUMNS if name in METRICS and name in CSV_COLUMNS]


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
    rows, place = read_rows(folder), Path(out or folder)
    values = ([getattr(row, name) for name in CSV_COLUMNS] for row in rows)
    header = ["chain", "metric", "snr_db", "mean", "ci95_half_width", "images"]
    try:
        place.mkdir(parents=True, exist_ok=True)
        return [
            write_csv(place / "results.csv", CSV_COLUMNS, values),
            write_csv(place / "summary.csv", header, summary_rows(rows)),
            write_csv(place / "rate_fits.csv", FIT_COLUMNS, read_rate_fits(folder)),
        ]
    except OSError as error:
        reason = error.strerror or error
        raise RunFolderError(
            f"cannot write to {printable(str(place))} ({reason}); choose another --out"
        ) from error


def summary_rows(rows: Sequence[Row]) -> Iterable[tuple]:
    """(chain, metric, SNR, mean, half of the 95 % interval, number of images) of all that was measured."""
    for chain, own in by_chain(rows).items():
        for metric in AVERAGED:
            for point in average(own, metric):
                half = point.half_width if point.images > 1 else None
                yield chain, metric, point.snr_db, point.mean, half, point.images


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence]) -> Path:
    """Write a CSV file whole: a reader sees the old one or the new one."""
    with whole_file(path) as part:
        with open(part, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            for row in rows:
                writer.writerow([format(v, ".9g") if isinstance(v, float) else v for v in row])
    return path

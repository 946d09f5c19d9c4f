"""The result store: one SQLite file a run, committed cell by cell, and what is read from it.

A *cell* is one chain, image, SNR and trial. A run folder belongs to one process at a time and
resumes only under the parameters that it was begun with.
"""

from __future__ import annotations

import csv
import json
import math
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moclink.chain import RateFit

PSNR_CEILING_DB = 100.0  # an identical image (PSNR infinite) counts as this in averages


class RunFolderError(ValueError):
    """A run folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Row:
    """One cell's result; None where something was not measured or has no meaning.

    Attributes:
        chain: Name of the chain.
        image: Name of the picture.
        height: Image height in pixels.
        width: Image width in pixels.
        snr_db: Es/N0 in dB.
        trial: Number of the noise realisation, from 0.
        psnr_db: PSNR in dB.
        ssim: SSIM.
        lpips: LPIPS.
        st_lpips: ST-LPIPS.
        ber: Bit error rate over the source's bits.
        ier: Index error rate.
        bler: Block error rate.
        outage: 1 if nothing could be decoded, else 0.
        bits: Source bits sent.
        symbols: Complex symbols sent, padding included.
        cbr: Channel bandwidth ratio, symbols / (height * width * 3).
        iterations: Mean iterations of the LDPC decoder a codeword.
    """

    chain: str
    image: str
    height: int | None
    width: int | None
    snr_db: float
    trial: int
    psnr_db: float | None = None
    ssim: float | None = None
    lpips: float | None = None
    st_lpips: float | None = None
    ber: float | None = None
    ier: float | None = None
    bler: float | None = None
    outage: int | None = None
    bits: int | None = None
    symbols: int | None = None
    cbr: float | None = None
    iterations: float | None = None


COLUMNS = [field.name for field in fields(Row)]
CSV_COLUMNS = COLUMNS[: COLUMNS.index("cbr") + 1]  # what stands in results.csv
Cell = tuple[str, str, float, int]  # chain, image, snr_db, trial


@dataclass(frozen=True)
class Shown:
    """A received picture, kept for the gallery.

    Attributes:
        chain: Name of the chain, or "original".
        image: Name of the picture.
        snr_db: Es/N0 in dB; 0 for the original.
        png: The picture as a PNG file.
    """

    chain: str
    image: str
    snr_db: float
    png: bytes


class ResultStore:
    """Results of one run, in DIR/results.sqlite.

    Args:
        folder: The run folder, made if it is missing.
        parameters: What must agree for a run to be resumed; any JSON value by name.

    Raises:
        RunFolderError: If the folder cannot be written, is in use by another process, or holds a
            run with other parameters.
    """

    def __init__(self, folder: str | Path, parameters: dict) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = sqlite3.connect(self.folder / ".lock.sqlite", timeout=0.2, isolation_level=None)
            self._lock.execute("BEGIN EXCLUSIVE")
            self._base = sqlite3.connect(self.folder / "results.sqlite", timeout=30)
            self._base.executescript(_SCHEMA)
            known = [column for _, column, *_ in self._base.execute("PRAGMA table_info(cells)")]
            if "iterations" not in known:  # a folder of an earlier version
                self._base.execute("ALTER TABLE cells ADD COLUMN iterations REAL")
        except (OSError, sqlite3.Error) as error:
            if "locked" in str(error):
                raise RunFolderError(
                    f"{self.folder} is in use by another process; wait for it or choose another --out"
                ) from error
            raise RunFolderError(f"cannot write to {self.folder} ({error}); choose another --out") from error
        self._agree(parameters)

    def _agree(self, parameters: dict) -> None:
        """Store the parameters of a new run, or hold them against those it was begun with."""
        found = dict(self._base.execute("SELECT name, value FROM parameters"))
        if not found:
            with self._base:
                self._base.executemany(
                    "INSERT INTO parameters VALUES (?, ?)",
                    [(k, json.dumps(v)) for k, v in parameters.items()],
                )
            return
        for name in sorted(set(found) | set(parameters)):
            old, new = found.get(name, _FORMERLY.get(name, "null")), json.dumps(parameters.get(name))
            if old != new:
                self.close()
                raise RunFolderError(
                    f"{self.folder} was begun with {name} = {_short(old)}, not {_short(new)}; "
                    f"give that again to resume, or choose another --out"
                )

    def add(
        self,
        rows: Iterable[Row],
        shown: Iterable[Shown] = (),
        fits: Iterable[tuple[str, str, float | None, RateFit]] = (),
    ) -> None:
        """Store finished cells in one transaction.

        Args:
            rows: The cells' results.
            shown: Pictures for the gallery.
            fits: (chain, image, SNR in dB or None if it is the same at every SNR, how the rate was fitted).
        """
        marks = ",".join("?" * len(COLUMNS))
        with self._base:
            self._base.executemany(f"INSERT OR REPLACE INTO cells VALUES ({marks})", map(astuple, rows))
            self._base.executemany("INSERT OR REPLACE INTO pictures VALUES (?,?,?,?)", map(astuple, shown))
            self._base.executemany(
                "INSERT OR REPLACE INTO rate_fits VALUES (?,?,?,?,?,?,?)",
                [(c, i, "all" if s is None else s, *astuple(fit)) for c, i, s, fit in fits],
            )

    def done(self) -> set[Cell]:
        """Cells that are finished."""
        return set(self._base.execute("SELECT chain, image, snr_db, trial FROM cells"))

    def export(self) -> None:
        """Write results.csv, summary.csv and rate_fits.csv, in the same order whatever the order of work."""
        rows = read_rows(self.folder)
        values = ([getattr(row, name) for name in CSV_COLUMNS] for row in rows)
        _write_csv(self.folder / "results.csv", CSV_COLUMNS, values)
        header = ["chain", "metric", "snr_db", "mean", "ci95_half_width", "images"]
        _write_csv(self.folder / "summary.csv", header, _summary(rows))
        fits = self._base.execute("SELECT * FROM rate_fits ORDER BY chain, image, snr_db").fetchall()
        header = ["chain", "image", "snr_db", "codec", "quality", "file_bits", "budget_bits"]
        _write_csv(self.folder / "rate_fits.csv", header, fits)

    def close(self) -> None:
        """Give the folder back."""
        self._base.close()
        self._lock.close()


# Parameters that earlier versions did not store, and what these versions did.
_FORMERLY = {"reuse_error_patterns": "false"}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS parameters (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cells (
    chain TEXT, image TEXT, height INTEGER, width INTEGER, snr_db REAL, trial INTEGER,
    psnr_db REAL, ssim REAL, lpips REAL, st_lpips REAL, ber REAL, ier REAL, bler REAL,
    outage INTEGER, bits INTEGER, symbols INTEGER, cbr REAL, iterations REAL,
    PRIMARY KEY (chain, image, snr_db, trial));
CREATE TABLE IF NOT EXISTS pictures (
    chain TEXT, image TEXT, snr_db REAL, png BLOB, PRIMARY KEY (chain, image, snr_db));
CREATE TABLE IF NOT EXISTS rate_fits (
    chain TEXT, image TEXT, snr_db REAL, codec TEXT, quality INTEGER, file_bits INTEGER,
    budget_bits INTEGER, PRIMARY KEY (chain, image, snr_db));
"""


def read_rows(folder: str | Path) -> list[Row]:
    """All finished cells of a run, by chain and image in the order of the run, then SNR and trial."""
    with closing(_open(folder)) as base:
        # A folder of an earlier version has no iterations, the last column.
        rows = [Row(*values) for values in base.execute("SELECT * FROM cells")]
        order = dict(base.execute("SELECT name, value FROM parameters"))
    chains = {name: place for place, name in enumerate(json.loads(order.get("chains", "[]")))}
    images = {name: place for place, (name, _) in enumerate(json.loads(order.get("images", "[]")))}
    last = len(chains) + len(images)

    def place(row: Row) -> tuple:
        chain, image = chains.get(row.chain, last), images.get(row.image, last)
        return chain, row.chain, image, row.image, row.snr_db, row.trial

    return sorted(rows, key=place)


def read_shown(folder: str | Path) -> list[Shown]:
    """Pictures kept for the gallery."""
    with closing(_open(folder)) as base:
        return [Shown(*values) for values in base.execute("SELECT * FROM pictures ORDER BY image, snr_db")]


def read_parameters(folder: str | Path) -> dict:
    """Parameters that a run was begun with."""
    with closing(_open(folder)) as base:
        return {k: json.loads(v) for k, v in base.execute("SELECT name, value FROM parameters")}


@dataclass(frozen=True)
class Average:
    """Mean over images with its 95 % confidence interval.

    Attributes:
        snr_db: Es/N0 in dB.
        mean: Mean over images of the mean over trials.
        half_width: Half the interval, Student's t over images; 0 with a single image.
        images: Number of images.
    """

    snr_db: float
    mean: float
    half_width: float
    images: int


def half_width(values: NDArray[np.float64]) -> float:
    """Half the 95 % confidence interval of the mean of values [n], Student's t; 0 of a single value."""
    from scipy.special import stdtrit

    if len(values) < 2:
        return 0.0
    return float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / math.sqrt(len(values)))


def average(rows: Sequence[Row], metric: str) -> list[Average]:
    """Average one metric of one chain at each SNR: over trials first, then over images.

    Args:
        rows: Rows of one chain.
        metric: A column; rows where it is None are left out. An infinite PSNR counts as 100 dB.
    """
    ceiling = PSNR_CEILING_DB if metric == "psnr_db" else math.inf
    cells: dict[float, dict[str, list[float]]] = {}
    for row in rows:
        value = getattr(row, metric)
        if value is not None:
            cells.setdefault(row.snr_db, {}).setdefault(row.image, []).append(min(value, ceiling))
    averages = []
    for snr_db, images in sorted(cells.items()):
        values = np.array([np.mean(trials) for trials in images.values()])
        averages.append(Average(snr_db, float(values.mean()), half_width(values), len(values)))
    return averages


def _summary(rows: Sequence[Row]) -> Iterable[tuple]:
    """(chain, metric, SNR, mean, half of the 95 % interval, number of images) of all that was measured."""
    for chain in dict.fromkeys(row.chain for row in rows):
        own = [row for row in rows if row.chain == chain]
        for metric in ("psnr_db", "ssim", "lpips", "st_lpips", "ber", "ier", "bler", "outage", "bits", "cbr"):
            for point in average(own, metric):
                half = point.half_width if point.images > 1 else None
                yield chain, metric, point.snr_db, point.mean, half, point.images


def _open(folder: str | Path) -> sqlite3.Connection:
    path = Path(folder) / "results.sqlite"
    if not path.is_file():
        raise RunFolderError(f"{folder} holds no results.sqlite; name the folder of a run")
    try:
        base = sqlite3.connect(path.resolve().as_uri() + "?mode=ro", uri=True, timeout=30)
        base.execute("SELECT count(*) FROM cells")
    except sqlite3.Error as error:
        raise RunFolderError(f"{path} cannot be read as results of moclink ({error})") from error
    return base


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a CSV file whole: a reader sees the old one or the new one."""
    part = path.with_suffix(".csv.part")
    with open(part, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow([format(v, ".9g") if isinstance(v, float) else v for v in row])
    os.replace(part, path)


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."

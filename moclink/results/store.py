"""The result store: one SQLite file a run, committed cell by cell, and what is read from it.

A *cell* is one chain, image, SNR and trial. A run folder belongs to one process at a time and
resumes only under the parameters that it was begun with.
"""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import astuple, fields
from pathlib import Path

from moclink.results.averages import average
from moclink.types import Cell, RateFit, Row, Shown


class RunFolderError(ValueError):
    """A run folder cannot be used; the message says why and what to do."""


COLUMNS = [field.name for field in fields(Row)]
CSV_COLUMNS = COLUMNS[: COLUMNS.index("papr_db") + 1]  # what results.csv holds

EXTENDABLE = ("snr", "chains", "images", "trials")
AVERAGED = [name for name in CSV_COLUMNS[CSV_COLUMNS.index("psnr_db") :] if name != "symbols"]


class ResultStore:
    """Results of one run, in DIR/results.sqlite.

    Args:
        folder: The run folder, made if it is missing.
        parameters: What the run is asked for; any JSON value by name. A run that was begun goes on if they
            are the same; those of `EXTENDABLE` may differ: cells are added.
        resume_anyway: Go on with a run of another version of moclink.

    Raises:
        RunFolderError: If the folder cannot be written, is in use by another process, or holds a
            run with other parameters.
    """

    def __init__(self, folder: str | Path, parameters: dict, resume_anyway: bool = False) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = sqlite3.connect(self.folder / ".lock.sqlite", timeout=0.2, isolation_level=None)
            self._lock.execute("BEGIN EXCLUSIVE")
            self._base = sqlite3.connect(self.folder / "results.sqlite", timeout=30)
            self._base.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            if "locked" in str(error):
                raise RunFolderError(
                    f"{self.folder} is in use by another process; wait for it or choose another --out"
                ) from error
            raise RunFolderError(f"cannot write to {self.folder} ({error}); choose another --out") from error
        self._agree(parameters, resume_anyway)

    def _agree(self, parameters: dict, resume_anyway: bool) -> None:
        """Store the parameters of a new run; compare and extend those of a run that was begun."""
        found = {k: json.loads(v) for k, v in self._base.execute("SELECT name, value FROM parameters")}
        for name in sorted(set(found) | set(parameters)) if found else ():
            old, new = found.get(name), parameters.get(name)
            if old == new or name in EXTENDABLE or (name == "version" and resume_anyway):
                continue
            self.close()
            remedy = "give that again to resume, or choose another --out"
            if name == "version":
                remedy = "--resume-anyway goes on with this version, or choose another --out"
            raise RunFolderError(
                f"{self.folder} was begun with {name} = {json.dumps(old)}, not {json.dumps(new)}; {remedy}"
            )
        grown = [name for name in EXTENDABLE if name in found]
        merged = parameters | {
            name: _extended(found[name], parameters.get(name, found[name])) for name in grown
        }
        digests = dict(merged.get("images", []))
        for name, digest in dict(found.get("images", [])).items():
            if digests[name] != digest:
                self.close()
                raise RunFolderError(
                    f"{self.folder} holds another picture called {name}; rename one, or choose another --out"
                )
        with self._base:
            self._base.executemany(
                "INSERT INTO parameters VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [(k, json.dumps(v)) for k, v in merged.items() if found.get(k) != v or k not in found],
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
                "INSERT OR REPLACE INTO rate_fits VALUES (?,?,?,?,?,?,?,?)",
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
        _write_csv(self.folder / "summary.csv", header, summary_of(rows))
        fits = self._base.execute("SELECT * FROM rate_fits ORDER BY chain, image, snr_db").fetchall()
        header = ["chain", "image", "snr_db", "codec", "quality", "file_bits", "budget_bits", "problem"]
        _write_csv(self.folder / "rate_fits.csv", header, fits)

    def close(self) -> None:
        """Give the folder back."""
        self._base.close()
        self._lock.close()


_SCHEMA = """
CREATE TABLE IF NOT EXISTS parameters (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cells (
    chain TEXT, image TEXT, height INTEGER, width INTEGER, snr_db REAL, trial INTEGER,
    psnr_db REAL, ssim REAL, lpips REAL, st_lpips REAL, ber REAL, ier REAL, bler REAL,
    outage INTEGER, bits INTEGER, symbols INTEGER, cbr REAL, energy REAL, papr_db REAL, iterations REAL,
    PRIMARY KEY (chain, image, snr_db, trial));
CREATE TABLE IF NOT EXISTS pictures (
    chain TEXT, image TEXT, snr_db REAL, png BLOB, PRIMARY KEY (chain, image, snr_db));
CREATE TABLE IF NOT EXISTS rate_fits (
    chain TEXT, image TEXT, snr_db REAL, codec TEXT, quality INTEGER, file_bits INTEGER,
    budget_bits INTEGER, problem TEXT, PRIMARY KEY (chain, image, snr_db));
"""


def read_rows(folder: str | Path) -> list[Row]:
    """All finished cells of a run, by chain and image in the order of the run, then SNR and trial."""
    with closing(_open(folder)) as base:
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


def summary_of(rows: Sequence[Row]) -> Iterable[tuple]:
    """(chain, metric, SNR, mean, half of the 95 % interval, number of images) of all that was measured."""
    for chain in dict.fromkeys(row.chain for row in rows):
        own = [row for row in rows if row.chain == chain]
        for metric in AVERAGED:
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


def _extended(old: object, new: object) -> object:
    """The larger of two counts; of two lists, the old one and then what is new."""
    if isinstance(old, list) and isinstance(new, list):
        return old + [item for item in new if item not in old]
    return max(old, new)  # type: ignore[call-overload]

"""The result store: one SQLite file a run, committed cell by cell, and what is read from it.

A *cell* is one chain, image, SNR and trial. A run folder belongs to one process at a time and
resumes only under the parameters that it was begun with.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import astuple, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from moclink.atomic_files import atomic_write
from moclink.file_locks import FolderLockError, lock_folder
from moclink.object_parts import Objects, equal_parts
from moclink.results.failed_runs import (
    describe_size_limit,
    describe_write_error,
    remove_begun_run,
)
from moclink.results.open_store import open_store
from moclink.results.run_parameters import OBJECTS, RunFolderError, merged_parameters
from moclink.types import Cell, GalleryPicture, RateFit, Row

COLUMNS = [field.name for field in fields(Row)]
_VALUES = attrgetter(*COLUMNS)  # what `astuple` gives, many times faster
CELLS_AT_ONCE = 10_000  # that are read: a sweep may write meanwhile, and memory stays small


class ResultStore:
    """Results of one run, in DIR/results.sqlite.

    Args:
        folder: The run folder, made if it is missing.
        parameters: What the run is asked for; any JSON value by name. A run with results continues
            if they are the same; those of `run_parameters.EXTENDABLE` may differ: cells are added.
        resume_anyway: Go on with a run of another version of moclink.

    Raises:
        RunFolderError: If the folder cannot be written, is in use by another process, or holds a
            run with other parameters.
    """

    def __init__(self, folder: str | Path, parameters: dict, resume_anyway: bool = False) -> None:
        self.folder = Path(folder)
        self._opened = ExitStack()
        self._is_new = not (self.folder / "results.sqlite").exists()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._opened.enter_context(closing(lock_folder(self.folder)))
            if not (self.folder / "results.sqlite").exists():
                _create(self.folder / "results.sqlite", parameters)
            self._base = self._connect("results.sqlite", timeout=30)
            self._base.executescript(_SCHEMA)
            self._agree(parameters, resume_anyway)
            _add_missing_columns(self._base)
        except FolderLockError as error:
            raise RunFolderError(str(error)) from error
        except (OSError, sqlite3.Error) as error:
            self.close()  # a notebook keeps the error, and so this object
            if "locked" in str(error):
                raise RunFolderError(
                    f"{self.folder} is in use by another process; wait for it or choose another --out"
                ) from error
            reason = f"{getattr(error, 'strerror', None) or error}{describe_size_limit()}"
            raise RunFolderError(
                f"cannot write to {self.folder} ({reason}); choose another --out"
            ) from error

    def _connect(self, name: str, **options: Any) -> sqlite3.Connection:
        (self.folder / name).touch()  # made by the umask
        return self._opened.enter_context(closing(sqlite3.connect(self.folder / name, **options)))

    def _agree(self, parameters: dict, resume_anyway: bool) -> None:
        """Store the parameters of a new run; compare and extend those of a run that was begun."""
        found = {
            k: json.loads(v) for k, v in self._base.execute("SELECT name, value FROM parameters")
        }
        if not self._base.execute("SELECT 1 FROM cells LIMIT 1").fetchone():
            found = {}  # a run without results is bound to nothing
            with self._base:
                for table in ("parameters", "pictures", "rate_fits"):
                    self._base.execute(f"DELETE FROM {table}")
        try:
            merged = merged_parameters(self.folder, found, parameters, resume_anyway)
        except RunFolderError:
            self.close()
            raise
        with self._base:
            self._base.executemany(
                "INSERT INTO parameters VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [
                    (k, json.dumps(v))
                    for k, v in merged.items()
                    if found.get(k) != v or k not in found
                ],
            )

    def add(
        self,
        rows: Iterable[Row],
        gallery: Iterable[GalleryPicture] = (),
        fits: Iterable[tuple[str, str, float | None, RateFit]] = (),
    ) -> None:
        """Store finished cells in one transaction.

        Args:
            rows: The cells' results.
            gallery: Pictures for the gallery.
            fits: (chain, image, SNR in dB or None if it is the same at every SNR, how the rate was
                fitted).
        """
        names, marks = ",".join(COLUMNS), ",".join("?" * len(COLUMNS))
        insert = f"INSERT OR REPLACE INTO cells ({names}) VALUES ({marks})"
        try:
            with self._base:
                self._base.executemany(insert, map(_VALUES, rows))
                self._base.executemany(
                    "INSERT OR REPLACE INTO pictures VALUES (?,?,?,?)", map(astuple, gallery)
                )
                self._base.executemany(
                    f"INSERT OR REPLACE INTO rate_fits ({','.join(FIT_COLUMNS)}) "
                    f"VALUES ({','.join('?' * len(FIT_COLUMNS))})",
                    [(c, i, "all" if s is None else s, *astuple(fit)) for c, i, s, fit in fits],
                )
        except sqlite3.OperationalError as error:  # nothing of the transaction is left
            raise RunFolderError(describe_write_error(self.folder, error)) from error

    def keep_unchanged(self, objects: Objects) -> None:
        """Forget of the user's objects what has changed since the run began, such as counters."""
        found = self._base.execute("SELECT value FROM parameters WHERE name = ?", (OBJECTS,))
        for (text,) in found.fetchall():
            kept = json.dumps(equal_parts(json.loads(text), objects))
            with suppress(sqlite3.Error), self._base:  # a full disk has been told of by then
                self._base.execute(
                    "UPDATE parameters SET value = ? WHERE name = ?", (kept, OBJECTS)
                )

    def done(self) -> set[Cell]:
        """Cells that are finished."""
        known: dict[Any, Any] = {}
        one = known.setdefault  # of equal names and SNRs only one is kept
        cells = self._base.execute("SELECT chain, image, snr_db, trial FROM cells")
        return {(one(c, c), one(i, i), one(snr, snr), trial) for c, i, snr, trial in cells}

    def export(self) -> None:
        """Write results.csv, summary.csv and rate_fits.csv, in the same order whatever the order of work."""
        from moclink.results.export import export

        export(self.folder)

    def close(self) -> None:
        """Close the store and release the lock on the folder."""
        self._opened.close()

    def __enter__(self) -> ResultStore:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Export and close; of a new run that failed before its first cell nothing is left."""
        failed = error is not None and not issubclass(error, KeyboardInterrupt)
        try:
            with suppress(OSError, sqlite3.Error):
                if failed and self._is_new and not self.done():
                    self.close()
                    remove_begun_run(self.folder)
                    return
            with suppress(*([RunFolderError] if error else [])):  # what ended the run is told
                self.export()
        finally:
            self.close()


_KINDS = {"str": "TEXT", "int": "INTEGER", "float": "REAL"}
_CELLS = {field.name: _KINDS[str(field.type).removesuffix(" | None")] for field in fields(Row)}
_FITS = {
    "chain": "TEXT",
    "image": "TEXT",
    "snr_db": "REAL",
    **{field.name: _KINDS[str(field.type)] for field in fields(RateFit)},
}
FIT_COLUMNS = list(_FITS)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS parameters (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cells (
    {", ".join(f"{name} {kind}" for name, kind in _CELLS.items())},
    PRIMARY KEY (chain, image, snr_db, trial));
CREATE TABLE IF NOT EXISTS pictures (
    chain TEXT, image TEXT, snr_db REAL, png BLOB, PRIMARY KEY (chain, image, snr_db));
CREATE TABLE IF NOT EXISTS rate_fits (
    {", ".join(f"{name} {kind}" for name, kind in _FITS.items())},
    PRIMARY KEY (chain, image, snr_db));
"""


def _create(path: Path, parameters: dict) -> None:
    """Make the file of a new run; it takes its name when it is whole, for readers beside the run."""
    with atomic_write(path) as partial:
        partial.write_bytes(b"")  # by the umask; also what a killed process left
        with closing(sqlite3.connect(partial)) as base, base:
            base.executescript(_SCHEMA)
            base.executemany(
                "INSERT INTO parameters VALUES (?, ?)",
                [(name, json.dumps(value)) for name, value in parameters.items()],
            )


def _add_missing_columns(base: sqlite3.Connection) -> None:
    """Bring the tables of a run that was begun before a column existed up to date."""
    for table, columns in (("cells", _CELLS), ("rate_fits", _FITS)):
        for name in [name for name in columns if name not in _columns(base, table)]:
            base.execute(f"ALTER TABLE {table} ADD COLUMN {name} {columns[name]}")


def _columns(base: sqlite3.Connection, table: str) -> list[str]:
    return [name for _, name, *_ in base.execute(f"PRAGMA table_info({table})")]


def read_cells(folder: str | Path) -> Iterator[list[tuple]]:
    """Values of `COLUMNS` of all finished cells, in lists of some cells of one chain and picture.

    They come by chain and image in the order of the run, then SNR and trial. Of a run of another
    version, columns that it lacks are None, and those that this version lacks are left out. A sweep
    may write between two lists; what it adds there may be missed.
    """
    names, keys = COLUMNS[2:], [COLUMNS.index("snr_db"), COLUMNS.index("trial")]
    with closing(open_store(folder)) as base:
        there = set(_columns(base, "cells"))
        values = ",".join(name if name in there else "NULL" for name in names)
        for chain, image in _pairs(base):
            last = [-math.inf, -1]
            while True:
                cells = base.execute(
                    f"SELECT {values} FROM cells WHERE chain = ? AND image = ? "
                    "AND (snr_db, trial) > (?, ?) ORDER BY snr_db, trial LIMIT ?",
                    (chain, image, *last, CELLS_AT_ONCE),
                ).fetchall()
                if not cells:
                    break
                found = [(chain, image, *cell) for cell in cells]
                last = [found[-1][key] for key in keys]
                yield found
                if len(cells) < CELLS_AT_ONCE:
                    break


def _pairs(base: sqlite3.Connection) -> list[tuple[str, str]]:
    """(chain, image) of all finished cells, in the order of the run."""
    order = dict(base.execute("SELECT name, value FROM parameters"))
    chains = {name: place for place, name in enumerate(json.loads(order.get("chains", "[]")))}
    images = {name: place for place, (name, _) in enumerate(json.loads(order.get("images", "[]")))}
    last = len(chains) + len(images)

    def place(pair: tuple[str, str]) -> tuple:
        chain, image = pair
        return chains.get(chain, last), chain, images.get(image, last), image

    return sorted(base.execute("SELECT DISTINCT chain, image FROM cells").fetchall(), key=place)


def read_rows(folder: str | Path) -> list[Row]:
    """All finished cells of a run, in the order of `read_cells`."""
    return [Row(*values) for cells in read_cells(folder) for values in cells]


def read_gallery(folder: str | Path) -> list[GalleryPicture]:
    """Pictures kept for the gallery."""
    with closing(open_store(folder)) as base:
        columns = ",".join(field.name for field in fields(GalleryPicture))
        rows = base.execute(f"SELECT {columns} FROM pictures ORDER BY image, snr_db")
        return [GalleryPicture(*values) for values in rows]


def read_rate_fits(folder: str | Path) -> list[tuple]:
    """`FIT_COLUMNS` of each file that was fitted; the SNR is "all" if it is the same at every SNR."""
    with closing(open_store(folder)) as base:
        there = _columns(base, "rate_fits")
        names = ",".join(name if name in there else "''" for name in FIT_COLUMNS)
        return base.execute(
            f"SELECT {names} FROM rate_fits ORDER BY chain, image, snr_db"
        ).fetchall()


def read_parameters(folder: str | Path) -> dict:
    """Parameters that a run was begun with."""
    with closing(open_store(folder)) as base:
        return {k: json.loads(v) for k, v in base.execute("SELECT name, value FROM parameters")}

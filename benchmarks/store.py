"""The result store at many cells: storing, size, finding what is missing, CSV files, memory.

    python -m benchmarks.store

The cells are those of a fading sweep: 10 chains, 40 SNRs, 25 pictures and as many trials as it
takes, 40 cells a transaction, in the order of one process. The ways to keep them:

- sqlite: the store as it is, with SQLite's rollback journal; the baseline.
- wal: the same with SQLite's write-ahead log, each commit synced.
- wal-normal: synced at checkpoints alone; a power cut may take the last commits.
- parquet: a Parquet file for each 40 cells, synced, all merged at the end (needs pyarrow).

Each step is a process of its own, whose peak memory is the system's figure; "begin" only loads
packages. The CSV files of all ways are compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import fields
from datetime import date
from importlib.metadata import version
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine_line
from moclink.images import Picture
from moclink.option_parser import Parser
from moclink.results.export import CSV_COLUMNS, SUMMARY_COLUMNS, Summary, export, write_csv
from moclink.results.store import COLUMNS, ResultStore, read_rows
from moclink.sweep.plan import Plan, count_cells, list_cells
from moclink.types import Cell, Row

RESULTS = Path(__file__).parent / "results"
CHAINS = tuple(f"chain-{number}" for number in range(10))
SNRS = tuple(float(snr) for snr in range(-5, 35))
PICTURES = [Picture(f"{number:03d}.png", np.zeros((1, 1, 3), np.uint8)) for number in range(25)]
A_TRIAL = len(CHAINS) * len(SNRS) * len(PICTURES)
BATCH = len(SNRS)
PARAMETERS = {"chains": list(CHAINS), "images": [[picture.name, ""] for picture in PICTURES]}
SENT = {"bits": 292_800, "symbols": 195_264, "cbr": 195_264 / (1148 * 2040 * 3)}
KEYS = ["chain", "image", "snr_db", "trial"]
STEPS = ("begin", "insert", "resume", "read", "export")
WAYS = ("sqlite", "wal", "wal-normal", "parquet")


def make_plan(cells: int) -> Plan:
    """A plan of so many cells."""
    return Plan(SNRS, CHAINS, trials=max(1, cells // A_TRIAL), channel="rayleigh")


def make_batches(plan: Plan) -> Iterator[list[Row]]:
    """Rows as a sweep stores them, with figures of the usual number of digits."""
    rng = np.random.default_rng(1)
    cells = list(list_cells(plan, PICTURES))
    for start in range(0, len(cells), BATCH):
        values = rng.random((BATCH, 6))
        yield [
            Row(
                *(chain, image, 1148, 2040, snr, trial),
                psnr_db=40 * a,
                ssim=b,
                ber=c,
                bler=d,
                outage=int(d > 0.9),
                **SENT,
                energy=0.999 + e / 500,
                papr_db=3 + f,
                iterations=20 * c,
            )
            for (chain, image, snr, trial), (a, b, c, d, e, f) in zip(
                cells[start : start + BATCH], values.tolist(), strict=True
            )
        ]


class Sqlite:
    """The store as it is, or with another journal."""

    def __init__(self, folder: Path, way: str) -> None:
        self.folder, self.way = folder, way

    def insert(self, batches: Iterable[list[Row]]) -> None:
        """Store cells, a transaction for each batch."""
        ResultStore(self.folder, PARAMETERS).close()
        if self.way != "sqlite":
            with closing(sqlite3.connect(self.folder / "results.sqlite")) as base:
                base.execute("PRAGMA journal_mode=WAL")  # is kept in the file
        store = ResultStore(self.folder, PARAMETERS)
        if self.way == "wal-normal":
            store._base.execute("PRAGMA synchronous=NORMAL")  # of this connection
        for rows in batches:
            store.add(rows)
        store.close()

    def done(self) -> set[Cell]:
        """Cells that are finished."""
        store = ResultStore(self.folder, PARAMETERS)
        done = store.done()
        store.close()
        return done

    def read(self) -> int:
        """All rows, as figures and tables read them: how many."""
        return len(read_rows(self.folder))

    def export(self, out: Path) -> None:
        """Write the CSV files."""
        export(self.folder, out)


class Parquet:
    """A Parquet file for each batch, merged when all are there; what the CSV files need is ours."""

    def __init__(self, folder: Path, way: str) -> None:
        import pyarrow as pa

        self.folder, kinds = folder, {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
        self.schema = pa.schema(
            [(f.name, kinds[str(f.type).removesuffix(" | None")]) for f in fields(Row)]
        )

    def insert(self, batches: Iterable[list[Row]]) -> None:
        """Write a file for each batch, each synced, as a commit is; then all as one."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        parts = self.folder / "parts"
        parts.mkdir()
        values = attrgetter(*COLUMNS)
        for number, rows in enumerate(batches):
            columns = [list(column) for column in zip(*map(values, rows), strict=True)]
            path = parts / f"{number}.parquet"
            pq.write_table(pa.table(columns, self.schema), path)
            with path.open("rb") as file:
                os.fsync(file.fileno())
        with pq.ParquetWriter(self.folder / "merged.parquet", self.schema) as writer:
            for start in range(0, number + 1, 1000):
                names = [
                    parts / f"{n}.parquet" for n in range(start, min(start + 1000, number + 1))
                ]
                writer.write_table(pa.concat_tables(pq.read_table(name) for name in names))
        shutil.rmtree(parts)

    def done(self) -> set[Cell]:
        """Cells that are finished."""
        import pyarrow.parquet as pq

        keys = pq.read_table(self.folder / "merged.parquet", columns=KEYS)
        return set(zip(*(column.to_pylist() for column in keys.columns), strict=True))

    def cells(self) -> Iterator[list[tuple]]:
        """As `read_cells` of the store."""
        import pyarrow.parquet as pq

        table = pq.read_table(self.folder / "merged.parquet")
        table = table.sort_by([(key, "ascending") for key in KEYS])  # here that of the run
        for batch in table.to_batches(max_chunksize=10_000):
            cells = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            for _, own in groupby(cells, key=lambda cell: cell[:2]):
                yield list(own)

    def read(self) -> int:
        """All rows, as figures and tables read them: how many."""
        return len([Row(*cell) for cells in self.cells() for cell in cells])

    def export(self, out: Path) -> None:
        """Write the CSV files."""
        summary, left_out = Summary(), COLUMNS.index("iterations")
        cells = (
            c[:left_out] + c[left_out + 1 :] for own in summary.watch(self.cells()) for c in own
        )
        write_csv(out / "results.csv", CSV_COLUMNS, cells)
        write_csv(out / "summary.csv", SUMMARY_COLUMNS, summary.rows)


def one_step(way: str, step: str, folder: Path, cells: int) -> dict[str, Any]:
    """Do a step in this process; its time, and the process's peak memory."""
    plan, making = make_plan(cells), 0.0
    contestant = (Parquet if way == "parquet" else Sqlite)(folder, way)

    def timed_batches() -> Iterator[list[Row]]:
        nonlocal making  # what making the rows takes is not the store's
        batches = make_batches(plan)
        while True:
            begun = time.process_time()
            rows = next(batches, None)
            making += time.process_time() - begun
            if rows is None:
                return
            yield rows

    def resume() -> None:
        done = contestant.done()
        missing = {cell for cell in list_cells(plan, PICTURES) if cell not in done}
        if missing or len(done) != count_cells(plan, PICTURES):
            raise RuntimeError(f"{way}: {len(missing)} cells are missing of {len(done)}")

    work: dict[str, Callable[[], Any]] = {
        "begin": lambda: None,
        "insert": lambda: contestant.insert(timed_batches()),
        "resume": resume,
        "read": contestant.read,
        "export": lambda: contestant.export(folder / "out"),
    }
    wall, cpu = time.perf_counter(), time.process_time()
    work[step]()
    wall, cpu = time.perf_counter() - wall - making, time.process_time() - cpu - making
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"wall_s": round(wall, 3), "cpu_s": round(cpu, 3), "peak_mb": round(peak)}


def measure(way: str, cells: int, folder: Path) -> dict[str, Any]:
    """All steps of one way at one size, each in a process of its own."""
    (folder / "out").mkdir()
    found: dict[str, Any] = {"way": way, "cells": make_plan(cells).trials * A_TRIAL}
    for step in STEPS:
        command = [sys.executable, "-m", "benchmarks.store", "--cells", str(cells)]
        command += ["--ways", way, "--step", step, "--folder", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[step] = json.loads(done.stdout)
    found["transaction_ms"] = round(1000 * found["insert"]["wall_s"] * BATCH / found["cells"], 2)
    found["mb"] = round(sum(p.stat().st_size for p in folder.iterdir() if p.is_file()) / 1e6, 2)
    out = [folder / "out" / name for name in ("results.csv", "summary.csv")]
    found["csv_sha256"] = []
    for path in out:  # not read whole: a child's peak memory begins with its parent's
        with path.open("rb") as file:
            found["csv_sha256"].append(hashlib.file_digest(file, "sha256").hexdigest())
    return found


def compare(found: list[dict[str, Any]]) -> None:
    """Add how many times faster, and smaller, each way is than the first one at its size."""
    csv_files = {id(one): one.pop("csv_sha256") for one in found}
    for one in found:
        base = next(other for other in found if other["cells"] == one["cells"])
        one["ratios"] = {
            f"{step}_{kind}": round(base[step][f"{kind}_s"] / max(one[step][f"{kind}_s"], 1e-3), 2)
            for step in STEPS[1:]
            for kind in ("wall", "cpu")
        } | {"size": round(base["mb"] / one["mb"], 2)}
        one["same_csv_files"] = csv_files[id(one)] == csv_files[id(base)]


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and write its results."""
    parser = Parser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cells", default="10000,100000,1000000", help="comma list (%(default)s)")
    parser.add_argument("--ways", default=",".join(WAYS), help="comma list (%(default)s)")
    parser.add_argument("--folder", type=Path, help="for the stores, on the disk to be measured")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    out = RESULTS / f"store-{date.today().isoformat()}.json"
    parser.add_argument("--out", type=Path, default=out)
    options = parser.parse_args(arguments)
    if options.step:
        step = one_step(options.ways, options.step, options.folder, int(options.cells))
        print(json.dumps(step))
        return
    machine, ways, found = machine_line(), options.ways.split(","), []
    for cells in map(int, options.cells.split(",")):
        for way in ways:
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                found.append(measure(way, cells, Path(folder)))
            print(json.dumps(found[-1]), flush=True)
    compare(found)
    record = {
        "command": "python -m benchmarks.store " + " ".join(arguments or sys.argv[1:]),
        "date": date.today().isoformat(),
        "machine": machine,
        "versions": {
            "sqlite": sqlite3.sqlite_version,
            **{name: version(name) for name in ("numpy", *["pyarrow"] * ("parquet" in ways))},
        },
        "part": f"{BATCH} cells a transaction",
        "baseline": "the store as it is: SQLite with its rollback journal",
        "results": found,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{machine}\nwritten to {options.out}")


if __name__ == "__main__":
    main()

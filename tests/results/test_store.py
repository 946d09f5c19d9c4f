"""The store: transactions, resuming, locking, other versions."""

import errno
import math
import os
import sqlite3
from contextlib import closing

import pytest

from moclink.results.run_record import write_record
from moclink.results.store import (
    COLUMNS,
    ResultStore,
    RunFolderError,
    read_cells,
    read_gallery,
    read_parameters,
    read_rate_fits,
    read_rows,
)
from moclink.types import GalleryPicture, RateFit, Row

PARAMETERS = {
    "snr": [0.0, 1.0],
    "chains": ["b", "a"],
    "images": [["y", "1"], ["x", "2"]],
    "seed": 1,
}


def test_rows_come_back_in_the_order_of_the_run(tmp_path, row):
    store = ResultStore(tmp_path, PARAMETERS)
    rows = [row("a", "x"), row("a", "y"), row("b", "x", 1.0), row("b", "x", 0.0, psnr_db=math.inf)]
    for one in rows:
        store.add([one])
    assert store.done() == {(r.chain, r.image, r.snr_db, r.trial) for r in rows}
    store.close()
    assert read_rows(tmp_path) == [rows[3], rows[2], rows[1], rows[0]]


def test_cells_are_read_a_few_at_a_time_while_a_sweep_writes(tmp_path, row, monkeypatch):
    monkeypatch.setattr("moclink.results.store.CELLS_AT_ONCE", 3)
    snrs, trials = (-5.0, 0.0, 0.5), range(4)
    rows = [row("b", i, s, t, psnr_db=t) for i in "yx" for s in snrs for t in trials]
    with ResultStore(tmp_path, PARAMETERS) as store:
        store.add(rows[::-1])
        lists = read_cells(tmp_path)
        assert [cell[COLUMNS.index("trial")] for cell in next(lists)] == [0, 1, 2]
        store.add([row("b", "y", 1.0), row("a", "y")])  # a reader holds nobody up between two lists
        others = [Row(*cell) for cells in lists for cell in cells]
        assert others == [*rows[3:12], row("b", "y", 1.0), *rows[12:]]
        assert read_rows(tmp_path) == [*rows[:12], row("b", "y", 1.0), *rows[12:], row("a", "y")]


def test_the_file_of_a_new_run_is_whole_when_it_appears(tmp_path, monkeypatch):
    """Another process may read at any moment: before its name there is no file, then tables and all."""
    seen = []

    def replace(partial, path):
        assert not path.exists()
        os.rename(partial, path)
        seen.append((read_rows(tmp_path), read_parameters(tmp_path)))

    monkeypatch.setattr("moclink.atomic_files.os.replace", replace)
    ResultStore(tmp_path, PARAMETERS).close()
    ResultStore(tmp_path, PARAMETERS).close()
    assert seen == [([], PARAMETERS)]


def test_a_failed_transaction_leaves_nothing(tmp_path, row):
    store = ResultStore(tmp_path, PARAMETERS)
    with pytest.raises(sqlite3.Error):
        store.add([row()], [GalleryPicture("a", "x", 0.0, object())])
    assert store.done() == set()
    store.close()


def test_a_full_disk_is_one_line_and_finished_cells_are_kept(tmp_path, row, connections):
    """A limit of pages is for SQLite what a full disk is."""
    store = ResultStore(tmp_path, PARAMETERS)
    store.add([row()])
    base = connections["results.sqlite"]
    pages = base.execute("PRAGMA page_count").fetchone()[0]
    base.execute(f"PRAGMA max_page_count = {pages}")
    image = GalleryPicture("a", "x", 0.0, bytes(100_000))
    message = r"database or disk is full\); finished cells are kept: make room, then --out"
    with pytest.raises(RunFolderError, match=message), store:
        store.add([row(snr=1.0)], [image])
    assert read_rows(tmp_path) == [row()]
    assert (tmp_path / "results.csv").read_text().count("\n") == 2
    with ResultStore(tmp_path, PARAMETERS) as again:
        again.add([row(snr=1.0)], [image])
    assert len(read_rows(tmp_path)) == 2


def test_what_ended_a_run_is_said_though_no_csv_file_can_be_written(tmp_path, row):
    with pytest.raises(KeyboardInterrupt), ResultStore(tmp_path, PARAMETERS) as store:
        store.add([row()])
        (tmp_path / "results.csv").mkdir()
        raise KeyboardInterrupt
    with pytest.raises(RunFolderError, match="cannot write"), ResultStore(tmp_path, PARAMETERS):
        pass


def test_a_run_without_results_is_bound_to_nothing(tmp_path):
    """One that failed at its first cell, say by a channel with a fault, starts again."""
    store = ResultStore(tmp_path, PARAMETERS)
    store.add([], [GalleryPicture("original", "x", 0.0, b"")])
    store.close()
    other = {"snr": [5.0], "chains": ["c"], "images": [["x", "another"]], "seed": 2}
    ResultStore(tmp_path, other).close()
    assert read_parameters(tmp_path) == other and read_gallery(tmp_path) == []


def test_a_run_resumes_under_its_own_parameters_only(tmp_path, row):
    store = ResultStore(tmp_path, PARAMETERS)
    store.add([row()])
    store.close()
    ResultStore(tmp_path, PARAMETERS).close()
    with pytest.raises(RunFolderError, match=r"begun with seed = 1, not 2; give that again"):
        ResultStore(tmp_path, {**PARAMETERS, "seed": 2})
    ResultStore(tmp_path, PARAMETERS).close()


def test_two_processes_cannot_share_a_folder(tmp_path):
    store = ResultStore(tmp_path, PARAMETERS)
    with pytest.raises(RunFolderError, match="in use by another process"):
        ResultStore(tmp_path, PARAMETERS)
    store.close()
    ResultStore(tmp_path, PARAMETERS).close()


def test_a_file_system_without_locks_is_named_and_read(tmp_path, row, monkeypatch):
    """As some network file systems: SQLite would wait for another process that is not there."""
    fcntl = pytest.importorskip("fcntl")
    store = ResultStore(tmp_path, PARAMETERS)
    store.add([row()])
    store.close()
    write_record(tmp_path, ["moclink.run"], {})

    def absent(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", absent)
    with pytest.raises(RunFolderError, match=r"has no file locks \(No locks available\).*local"):
        ResultStore(tmp_path, PARAMETERS)
    uris, connect = [], sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda target, **more: uris.append(target) or connect(target, **more)
    )
    assert read_rows(tmp_path) == [row()]
    assert uris[0].endswith("?mode=ro&nolock=1")


def test_a_damaged_page_is_one_line(tmp_path, row):
    with ResultStore(tmp_path, PARAMETERS) as store:
        store.add([row()])
    path = tmp_path / "results.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(RunFolderError, match="database disk image is malformed"):
        ResultStore(tmp_path, PARAMETERS)
    with pytest.raises(RunFolderError, match="malformed"):
        read_rows(tmp_path)


def test_folders_that_cannot_be_used_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot write to .*file"):
        ResultStore(tmp_path / "file", PARAMETERS)
    with pytest.raises(RunFolderError, match="holds no results.sqlite"):
        read_rows(tmp_path)
    (tmp_path / "results.sqlite").write_text(
        "this is no data base, but it is long enough to look at"
    )
    with pytest.raises(RunFolderError, match="cannot be read as results"):
        read_gallery(tmp_path)


def test_a_run_of_another_version_is_read_and_goes_on(tmp_path, row):
    """A table without some columns of today and with one of tomorrow."""
    ResultStore(tmp_path, PARAMETERS).close()
    with closing(sqlite3.connect(tmp_path / "results.sqlite")) as base:
        base.execute("ALTER TABLE cells DROP COLUMN papr_db")
        base.execute("ALTER TABLE cells DROP COLUMN iterations")
        base.execute("ALTER TABLE cells ADD COLUMN dreams REAL")
        base.execute("ALTER TABLE rate_fits DROP COLUMN problem")
        base.execute("INSERT INTO rate_fits VALUES ('a', 'x', 'all', 'JPEG', 7, 90, 100)")
        base.execute(
            "INSERT INTO cells (chain, image, height, width, snr_db, trial, psnr_db, dreams) "
            "VALUES ('a', 'x', 40, 60, 0, 0, 30, 1)"
        )
        base.commit()
    assert read_rows(tmp_path) == [row(psnr_db=30.0)]
    assert read_rate_fits(tmp_path) == [("a", "x", "all", "JPEG", 7, 90, 100, "")]
    store = ResultStore(tmp_path, PARAMETERS)
    fit = ("a", "x", 1.0, RateFit("JPEG", 8, 90, 10, "too wide"))
    store.add([row(snr=1.0, papr_db=3.5, iterations=2.0)], fits=[fit])
    store.close()
    assert read_rate_fits(tmp_path)[0][-1] == "too wide"
    assert read_rows(tmp_path) == [row(psnr_db=30.0), row(snr=1.0, papr_db=3.5, iterations=2.0)]


def test_files_of_a_run_have_the_permissions_of_the_user(tmp_path):
    before = os.umask(0o002)
    try:
        ResultStore(tmp_path / "run", {}).close()
    finally:
        os.umask(before)
    for name in ("results.sqlite", ".lock.sqlite"):
        assert (tmp_path / "run" / name).stat().st_mode & 0o777 == 0o664


def test_a_newer_run_is_read_without_what_this_version_does_not_know(tmp_path, row):
    store = ResultStore(tmp_path, PARAMETERS)
    picture = GalleryPicture("a", "x", 0.0, b"png")
    store.add([row()], [picture])
    store.close()
    with closing(sqlite3.connect(tmp_path / "results.sqlite")) as base, base:
        for table in ("cells", "pictures", "rate_fits"):
            base.execute(f"ALTER TABLE {table} ADD COLUMN novelty REAL")
    assert read_rows(tmp_path) == [row()] and read_gallery(tmp_path) == [picture]

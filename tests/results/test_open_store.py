"""Results that are read where they lie: of a killed process, with another program's log."""

import sqlite3
import subprocess
import sys

import pytest

from moclink.results.open_store import open_store
from moclink.results.store import ResultStore, RunFolderError, read_rows

PARAMETERS = {"snr": [0.0], "chains": ["a"], "images": [["x", ""]]}
KILLED = """
import os, sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute("PRAGMA cache_size = 1")
base.execute("BEGIN")
insert = "INSERT INTO cells (chain, image, snr_db, trial) VALUES ('half', ?, 0, 0)"
for number in range(3000):
    base.execute(insert, ("x" * 400 + str(number),))
os._exit(9)
"""


def test_what_a_killed_process_left_is_read_without_writing(tmp_path, row):
    store = ResultStore(tmp_path, PARAMETERS)
    store.add([row(psnr_db=30.0)])
    store.close()
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "results.sqlite")])
    journal = tmp_path / "results.sqlite-journal"
    before = {path: path.read_bytes() for path in (journal, tmp_path / "results.sqlite")}
    assert len(before[journal]) > 1000  # the half-written transaction is in the file
    assert read_rows(tmp_path) == [row(psnr_db=30.0)]
    assert {path: path.read_bytes() for path in before} == before
    ResultStore(tmp_path, PARAMETERS).close()  # a resumed run undoes it in place
    assert not journal.exists() and read_rows(tmp_path) == [row(psnr_db=30.0)]


def test_a_write_ahead_log_that_another_program_has_set_is_read(tmp_path, row, monkeypatch):
    """In a read-only folder SQLite wants to write beside it, and says so."""
    with ResultStore(tmp_path, PARAMETERS) as store:
        store.add([row()])
    connect = sqlite3.connect
    browser = connect(tmp_path / "results.sqlite")
    browser.execute("PRAGMA journal_mode=WAL")
    browser.execute("UPDATE cells SET psnr_db = 31.0")
    browser.commit()  # into the log alone, while the program is open

    def read_only(path, **options):
        if options.get("uri"):
            error = sqlite3.OperationalError("attempt to write a readonly database")
            error.sqlite_errorcode = sqlite3.SQLITE_READONLY_DIRECTORY
            raise error
        return connect(path, **options)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    assert read_rows(tmp_path) == [row(psnr_db=31.0)]
    browser.close()


def test_a_name_that_no_folder_can_have_is_one_line():
    with pytest.raises(
        RunFolderError, match="xxx holds no results.sqlite; name the folder of a run"
    ):
        open_store("x" * 300)

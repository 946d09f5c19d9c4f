"""Results that are read where they lie: of a killed process, with another program's log."""

import ctypes
import os
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


def without_privileges():
    """Let permissions hold for root too: drop CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH at exec."""
    if os.geteuid() == 0:
        for capability in (1, 2):
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


READ_ONLY = """
from moclink.figures import main
from moclink.results.store import ResultStore, RunFolderError, read_rows
from moclink.tables import main as tables

parameters = {"snr": [0.0], "chains": ["a"], "images": [["x", ""]]}
print(len(read_rows("run")), main(["run"]), main(["run", "--out", "drawn"]), tables(["run"]))
try:
    ResultStore("run", parameters)
except RunFolderError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="permissions as Linux has them")
def test_a_run_in_a_read_only_folder_is_read_and_not_resumed(tmp_path, row):
    with ResultStore(tmp_path / "run", PARAMETERS) as store:
        store.add([row(psnr_db=30.0)])
    before = sorted(path.name for path in (tmp_path / "run").iterdir())
    for path in [*(tmp_path / "run").iterdir(), tmp_path / "run"]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=without_privileges,
    )
    (tmp_path / "run").chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "1 2 0 0\n" in done.stdout and (tmp_path / "drawn" / "curves.png").is_file()
    refused = "cannot be written to run (Permission denied); choose another --out"
    assert refused in done.stderr
    assert "cannot write to run (Permission denied); choose another --out\n" in done.stdout
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before


def test_a_name_that_no_folder_can_have_is_one_line():
    with pytest.raises(
        RunFolderError, match="xxx holds no results.sqlite; name the folder of a run"
    ):
        open_store("x" * 300)

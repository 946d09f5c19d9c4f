"""Runs that fail: what is said, what is left, and that another try is not in its own way."""

import shutil
import sqlite3
import subprocess
import sys

import pytest

from moclink.results.failed_runs import describe_write_error
from moclink.results.store import ResultStore, RunFolderError, read_rows

PARAMETERS = {"snr": [0, 1], "chains": ["a"], "images": [["x", ""]], "trials": 1, "version": "1"}


@pytest.mark.parametrize("moved", [False, True])
def test_a_folder_that_is_gone_in_mid_run_is_said(tmp_path, row, moved):
    store = ResultStore(tmp_path / "run", PARAMETERS)
    store.add([row()])
    if moved:
        (tmp_path / "run").rename(tmp_path / "there")
    else:
        shutil.rmtree(tmp_path / "run")
    message = "run was moved or removed during the run; if it was moved, --out with its new"
    with pytest.raises(RunFolderError, match=message), store:
        store.add([row(snr=1.0)])
    if moved:
        assert read_rows(tmp_path / "there") == [row()]
    assert not (tmp_path / "run").exists()


def test_a_program_that_holds_the_file_is_said(tmp_path, row, connections):
    """A database browser with changes that are not written, say."""
    with ResultStore(tmp_path, PARAMETERS) as store:
        store.add([row()])
        connections["results.sqlite"].execute("PRAGMA busy_timeout = 10")
        browser = sqlite3.connect(tmp_path / "results.sqlite", isolation_level=None)
        browser.execute("BEGIN IMMEDIATE")
        with pytest.raises(RunFolderError, match="another program holds .*: close it there, then"):
            store.add([row(snr=1.0)])
        browser.close()
        store.add([row(snr=1.0)])
    assert len(read_rows(tmp_path)) == 2


def test_room_is_asked_for_only_where_it_lacks(tmp_path):
    folder = tmp_path / "a b"
    folder.mkdir()
    (folder / "results.sqlite").touch()
    error = sqlite3.OperationalError("attempt to write a readonly database")
    told = describe_write_error(folder, error)
    assert "see that it can be written to" in told and told.endswith(
        f"then --out '{folder}' continues the run"
    )


@pytest.mark.parametrize("error", [ValueError, OSError, SystemExit])
def test_a_run_that_fails_before_its_first_cell_leaves_nothing(tmp_path, error):
    with pytest.raises(error), ResultStore(tmp_path / "run", PARAMETERS) as store:
        (store.folder / "run.json").write_text("{}")
        raise error
    assert not (tmp_path / "run").exists()


def test_other_files_of_such_a_folder_are_kept(tmp_path):
    with pytest.raises(ValueError), ResultStore(tmp_path / "run", PARAMETERS) as store:
        (store.folder / "notes.txt").write_text("mine")
        raise ValueError
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_run_with_cells_or_that_was_interrupted_is_kept(tmp_path, row, error):
    with pytest.raises(error), ResultStore(tmp_path / "run", PARAMETERS) as store:
        if error is ValueError:
            store.add([row()])
        raise error
    assert len(read_rows(tmp_path / "run")) == (error is ValueError)


def test_a_run_that_resumes_and_fails_at_once_is_kept(tmp_path, row):
    with ResultStore(tmp_path, PARAMETERS) as store:
        store.add([row()])
    with pytest.raises(ValueError), ResultStore(tmp_path, PARAMETERS):
        raise ValueError
    assert read_rows(tmp_path) == [row()]


def test_a_folder_in_use_is_not_held_by_who_was_refused(tmp_path):
    """A notebook keeps the last error, and with it everything that it refers to."""
    (tmp_path / "results.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(RunFolderError) as kept:
        ResultStore(tmp_path, PARAMETERS)
    (tmp_path / "results.sqlite").unlink()
    with ResultStore(tmp_path, PARAMETERS):
        assert kept.value is not None


def test_a_limit_of_file_sizes_is_said_and_the_work_kept(tmp_path, row):
    program = (
        "import resource, sys\n"
        "from moclink.results.store import ResultStore\n"
        "from moclink.types import GalleryPicture, Row\n"
        f"with ResultStore(sys.argv[1], {PARAMETERS!r}) as store:\n"
        "    store.add([Row('a', 'x', 40, 60, 0.0, 0)])\n"
        "    limit = 100_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, limit)\n"
        "    store.add([Row('a', 'x', 40, 60, 1.0, 0)],\n"
        "              [GalleryPicture('a', 'x', 0.0, bytes(200_000))])\n"
    )
    pytest.importorskip("resource")
    command = [sys.executable, "-c", program, str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "are limited to 100000 bytes (ulimit -f)); finished cells are kept" in done.stderr
    assert read_rows(tmp_path / "run") == [row()]

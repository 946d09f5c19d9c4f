"""Folders of runs, and what identifies the user's own objects in them."""

from datetime import datetime
from pathlib import Path

import pytest

from moclink.file_locks import TRAINING_LOCK
from moclink.phy.channels import get_channel
from moclink.results.run_parameters import RunFolderError
from moclink.run_folders import make_dated_folder, parts_of_objects, run_folder


def test_runs_of_one_second_have_folders_of_their_own(tmp_path, monkeypatch):
    """As the tasks of an array of batch jobs have, which are started together."""

    class Stopped:
        @staticmethod
        def now():
            return datetime(2026, 1, 2, 3, 4, 5)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("moclink.run_folders.datetime", Stopped)
    folders = [make_dated_folder().name for _ in range(3)]
    assert folders == ["20260102-030405", "20260102-030405-2", "20260102-030405-3"]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Path("runs").write_text("a file")
    with pytest.raises(RunFolderError, match="cannot write to runs/2026.*choose an --out"):
        make_dated_folder()


def test_a_folder_of_something_else_is_no_run_folder(tmp_path):
    assert run_folder(tmp_path) == tmp_path and run_folder(tmp_path / "new") == tmp_path / "new"
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds files and is no run folder; choose another --out"):
        run_folder(tmp_path)
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / TRAINING_LOCK).touch()  # a training's folder, of which nothing is written
    with pytest.raises(ValueError, match="such as '.*/a b/run'$"):
        run_folder(tmp_path / "a b")
    (tmp_path / "results.sqlite").write_text("")
    assert run_folder(tmp_path) == tmp_path


def test_only_what_is_the_users_own_is_identified(tmp_path):
    def attenuated(x, no):
        return 0.5 * x

    assert parts_of_objects(get_channel("tdl-a"), {}) == {}
    objects = parts_of_objects(get_channel(attenuated), {"mine": Path})
    assert set(objects) == {"channel attenuated", "chain mine"}
    assert "source" in objects["channel attenuated"]
    (tmp_path / "mine.py").write_text("def f(x, no):\n    return x\n")
    name = f"{tmp_path / 'mine.py'}:f?common=1"
    assert set(parts_of_objects(get_channel(name), {})[f"channel {name}"]) == {"file"}

"""run.json."""

import json
import subprocess
from importlib import metadata

import pytest

from moclink.results import run_record


def test_commands_add_up_and_versions_are_recorded(tmp_path):
    run_record.write_record(tmp_path, ["one"], {"seed": 1})
    run_record.write_record(tmp_path, ["two"], {"seed": 1})
    stored = json.loads((tmp_path / "run.json").read_text())
    assert [entry["command"] for entry in stored["commands"]] == [["one"], ["two"]]
    assert stored["versions"]["numpy"] == metadata.version("numpy") and stored["parameters"] == {
        "seed": 1
    }


def test_what_each_command_asked_for_is_kept_beside_what_the_run_has(tmp_path):
    run_record.write_record(tmp_path, ["one"], {"snr": [0, 10]})
    run_record.write_record(tmp_path, ["two"], {"snr": [5]}, {"snr": [0, 5, 10]})
    stored = json.loads((tmp_path / "run.json").read_text())
    assert [entry["parameters"]["snr"] for entry in stored["commands"]] == [[0, 10], [5]]
    assert stored["parameters"] == {"snr": [0, 5, 10]}
    assert all(e["versions"] == stored["versions"] and e["machine"] for e in stored["commands"])


def test_a_package_under_another_name_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(
        run_record, "PACKAGES", {"renamed-numpy": "numpy", "nowhere": "no_such_module"}
    )
    run_record.write_record(tmp_path, ["one"], {})
    versions = json.loads((tmp_path / "run.json").read_text())["versions"]
    assert versions == {"renamed-numpy": f"numpy {metadata.version('numpy')}", "nowhere": None}


def test_what_is_not_installed_is_not_looked_for_in_all_that_is(tmp_path, monkeypatch):
    """`packages_distributions` opens the files of every installed package."""
    monkeypatch.setattr(run_record, "PACKAGES", {"nowhere": "no_such_module", "keras": "keras"})
    monkeypatch.setattr(metadata, "packages_distributions", lambda: pytest.fail("all looked at"))
    run_record.write_record(tmp_path, ["one"], {})
    versions = json.loads((tmp_path / "run.json").read_text())["versions"]
    assert versions == {"nowhere": None, "keras": metadata.version("keras")}


def test_a_revision_is_that_of_moclink_and_of_no_project_around_it(tmp_path, monkeypatch):
    def git(*words):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)

    (tmp_path / "mine.txt").write_text("a project")
    place = tmp_path / "site-packages" / "record.py"
    place.parent.mkdir()
    place.write_text("")
    monkeypatch.setattr(run_record, "__file__", str(place))
    git("init", "-q")
    git("add", "mine.txt")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x")
    run_record.write_record(tmp_path, ["one"], {})
    assert json.loads((tmp_path / "run.json").read_text())["git_revision"] is None
    git("add", str(place))
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "y")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "of-a-hook"))
    run_record.write_record(tmp_path, ["one"], {})
    assert len(json.loads((tmp_path / "run.json").read_text())["git_revision"]) == 40

"""run.json."""

import json
from importlib import metadata

from moclink.results import record


def test_commands_add_up_and_versions_are_recorded(tmp_path):
    record.write_record(tmp_path, ["one"], {"seed": 1})
    record.write_record(tmp_path, ["two"], {"seed": 1})
    stored = json.loads((tmp_path / "run.json").read_text())
    assert [entry["command"] for entry in stored["commands"]] == [["one"], ["two"]]
    assert stored["versions"]["numpy"] == metadata.version("numpy") and stored["parameters"] == {
        "seed": 1
    }


def test_a_package_under_another_name_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "PACKAGES", {"renamed-numpy": "numpy", "nowhere": "no_such_module"})
    record.write_record(tmp_path, ["one"], {})
    versions = json.loads((tmp_path / "run.json").read_text())["versions"]
    assert versions == {"renamed-numpy": f"numpy {metadata.version('numpy')}", "nowhere": None}

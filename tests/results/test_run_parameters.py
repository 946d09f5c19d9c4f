"""Which parameters a resumed run has."""

from pathlib import Path

import pytest

from moclink.results.run_parameters import RunFolderError, merged_parameters

FOLDER = Path("runs/one")
BEGUN = {
    "snr": [0.0, 5.0],
    "chains": ["a"],
    "images": [["x", "1"]],
    "trials": 2,
    "seed": 1,
    "version": "1.0",
}


def test_lists_grow_and_the_larger_count_stays():
    asked = BEGUN | {"snr": [5.0, 10.0], "chains": ["b"], "images": [["y", "2"]], "trials": 1}
    merged = merged_parameters(FOLDER, BEGUN, asked)
    assert merged["snr"] == [0.0, 5.0, 10.0] and merged["chains"] == ["a", "b"]
    assert merged["images"] == [["x", "1"], ["y", "2"]] and merged["trials"] == 2


def test_a_new_run_has_what_is_asked_for():
    assert merged_parameters(FOLDER, {}, BEGUN) == BEGUN


def test_a_run_from_before_a_choice_goes_on_with_its_default():
    assert merged_parameters(FOLDER, BEGUN, BEGUN | {"outage": "grey", "harq": 1})["harq"] == 1
    with pytest.raises(RunFolderError, match='begun with outage = "grey", not "mean"'):
        merged_parameters(FOLDER, BEGUN, BEGUN | {"outage": "mean"})


def test_a_run_does_not_go_on_with_another_engine():
    with pytest.raises(RunFolderError, match='begun with engine = "tensorflow", not "torch"'):
        merged_parameters(FOLDER, BEGUN, BEGUN | {"engine": "torch"})
    on_torch = BEGUN | {"engine": "torch"}
    assert merged_parameters(FOLDER, on_torch, on_torch)["engine"] == "torch"
    with pytest.raises(RunFolderError, match='begun with engine = "torch", not "tensorflow"'):
        merged_parameters(FOLDER, on_torch, BEGUN)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"seed": 2}, "runs/one was begun with seed = 1, not 2; give that again"),
        ({"images": [["x", "9"]]}, "holds another picture called x; rename one"),
        ({"version": "2.0"}, "--resume-anyway continues with this version"),
    ],
)
def test_what_differs_is_named(changed, words):
    with pytest.raises(RunFolderError, match=words):
        merged_parameters(FOLDER, BEGUN, BEGUN | changed)


def test_another_version_of_a_codec_is_refused():
    begun = BEGUN | {"codecs": [["my.py:Codec", "1"]]}
    with pytest.raises(RunFolderError, match="another version of my.py:Codec; choose another"):
        merged_parameters(FOLDER, begun, BEGUN | {"codecs": [["my.py:Codec", "2"]]})


def test_another_version_of_moclink_goes_on_if_asked():
    asked = BEGUN | {"version": "2.0"}
    assert merged_parameters(FOLDER, BEGUN, asked, resume_anyway=True)["version"] == "2.0"


def test_the_version_is_what_is_said_of_a_newer_run(tmp_path):
    found = {"beam": 4, "snr": [0], "version": "99"}
    with pytest.raises(RunFolderError, match='version = "99", not "1"; --resume-anyway continues'):
        merged_parameters(tmp_path, found, {"snr": [0], "version": "1"})

"""Objects named by module:name or path/to/file.py:name."""

import hashlib
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from moclink.import_path import check_place, describe_error, find_object, source_digest


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.py:block", "channel nowhere.py:block: there is no file nowhere.py"),
        ("no_such_module:block", "there is no module no_such_module on the Python path"),
        ("sionna:", "module:name or path/to/file.py:name is wanted"),
        (":AWGN", "module:name or path/to/file.py:name is wanted"),
        ("sionna:2", "module:name or path/to/file.py:name is wanted"),
    ],
)
def test_a_wrong_place_is_refused_before_anything_is_imported(path, message):
    with pytest.raises(ValueError, match=message):
        check_place(path, "channel")


def test_a_place_is_checked_without_importing_it(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("raise RuntimeError\n")
    before = set(sys.modules)
    check_place(f"{file}:block", "channel")
    check_place("fractions:Fraction", "channel")
    assert set(sys.modules) == before


def test_a_module_and_a_file_give_their_objects(tmp_path):
    assert find_object("fractions:Fraction", "chain") is Fraction
    (tmp_path / "helper_of_mine.py").write_text("GAIN = 3\n")
    file = tmp_path / "my-model.py"
    file.write_text("from helper_of_mine import GAIN\n\nclass Codec:\n    gain = GAIN\n")
    found = find_object(f"{file}:Codec", "chain")
    assert found.gain == 3 and find_object(f"{file}:Codec", "chain") is found  # imported once
    with pytest.raises(ValueError, match=r"my-model.py has no Codek \(did you mean Codec\?\)"):
        find_object(f"{file}:Codek", "chain")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError.*nothing_of_that_name"),
        ("import sys\nsys.exit(0)", "SystemExit: 0.*__main__"),
        ("raise SystemExit('usage')", "SystemExit: usage.*__main__"),
        ("def f(:", "SyntaxError"),
    ],
)
def test_a_file_that_fails_or_ends_the_program_is_named(tmp_path, text, message):
    path = tmp_path / "broken.py"
    path.write_text(text + "\n")
    with pytest.raises(ValueError, match=f"broken.py cannot be imported: {message}") as error:
        find_object(f"{path}:anything", "channel")
    assert "\n" not in str(error.value)


def test_two_files_whose_helpers_have_one_name_are_refused(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "helper_of_one_name.py").write_text(f"NAME = {name!r}\n")
        (tmp_path / name / "model.py").write_text("from helper_of_one_name import NAME\n")
    assert find_object(f"{tmp_path / 'one' / 'model.py'}:NAME", "chain") == "one"
    with pytest.raises(ValueError, match="both have a module helper_of_one_name"):
        find_object(f"{tmp_path / 'two' / 'model.py'}:NAME", "chain")


def test_the_digest_is_that_of_the_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("block = None\n")
    assert source_digest(f"{file}:block") == hashlib.sha256(file.read_bytes()).hexdigest()
    here = hashlib.sha256(Path(sys.modules["fractions"].__file__).read_bytes()).hexdigest()
    assert source_digest("fractions:Fraction") == here
    assert source_digest("sys:path") == source_digest("no_such_module:x") == ""


def test_an_error_is_told_with_the_innermost_line_of_the_users_code(tmp_path):
    file = tmp_path / "faulty.py"
    file.write_text("def fail():\n    return [][1]\n")
    fail = find_object(f"{file}:fail", "chain")
    with pytest.raises(IndexError) as caught:
        fail()
    assert describe_error(caught.value) == "IndexError: list index out of range (faulty.py, line 2)"
    assert describe_error(ValueError("told\nby moclink")) == "told"
    assert describe_error(KeyError()) == "KeyError"


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.py").write_text("C = 5")
    check_place("~/mine.py:C", "chain")
    assert find_object("~/mine.py:C", "chain") == 5
    assert source_digest("~/mine.py:C") == hashlib.sha256(b"C = 5").hexdigest()
    with pytest.raises(ValueError, match=r"there is no file ~/none\.py"):
        check_place("~/none.py:C", "chain")

"""Wrong, unknown and repeated options, and paths in the home folder."""

import argparse
import shlex
from pathlib import Path

import pytest

from moclink.option_parser import Parser, bind_values


def test_a_wrong_argument_is_one_line(capsys):
    parser = Parser(prog="x")
    parser.add_argument("--format", choices=("png", "pdf"))
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--format", "gif"])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("moclink: argument --format: invalid choice: 'gif'")


@pytest.mark.parametrize(
    ("given", "hint"),
    [(["--snr", "0", "5"], True), (["--colour"], False), (["--colour", "5"], False)],
)
def test_values_apart_are_answered_with_how_they_are_joined(capsys, given, hint):
    parser = Parser(prog="x", allow_abbrev=False)
    parser.add_argument("--snr")
    with pytest.raises(SystemExit):
        parser.parse_args(given)
    assert ("joined by commas" in capsys.readouterr().err) == hint


def test_values_that_begin_with_a_dash_are_bound_to_their_option():
    arguments = ["--cbr", "-1/24", "--snr", "-5:3", "--out", "-x"]
    assert bind_values(arguments, "--snr", "--cbr") == [
        "--cbr=-1/24",
        "--snr=-5:3",
        "--out",
        "-x",
    ]


def test_what_may_have_been_meant_is_said(tmp_path, capsys):
    (tmp_path / "results.sqlite").write_bytes(b"")
    one = Parser(allow_abbrev=False)
    one.add_argument("DIR")
    several = Parser(allow_abbrev=False)
    several.add_argument("--chains")
    several.add_argument("--snr")
    several.add_argument("--out")
    for parser, arguments, hint in (
        (several, ["--chain", "softcast"], "did you mean --chains?"),
        (several, ["--nothing-like-it"], "arguments: --nothing-like-it (--help"),
        (
            several,
            [str(tmp_path)],
            f"is the folder of a run, which continues with --out {tmp_path}",
        ),
        (several, ["5"], "several values of one option are joined by commas"),
        (one, ["a", str(tmp_path)], "one run folder at a time"),
    ):
        with pytest.raises(SystemExit, match="2"):
            parser.parse_args(arguments)
        error = capsys.readouterr().err
        assert hint in error and error.count("\n") == 1


def test_an_option_that_is_given_twice_is_said(capsys):
    """The last one counts, as options that are added to those of a script or a Makefile do."""
    parser = Parser(prog="x")
    parser.add_argument("--snr", default="0")
    assert parser.parse_args(["--snr", "5", "--snr", "10"]).snr == "10"
    assert capsys.readouterr().err == "moclink: note: --snr is given twice; 10 counts, 5 does not\n"
    assert parser.parse_args(["--snr", "5", "--snr", "5"]).snr == "5"
    assert parser.parse_args(["--snr", "5"]).snr == "5" and capsys.readouterr().err == ""


def test_a_folder_with_blanks_is_suggested_as_a_shell_reads_it(tmp_path, capsys):
    folder = tmp_path / "r #1 a"
    folder.mkdir()
    (folder / "results.sqlite").touch()
    parser = Parser(allow_abbrev=False)
    parser.add_argument("--snr")
    parser.add_argument("--out")
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args([str(folder)])
    advice = capsys.readouterr().err.partition("continues with ")[2]
    assert shlex.split(advice)[:2] == ["--out", str(folder)]


def test_a_tilde_is_the_home_folder_in_paths_and_kept_in_names(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    parser = Parser()
    parser.add_argument("pictures", nargs="*")
    parser.add_argument("--out", default="~/runs")
    parser.add_argument("--chains", type=str)
    parser.add_argument("--log", type=Path)
    args = parser.parse_args(["~/a", "b~/c", "--out=~/x y", "--chains", "~/my.py:C", "--log=~/l"])
    assert args.log == Path("/home/me/l")
    assert args.pictures == ["/home/me/a", "b~/c"]
    assert (args.out, args.chains) == ("/home/me/x y", "~/my.py:C")
    assert parser.parse_args([]).out == "/home/me/runs"


def test_changed_options_are_those_with_other_values():
    parser = Parser()
    parser.add_argument("pictures", nargs="*")
    parser.add_argument("--harq", default="1")
    parser.add_argument("--append", "--resume", dest="append", action="store_true")
    parser.add_argument("--reuse", action=argparse.BooleanOptionalAction, default=False)
    args = parser.parse_args(["a.png", "--harq", "1", "--resume", "--no-reuse"])
    assert parser.changed(args) == ["--append"]
    assert parser.changed(parser.parse_args(["--harq=2", "--reuse"])) == ["--harq", "--reuse"]

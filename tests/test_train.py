"""The command line of the training: status and errors in one line, without loading a framework."""

import subprocess
import sys

import pytest

from moclink import train


def test_an_unknown_stage_is_status_2(capsys):
    with pytest.raises(SystemExit) as error:
        train.main(["stage3"])
    (line,) = capsys.readouterr().err.splitlines()
    assert error.value.code == 2 and "stage3" in line


@pytest.mark.parametrize("args", [["stage1"], ["stage1", "--steps", "few"], ["jscc", "--crob"]])
def test_a_wrong_option_is_one_line_that_names_it(args, capsys):
    with pytest.raises(SystemExit) as error:
        train.main(args)
    (line,) = capsys.readouterr().err.splitlines()
    assert error.value.code == 2 and line.startswith("moclink: ") and "--" in line


@pytest.mark.parametrize("error", [ValueError, OSError, FloatingPointError])
def test_what_goes_wrong_in_a_stage_is_one_line_and_status_2(error, monkeypatch, capsys):
    def stage(args):
        raise error("the first line\n    and the second")

    monkeypatch.setattr(train, "run_stage", stage)
    assert train.main(["export", "--codec", "c", "--out", "o"]) == 2
    assert capsys.readouterr().err == "moclink.train: the first line and the second\n"


def test_the_status_of_a_stage_is_that_of_the_command(monkeypatch):
    monkeypatch.setattr(train, "run_stage", lambda args: 130 if args.codec == "stopped" else 0)
    assert train.main(["export", "--codec", "stopped", "--out", "o"]) == 130
    assert train.main(["export", "--codec", "done", "--out", "o"]) == 0


def test_help_loads_no_framework():
    code = (
        "import sys; from moclink import train\n"
        "try: train.main(['stage1', '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('tensorflow', 'keras', 'jax', 'torch') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert out.strip().endswith("[]")

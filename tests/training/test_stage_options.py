"""Options of the stages that train on patches."""

import argparse
import re

import pytest

from moclink.training.options import make_parser
from moclink.training.stage_options import add_jscc, add_plan, add_stage1, add_stage2

ADDED = {"stage1": add_stage1, "stage2": add_stage2, "jscc": add_jscc}
FILES = ["--data", "d", "--out", "o", "--codec", "c"]
TABLES = ("link-classes", "link-codebooks", "link-coefficients")
STAGES = (*ADDED, "channel", "patches", "reorder", "export", "all", "link", "link-gpu", *TABLES)


@pytest.mark.parametrize("stage", ADDED)
def test_a_stage_has_the_options_of_a_plan_and_its_own(stage):
    parser = argparse.ArgumentParser()
    ADDED[stage](parser.add_subparsers())
    args = vars(parser.parse_args([stage, *FILES]))
    plan = argparse.ArgumentParser()
    add_plan(plan, batch=1, rate=1.0, steps=1)
    assert vars(plan.parse_args(["--out", "o"])).keys() < args.keys()
    noisy = args.get("snr")  # stage 1 knows no channel
    assert noisy == (None if stage == "stage1" else [-5.0, 30.0])


@pytest.mark.parametrize("stage", STAGES)
def test_help_says_what_every_option_is(stage, capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args([stage, "--help"])
    lines = capsys.readouterr().out.partition("options:\n")[2].splitlines()
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("  -"):
            explained = re.search(r"\S {2,}\S", line.strip()) or re.match(r" {8,}\S", after)
            assert explained, line

"""Options of the training: sizes and backends that there are, plans that are refused."""

import importlib.util
import os

import pytest

from moclink.codec.sizes import SIZES as CODEC_SIZES
from moclink.train import main
from moclink.training.options import SIZES, make_parser, use_backend


def test_sizes_are_those_of_the_codec():
    assert sorted(SIZES) == sorted(CODEC_SIZES)


@pytest.mark.parametrize("stage", ["stage1", "stage2", "jscc"])
def test_trained_stages_share_the_options_of_a_run(stage):
    codec = ["--codec", "c"] if stage == "stage2" else []
    args = make_parser().parse_args([stage, "--data", "d", "--out", "o", *codec])
    assert args.stage == stage and args.minutes is None and args.seed == 0
    for name in ("steps", "crop", "batch", "warmup", "learning_rate", "checkpoint_minutes"):
        assert getattr(args, name) > 0
    assert args.crop % 8 == 0 and not args.mixed_precision and not args.no_jit


def test_a_stage_without_its_files_is_refused(capsys):
    for command in (["stage2", "--data", "d", "--out", "o"], ["export", "--codec", "c"]):
        with pytest.raises(SystemExit) as error:
            make_parser().parse_args(command)
        assert error.value.code == 2 and "required: --" in capsys.readouterr().err


def test_a_backend_is_chosen_by_the_environment_of_keras(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert make_parser().parse_args(["jscc", "--data", "d", "--out", "o"]).backend == "jax"
    use_backend("tensorflow")
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


def test_a_backend_of_another_name_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert main(["reorder", "--data", "d", "--codec", "c", "--out", "x"]) == 2
    assert (
        "KERAS_BACKEND is 'theano'; it must be one of tensorflow, jax, torch"
        in capsys.readouterr().err
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["jscc", "--data", "d", "--out", "x", "--backend", "torch"]) == 2
    assert "--backend torch: torch is not installed; pip install torch" in capsys.readouterr().err


def test_every_option_that_takes_a_path_takes_a_tilde(monkeypatch):
    """Options without a type take text; `~/` begins a path alone, in whichever of them."""
    monkeypatch.setenv("HOME", "/home/me")
    stages = make_parser()._subparsers._group_actions[0].choices
    asked = {
        "patches": ["pictures", "--out", "--resize-only"],
        "stage1": ["--data", "--out", "--codec", "--features", "--lpips", "--st-lpips-file"],
        "reorder": ["--data", "--out", "--codec"],
        "stage2": ["--data", "--out", "--codec"],
        "jscc": ["--data", "--out", "--codec"],
        "channel": ["--data", "--out", "--codec", "--codebooks"],
        "link": ["pictures", "--out", "--data", "--start", "--classes", "--codebooks"],
        "link-gpu": ["pictures", "--out", "--resume", "--alex-file", "--vgg-file"],
        "link-classes": ["pictures", "--out"],
        "link-coefficients": ["pictures", "--out"],
        "link-codebooks": ["--out", "--robust-of"],
        "all": ["pictures", "--out", "--codec"],
        "export": ["--out", "--codec", "--test"],
    }
    assert asked.keys() == stages.keys()
    for stage, options in asked.items():
        named = [part for o in options if o != "pictures" for part in (f"{o}", "~/a b")]
        given = [*(["~/a b"] if "pictures" in options else []), *named]
        args = vars(make_parser().parse_args([stage, *given]))
        for option in options:
            value = args[option.removeprefix("--").replace("-", "_")]
            assert value in ("/home/me/a b", ["/home/me/a b"]), (stage, option)

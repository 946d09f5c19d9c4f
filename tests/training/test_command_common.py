"""What the stages' commands share: the data, plans that are refused by option, notes of a codec."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from moclink.training.command_common import (
    check_terms,
    finish,
    load_guides,
    loop_options,
    open_codec,
    open_data,
    set_precision,
)
from moclink.training.options import make_parser


def parsed(*arguments):
    return make_parser().parse_args([str(argument) for argument in arguments])


def test_validation_is_on_pictures_held_out_or_a_line_says_that_there_are_none(
    data, tmp_path, capsys
):
    options = ("--out", tmp_path, "--crop", 32, "--batch", 3)
    feeder, held_out = open_data(parsed("stage1", "--data", data, *options))
    assert feeder(0).shape == (3, 32, 32, 3)
    assert 0 < len(held_out) <= 12
    assert all(picture.dtype == np.float32 and picture.max() <= 1 for picture in held_out)
    assert capsys.readouterr().err == ""
    without = tmp_path / "without"
    shutil.copytree(data, without, ignore=shutil.ignore_patterns("held_out"))
    _, trained_on = open_data(parsed("stage1", "--data", without, *options))
    assert len(trained_on) > 0
    assert "no picture was held out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--steps", "--steps is 0"),
        ("--learning-rate", "--learning-rate is 0.0"),
        ("--log-every", "--log-every is 0"),
    ],
)
def test_a_plan_is_refused_by_the_name_of_its_option(option, message):
    args = parsed("jscc", "--data", "d", "--out", "o", option, 0)
    with pytest.raises(ValueError, match=f"^{message}"):
        loop_options(args)


@pytest.mark.parametrize(
    ("stage", "option", "values", "message"),
    [
        ("stage1", "--st-lpips", [-1], "--st-lpips is -1.0; it must be at least 0 and finite"),
        ("stage1", "--adversarial", ["nan"], "--adversarial is nan; it must be at least 0"),
        ("stage1", "--full-share", [2], "--full-share is 2.0; it must be 0 to 1"),
        ("stage1", "--ema", [1], "--ema is 1.0; it must be at least 0 and below 1"),
        ("stage1", "--free-steps", [-1], "--free-steps is -1; it must be at least 0"),
        ("stage2", "--feature", ["-inf"], "--feature is -inf; it must be at least 0"),
        ("stage2", "--snr", [30, -5], "--snr is 30 -5; give LOW and HIGH"),
        ("jscc", "--snr", ["nan", 5], "--snr is nan 5; give LOW and HIGH"),
    ],
)
def test_terms_are_refused_by_the_name_of_their_option(stage, option, values, message):
    codec = ["--codec", "c"] if stage == "stage2" else []
    given = [option, *values] if len(values) > 1 else [f"{option}={values[0]}"]
    with pytest.raises(ValueError, match=f"^{message}"):
        check_terms(parsed(stage, "--data", "d", "--out", "o", *codec, *given))
    check_terms(parsed(stage, "--data", "d", "--out", "o", *codec))


def test_settings_of_the_user_change_nothing_but_the_asked_for_precision():
    keras.config.set_floatx("float64")
    try:
        assert set_precision(True, 5) == "mixed_bfloat16"
        first = keras.random.normal((3,))
        assert set_precision(False, 5) == "float32"
        np.testing.assert_array_equal(keras.random.normal((3,)), first)  # the seed
    finally:
        keras.config.set_floatx("float32")
    assert keras.config.floatx() == "float32" == keras.config.dtype_policy().name


def test_a_codec_of_a_size_is_untrained_and_one_of_a_file_trained(tmp_path):
    codec, trained = open_codec("toy", seed=1)
    again, _ = open_codec("toy", seed=1)
    assert not trained
    for one, two in zip(codec.encoder.weights, again.encoder.weights, strict=True):
        np.testing.assert_array_equal(one, two)
    codec.save(tmp_path / "mine")
    assert open_codec(str(tmp_path / "mine"))[1]
    assert type(open_codec("toy", analog=True)[0]).__name__ == "AnalogCodec"


def test_fixed_networks_are_loaded_only_if_asked_for():
    assert load_guides(parsed("stage1", "--data", "d", "--out", "o")) == {}


class Notes:
    """A codec that keeps what it would write."""

    def __init__(self, notes):
        self.notes, self.saved = notes, None

    def save(self, path, notes):
        self.saved = path, notes
        return path


def test_notes_say_how_a_codec_was_trained_and_name_no_folder(tmp_path):
    args = parsed(
        "stage1", "--data", "d", "--out", tmp_path, "--features", "/home/me/vgg.h5", "--lpips"
    )
    outcome = SimpleNamespace(finished=True, step=40, seconds=90.0, figures={"l4": 28.0})
    codec = Notes({"stage1": {"steps": 7}, "reorder": {}})
    assert finish(codec, outcome, args) == 0
    path, notes = codec.saved
    assert path == Path(tmp_path) / "codec" and notes["reorder"] == {}
    stage = notes["stage1"]
    assert (stage["steps"], stage["minutes"], stage["validation"]) == (40, 1.5, {"l4": 28.0})
    assert stage["continues"] == {"steps": 7}
    assert stage["options"]["features"] == "vgg.h5" and not {"data", "out"} & set(stage["options"])


def test_a_stage_that_was_stopped_saves_nothing_and_has_status_130():
    codec = Notes({})
    assert (
        finish(codec, SimpleNamespace(finished=False), parsed("jscc", "--data", "d", "--out", "o"))
        == 130
    )
    assert codec.saved is None

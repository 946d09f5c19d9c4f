"""Weights on disk: what was written comes back, and what is damaged is refused in one line."""

import hashlib
import json

import numpy as np
import pytest

from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.weights import base_path


def test_files_bring_back_the_codec_in_half_precision(codec, tmp_path, pictures):
    description = codec.save(tmp_path / "mine", {"trained on": "nothing"})
    images = pictures(1, 40, 24)
    indices = codec.encode(images)
    for path in (tmp_path / "mine", str(description), tmp_path / "mine.weights.h5"):
        loaded = SemanticCodec.from_preset(path)
    assert loaded.notes == {"trained on": "nothing"} and loaded.config == codec.config
    for mine, theirs in zip(codec.network.get_weights(), loaded.network.get_weights(), strict=True):
        np.testing.assert_array_equal(mine.astype(np.float16).astype(np.float32), theirs)
    assert np.abs(loaded.decode(indices) - codec.decode(indices)).max() < 0.01
    # Written again, the halves are already halves: the same weights come back.
    again = SemanticCodec.from_preset(loaded.save(tmp_path / "again"))
    np.testing.assert_array_equal(
        again.decode(indices, snr_db=3.0), loaded.decode(indices, snr_db=3.0)
    )


def test_bad_files_are_refused_with_a_remedy(codec, tmp_path):
    description = codec.save(tmp_path / "mine")
    weights = tmp_path / "mine.weights.h5"
    good, text = weights.read_bytes(), description.read_text()

    def refused(match):
        with pytest.raises(ValueError, match=match):
            SemanticCodec.from_preset(description)

    weights.write_bytes(good[:-7] + b"garbage")
    refused("does not match the sha256.*again")
    weights.unlink()
    refused("is missing; it belongs beside mine.json: fetch or export")
    weights.write_bytes(good)
    description.write_text(text[:50])
    refused("damaged.*again")
    description.write_text(text.replace('"format": 1', '"format": 99'))
    refused("format 99.*update")
    changed = json.loads(text)
    changed["config"]["decoder"]["widths"] = [24, 16]
    description.write_text(json.dumps(changed))
    refused("does not fit its config")
    changed["config"]["decoder"]["colour"] = "blue"
    description.write_text(json.dumps(changed))
    refused("does not fit its config")
    description.write_text(text)
    with pytest.raises(ValueError, match="kind 'semantic', not 'analog'"):
        AnalogCodec.from_preset(description)
    with pytest.raises(ValueError, match=r"none\.json does not exist"):
        SemanticCodec.from_preset(tmp_path / "none")
    with pytest.raises(ValueError, match="'giant' is neither.*from_size"):
        SemanticCodec.from_preset("giant")


def test_weights_beyond_half_precision_are_not_written(tmp_path):
    codec = AnalogCodec.from_size("toy")
    codec.encoder.head.bias.assign(np.full(96, 1e6))
    with pytest.raises(ValueError, match="beyond float16"):
        codec.save(tmp_path / "mine")


@pytest.fixture
def saved(codec, tmp_path):
    """(description, weights) of an export, and a function that rewrites the description."""
    description = codec.save(tmp_path / "mine")
    weights = tmp_path / "mine.weights.h5"

    def write(change=lambda text: None):
        text = json.loads(description.read_text())
        text["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
        change(text)
        description.write_text(json.dumps(text))
        return description

    return weights, write


@pytest.mark.parametrize("kept", [0, 8, 100, 2000, 20_000, -100])
def test_a_damaged_file_whose_hash_matches_is_one_line(saved, kept):
    weights, write = saved
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(ValueError, match="does not fit its config or this version") as error:
        SemanticCodec.from_preset(write())
    assert "\n" not in str(error.value)


def test_damage_anywhere_in_the_file_is_an_error_or_other_weights(saved):
    weights, write = saved
    good, rng = weights.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(12):
        damaged = bytearray(good)
        place = int(rng.integers(len(good) - 64))
        damaged[place : place + 64] = rng.bytes(64)
        weights.write_bytes(damaged)
        try:
            SemanticCodec.from_preset(write())
        except ValueError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 0


@pytest.mark.parametrize(
    ("part", "name", "value", "words"),
    [
        ("encoder", "widths", [40_000, 128], "bytes of weights at least"),
        ("decoder", "widths", [40_000, 16], "bytes of weights at least"),
        ("encoder", "depths", [4000, 4000], "each must be 0 to 64"),
        ("nrb", "groups", 4000, "each must be 0 to 64"),
        ("nrb", "window", 40_000, "bytes of weights at least"),
        ("nrb", "width", 100_000, "bytes of weights at least"),
        ("encoder", "latent_channels", 10**9, "bytes of weights at least"),
        ("encoder", "widths", "wide", "another type"),
        ("quantizer", "levels", 12, r"states\*\*levels"),
        ("quantizer", "states", "eight", "fit"),
    ],
)
def test_configs_out_of_proportion_are_refused_before_anything_is_built(
    saved, part, name, value, words
):
    def change(text):
        text["config"][part][name] = value

    with pytest.raises(ValueError, match=words):
        SemanticCodec.from_preset(saved[1](change))


def test_weights_that_are_not_finite_are_refused(codec, tmp_path, monkeypatch):
    from moclink.codec import weights as module

    broken = SemanticCodec(codec.config)
    broken.network.set_weights(codec.network.get_weights())
    broken.encoder.head.bias.assign(np.full(16, np.nan))
    with monkeypatch.context() as patch:
        patch.setattr(module.np, "isfinite", lambda value: np.ones_like(value, bool))
        description = broken.save(tmp_path / "nan")
    with pytest.raises(ValueError, match="not finite"):
        SemanticCodec.from_preset(description)


def test_both_names_have_one_base():
    assert {str(base_path(f"runs/a.b{end}")) for end in ("", ".json", ".weights.h5")} == {
        "runs/a.b"
    }


def test_a_tilde_is_the_home_folder(codec, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert codec.save("~/mine") == tmp_path / "mine.json"
    assert SemanticCodec.from_preset("~/mine").config == codec.config
    assert base_path("~/mine.weights.h5") == tmp_path / "mine"
    assert list((tmp_path / "work").iterdir()) == []

"""Codecs and their files: shipped ones by name, notes that stay, kinds that are told apart."""

import copy
import pickle

import numpy as np
import pytest

from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.sizes import analog_size, size
from moclink.codec.tiling import PositionLimit


@pytest.mark.parametrize(
    ("kind", "config"), [(SemanticCodec, size("toy")), (AnalogCodec, analog_size("toy"))]
)
def test_a_codec_of_a_size_comes_back_from_its_file(kind, config, tmp_path):
    codec = kind.from_size("toy", PositionLimit(positions=100))
    assert type(codec) is kind and codec.config == config and codec.position_limit.positions == 100
    assert codec.notes == {}
    path = codec.save(tmp_path / "deep" / "mine.json", {"steps": 3})
    again = kind.from_preset(path, PositionLimit(positions=7))
    assert type(again) is kind and (again.config, again.position_limit.positions) == (config, 7)
    for mine, theirs in zip(codec.network.weights, again.network.weights, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-7)  # half precision
    # Notes are those of the file until others are given.
    assert kind.from_preset(again.save(tmp_path / "kept")).notes == {"steps": 3}
    assert kind.from_preset(again.save(tmp_path / "new", {"a": 1})).notes == {"a": 1}


@pytest.mark.parametrize(
    ("kind", "other"), [(SemanticCodec, AnalogCodec), (AnalogCodec, SemanticCodec)]
)
def test_the_weights_of_the_other_kind_are_refused(kind, other, tmp_path):
    path = kind.from_size("toy").save(tmp_path / "mine")
    with pytest.raises(ValueError, match=f"kind '{kind.kind}', not '{other.kind}'"):
        other.from_preset(path)


def test_shipped_weights_are_found_by_their_name_and_others_named():
    codec = SemanticCodec.from_preset("small")
    assert codec.config["encoder"] == size("small")["encoder"] and "stage1" in codec.notes
    for kind in (SemanticCodec, AnalogCodec):
        with pytest.raises(ValueError, match=r"'tiny' is neither .*from_size"):
            kind.from_preset("tiny")


@pytest.mark.parametrize("kind", [SemanticCodec, AnalogCodec])
def test_a_codec_is_copied_and_sent_to_another_process(kind):
    codec = kind.from_size("toy", PositionLimit(positions=100))
    codec.notes = {"steps": 3}
    images = np.random.default_rng(0).random((1, 16, 24, 3), np.float32)
    sent = np.asarray(codec.encode(images))
    for again in (pickle.loads(pickle.dumps(codec)), copy.deepcopy(codec)):
        assert type(again) is kind and again.network is not codec.network
        assert (again.config, again.position_limit, again.notes) == (
            codec.config,
            codec.position_limit,
            {"steps": 3},
        )
        assert np.array_equal(np.asarray(again.encode(images)), sent)


def test_presets_that_there_are_are_named():
    with pytest.raises(ValueError, match=r"'Small' is neither .* \(small, small-perceptual\)"):
        SemanticCodec.from_preset("Small")


def test_a_codec_that_cannot_be_saved_leaves_the_one_that_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    codec = SemanticCodec.from_size("toy")
    path = codec.save("mine", {"steps": 3})
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for notes in ({"loss": np.float32(1)}, "three steps", ["a"]):
        with pytest.raises(ValueError, match="notes are .*; give a dict of text, Python numbers"):
            codec.save("mine", notes)
    for place in (None, "", 7):
        with pytest.raises(ValueError, match="path is .*; the path of a file is wanted"):
            codec.save(place)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("os.replace", full)
        with pytest.raises(OSError, match="No space left"):
            codec.save("mine", {"steps": 4})
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert SemanticCodec.from_preset(path).notes == {"steps": 3}


def test_a_name_is_no_configuration():
    for config in ("small", {"encoder": {}}, None):
        with pytest.raises(ValueError, match="config is .* SemanticCodec.from_preset"):
            SemanticCodec(config)
    with pytest.raises(ValueError, match=r"parts \(encoder, decoder\), .* AnalogCodec.from_preset"):
        AnalogCodec("small")


@pytest.mark.tensorflow_only("Keras itself makes arrays of PyTorch's tensors in the old way")
@pytest.mark.filterwarnings("error")
def test_a_codec_is_used_without_a_warning():
    """As under `python -W error`: NumPy deprecates how Keras turns variables into arrays."""
    codec = SemanticCodec.from_size("toy")
    images = np.random.default_rng(0).random((1, 16, 24, 3), np.float32)
    assert codec.decode(codec.encode(images), snr_db=3.0).shape == (1, 16, 24, 3)
    assert codec.priors.shape == (4, 4, 8)


@pytest.mark.parametrize("preset", [None, "", 4, ["small"]], ids=repr)
def test_what_is_no_name_of_weights_is_answered_with_the_names(preset):
    with pytest.raises(ValueError, match="preset is .*; give the name of shipped weights .*small"):
        SemanticCodec.from_preset(preset)

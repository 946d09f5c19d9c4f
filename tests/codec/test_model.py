"""The codecs from NumPy to NumPy: receiver path, stripes, files, other numbers of states."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from moclink.codec.analog import power_normalize
from moclink.codec.analog_model import AnalogCodec
from moclink.codec.model import SemanticCodec
from moclink.codec.runner import Budget
from moclink.codec.sizes import size


def loud(codec, seed=0):
    """Give an untrained codec weights that do something everywhere, the NRB included."""
    rng = np.random.default_rng(seed)
    for weight in codec.network.weights:
        if weight.name not in ("priors", "codebook"):
            weight.assign(weight + 0.05 * rng.normal(size=weight.shape))
    if isinstance(codec, SemanticCodec):
        images = pictures(4, 64, 64)
        codec.quantizer.initialize(ops.convert_to_numpy(codec.encoder(images)))
        codec.quantizer.record_priors(rng.integers(1, 50, size=codec.priors.shape))
    return codec


def pictures(batch, height, width, seed=1):
    return np.random.default_rng(seed).random((batch, height, width, 3)).astype(np.float32)


def copy_of(codec, budget):
    twin = type(codec)(codec.config, budget)
    twin.network.set_weights(codec.network.get_weights())
    return twin


@pytest.fixture(scope="module")
def codec():
    return loud(SemanticCodec.from_size("toy"))


@pytest.mark.parametrize(("height", "width"), [(61, 45), (8, 8), (3, 70)])
def test_any_picture_goes_through(codec, height, width):
    images = pictures(2, height, width)
    indices = codec.encode(images)
    assert indices.shape == (2, -(-height // 8), -(-width // 8), 4, 4) and indices.dtype == np.int32
    decoded = codec.decode(indices, snr_db=[3, 20], height=height, width=width)
    assert decoded.shape == images.shape and decoded.dtype == np.float32
    assert decoded.min() >= 0 and decoded.max() <= 1


def test_receiver_is_look_up_then_nrb_then_requantisation_then_decoder(codec):
    indices = codec.encode(pictures(2, 40, 24))
    levels, snr_db = np.array([2, 3]), np.array([4.0, 12.0], np.float32)
    z = codec.quantizer.look_up(indices, levels)
    plain = ops.clip(codec.decoder(z), 0, 1)
    np.testing.assert_allclose(codec.decode(indices, levels, snr_db, use_nrb=False), plain, atol=1e-5)
    np.testing.assert_allclose(codec.decode(indices, levels), plain, atol=1e-5)
    refined = codec.quantizer.requantize(codec.nrb(z, levels, snr_db), levels)
    full = ops.clip(codec.decoder(refined), 0, 1)
    np.testing.assert_allclose(codec.decode(indices, levels, snr_db), full, atol=1e-5)
    assert np.abs(ops.convert_to_numpy(full - plain)).max() > 1e-3
    soft = ops.clip(codec.decoder(codec.nrb(z, levels, snr_db)), 0, 1)
    np.testing.assert_allclose(codec.decode(indices, levels, snr_db, requantize=False), soft, atol=1e-5)
    assert np.abs(ops.convert_to_numpy(full - soft)).max() > 1e-3


def test_certain_posteriors_decode_as_their_indices(codec):
    indices = codec.encode(pictures(1, 24, 32))
    certain = np.eye(8, dtype=np.float32)[indices]
    np.testing.assert_allclose(codec.decode(certain), codec.decode(indices), atol=1e-5)


def test_levels_that_were_not_sent_need_not_be_there(codec):
    indices = codec.encode(pictures(1, 24, 32))
    np.testing.assert_array_equal(codec.decode(indices[:, :, :, :2]), codec.decode(indices, levels=2))


def test_posteriors_weigh_likelihoods_by_the_measured_use(codec):
    scores = np.random.default_rng(2).normal(size=(1, 2, 2, 2, 4, 8)).astype(np.float32)
    joint = np.exp(scores) * codec.priors[:2]
    np.testing.assert_allclose(codec.posteriors(scores), joint / joint.sum(-1, keepdims=True), atol=1e-6)


def test_stripes_and_small_batches_give_the_whole_pictures_result(codec):
    """61 rows of cells in stripes of 8; float32 rounds differently, nothing else differs."""
    small = copy_of(codec, Budget(cells=64))
    images = pictures(2, 61 * 8 + 3, 45)
    indices = codec.encode(images)
    assert (small.encode(images) != indices).mean() < 1e-4  # a tie may fall the other way
    for snr_db in (None, 6.0):
        whole, striped = codec.decode(indices, snr_db=snr_db), small.decode(indices, snr_db=snr_db)
        assert (np.abs(whole - striped) > 1e-4).mean() < 1e-3


def test_group_normalisation_is_never_cut():
    """Its statistics run over the whole picture, so a cut would change it."""
    config = size("toy")
    for part in ("encoder", "decoder"):
        config[part].update(normalization="group", groups=4)
    codec = loud(SemanticCodec(config))
    small = copy_of(codec, Budget(cells=8))
    images = pictures(1, 200, 24)
    indices = codec.encode(images)
    np.testing.assert_array_equal(small.encode(images), indices)
    np.testing.assert_allclose(small.decode(indices), codec.decode(indices), atol=1e-6)


def test_renumbered_codes_decode_to_the_same_bits(codec):
    twin = copy_of(codec, Budget())
    images = pictures(1, 40, 40)
    rng = np.random.default_rng(3)
    labels = np.stack([[rng.permutation(8) for _ in range(4)] for _ in range(4)])
    twin.quantizer.renumber(labels)
    indices, renamed = codec.encode(images), twin.encode(images)
    assert (indices != renamed).any()
    np.testing.assert_array_equal(twin.decode(renamed), codec.decode(indices))


@pytest.mark.parametrize("states", [4, 16])
def test_other_constellations(states):
    config = size("toy")
    config["quantizer"]["states"] = states
    codec = loud(SemanticCodec(config))
    indices = codec.encode(pictures(1, 32, 32))
    assert indices.max() == states - 1
    posteriors = codec.posteriors(np.zeros((*indices.shape, states), np.float32))
    assert codec.decode(posteriors, snr_db=5.0).shape == (1, 32, 32, 3)


def test_pictures_of_many_sizes_share_one_graph(codec, monkeypatch):
    """On TensorFlow, sizes seen before the graph was relaxed cost a trace each; later ones cost none."""
    for side in (16, 24, 32):
        codec.decode(codec.encode(pictures(1, side, side)))
    calls = []
    decoder_call = type(codec.decoder).call
    monkeypatch.setattr(type(codec.decoder), "call", lambda *a, **k: calls.append(1) or decoder_call(*a, **k))
    for side in (40, 56, 72, 88):
        codec.decode(codec.encode(pictures(1, side, side + 8)))
    assert not calls


def test_files_bring_back_the_codec_in_half_precision(codec, tmp_path):
    page = codec.save(tmp_path / "mine", {"trained on": "nothing"})
    images = pictures(1, 40, 24)
    indices = codec.encode(images)
    for path in (tmp_path / "mine", str(page), tmp_path / "mine.weights.h5"):
        loaded = SemanticCodec.from_preset(path)
    assert loaded.notes == {"trained on": "nothing"} and loaded.config == codec.config
    for mine, theirs in zip(codec.network.get_weights(), loaded.network.get_weights(), strict=True):
        np.testing.assert_array_equal(mine.astype(np.float16).astype(np.float32), theirs)
    assert np.abs(loaded.decode(indices) - codec.decode(indices)).max() < 0.01
    # Written again, the halves are already halves: the same weights come back.
    again = SemanticCodec.from_preset(loaded.save(tmp_path / "again"))
    np.testing.assert_array_equal(again.decode(indices, snr_db=3.0), loaded.decode(indices, snr_db=3.0))


def test_bad_files_are_refused_with_a_remedy(codec, tmp_path):
    page = codec.save(tmp_path / "mine")
    weights = tmp_path / "mine.weights.h5"
    good, text = weights.read_bytes(), page.read_text()

    def refused(match):
        with pytest.raises(ValueError, match=match):
            SemanticCodec.from_preset(page)

    weights.write_bytes(good[:-7] + b"garbage")
    refused("does not match the sha256.*again")
    weights.unlink()
    refused("is missing; it belongs beside mine.json: fetch or export")
    weights.write_bytes(good)
    page.write_text(text[:50])
    refused("damaged.*again")
    page.write_text(text.replace('"format": 1', '"format": 99'))
    refused("format 99.*update")
    changed = json.loads(text)
    changed["config"]["decoder"]["widths"] = [24, 16]
    page.write_text(json.dumps(changed))
    refused("does not fit its config")
    changed["config"]["decoder"]["colour"] = "blue"
    page.write_text(json.dumps(changed))
    refused("does not fit its config")
    page.write_text(text)
    with pytest.raises(ValueError, match="kind 'semantic', not 'analog'"):
        AnalogCodec.from_preset(page)
    with pytest.raises(ValueError, match=r"none\.json does not exist"):
        SemanticCodec.from_preset(tmp_path / "none")
    with pytest.raises(ValueError, match="'giant' is neither.*from_size"):
        SemanticCodec.from_preset("giant")


def test_weights_beyond_half_precision_are_not_written(tmp_path):
    codec = AnalogCodec.from_size("toy")
    codec.encoder.head.bias.assign(np.full(96, 1e6))
    with pytest.raises(ValueError, match="beyond float16"):
        codec.save(tmp_path / "mine")


def test_wrong_inputs_are_refused(codec):
    indices = codec.encode(pictures(1, 16, 16))
    with pytest.raises(ValueError, match=r"shape \(16, 16, 3\).*\[B, H, W, 3\]"):
        codec.encode(pictures(1, 16, 16)[0])
    with pytest.raises(ValueError, match=r"uint8 in 0\.\.255"):
        codec.encode(np.array([0, 255, 7], np.uint8).reshape(1, 1, 1, 3))
    with pytest.raises(ValueError, match="floats in"):
        codec.encode(pictures(1, 16, 16) * np.nan)
    with pytest.raises(ValueError, match=r"indices span 0\.\.8"):
        codec.decode(np.array([0, 8, 1, 1], np.int32).reshape(1, 1, 1, 1, 4))
    with pytest.raises(ValueError, match="must be 1 to 2, the levels received"):
        codec.decode(indices[:, :, :, :2], levels=3)
    with pytest.raises(ValueError, match="must be indices, int"):
        codec.decode(indices[..., :2])
    with pytest.raises(ValueError, match="0 cells"):
        Budget(0)


def test_analog_codec_sends_unit_power_and_comes_back_from_a_file(tmp_path):
    codec = loud(AnalogCodec.from_size("toy"))
    images = pictures(2, 61, 45)
    reals = codec.encode(images)
    assert reals.shape == (2, 8, 6, 96)
    symbols = reals[..., ::2] + 1j * reals[..., 1::2]
    np.testing.assert_allclose((np.abs(symbols) ** 2).mean((1, 2, 3)), 1, atol=1e-5)
    z = ops.convert_to_numpy(codec.encoder(images))
    np.testing.assert_allclose(reals, ops.convert_to_numpy(power_normalize(z)), atol=1e-5)
    decoded = codec.decode(reals, 61, 45)
    assert decoded.shape == images.shape
    striped = copy_of(codec, Budget(cells=48)).decode(reals, 61, 45)
    np.testing.assert_allclose(striped, decoded, atol=1e-5)
    loaded = AnalogCodec.from_preset(codec.save(tmp_path / "analog"))
    assert np.abs(loaded.decode(reals, 61, 45) - decoded).max() < 0.01
    with pytest.raises(ValueError, match=r"\[B, h, w, 96\]"):
        codec.decode(reals[..., :90])


def test_jax_decodes_what_tensorflow_encoded(codec, tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed (pip install moclink[jax])")
    mine = SemanticCodec.from_preset(codec.save(tmp_path / "mine"))
    images = pictures(1, 45, 24)
    np.savez(tmp_path / "sent.npz", images=images, indices=mine.encode(images))
    program = (
        "import numpy as np; from moclink.codec.model import SemanticCodec\n"
        "codec, sent = SemanticCodec.from_preset('mine'), np.load('sent.npz')\n"
        "np.savez('got.npz', encoded=codec.encode(sent['images']),"
        " decoded=codec.decode(sent['indices'], snr_db=7.0, height=45, width=24))"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(tmp_path / "sent.npz") as sent, np.load(tmp_path / "got.npz") as got:
        assert (got["encoded"] != sent["indices"]).mean() < 0.01  # a tie may fall the other way
        expected = mine.decode(sent["indices"], snr_db=7.0, height=45, width=24)
        assert (np.abs(got["decoded"] - expected) > 1e-3).mean() < 0.01

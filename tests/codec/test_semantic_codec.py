"""The codecs from NumPy to NumPy: receiver path, stripes, files, other numbers of states."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from moclink.codec.reordering import renumber
from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.sizes import size
from moclink.codec.tiling import PositionLimit


@pytest.mark.parametrize(("height", "width"), [(61, 45), (8, 8), (3, 70)])
def test_any_picture_goes_through(codec, height, width, pictures):
    images = pictures(2, height, width)
    indices = codec.encode(images)
    assert indices.shape == (2, -(-height // 8), -(-width // 8), 4, 4) and indices.dtype == np.int32
    decoded = codec.decode(indices, snr_db=[3, 20], height=height, width=width)
    assert decoded.shape == images.shape and decoded.dtype == np.float32
    assert decoded.min() >= 0 and decoded.max() <= 1


def test_receiver_is_look_up_then_nrb_then_requantisation_then_decoder(codec, pictures):
    indices = codec.encode(pictures(2, 40, 24))
    levels, snr_db = np.array([2, 3]), np.array([4.0, 12.0], np.float32)
    z = codec.quantizer.look_up(indices, levels)
    plain = ops.convert_to_numpy(ops.clip(codec.decoder(z), 0, 1))
    np.testing.assert_allclose(
        codec.decode(indices, levels, snr_db, use_nrb=False), plain, atol=1e-5
    )
    np.testing.assert_allclose(codec.decode(indices, levels), plain, atol=1e-5)
    refined = codec.quantizer.requantize(codec.nrb(z, levels, snr_db), levels)
    full = ops.convert_to_numpy(ops.clip(codec.decoder(refined), 0, 1))
    np.testing.assert_allclose(codec.decode(indices, levels, snr_db), full, atol=1e-5)
    assert np.abs(full - plain).max() > 1e-3
    soft = ops.clip(codec.decoder(codec.nrb(z, levels, snr_db)), 0, 1)
    soft = ops.convert_to_numpy(soft)
    np.testing.assert_allclose(
        codec.decode(indices, levels, snr_db, requantize=False), soft, atol=1e-5
    )
    assert np.abs(full - soft).max() > 1e-3


def test_certain_posteriors_decode_as_their_indices(codec, pictures):
    indices = codec.encode(pictures(1, 24, 32))
    certain = np.eye(8, dtype=np.float32)[indices]
    np.testing.assert_allclose(codec.decode(certain), codec.decode(indices), atol=1e-5)


@pytest.mark.parametrize("levels", [1, 4])
def test_search_on_a_gpu_chooses_what_the_processor_chooses(levels, pictures, monkeypatch):
    """The GPU's way, here on a CPU: sums as near, and the same codes but where two are as near."""
    codec = SemanticCodec.from_preset("small")
    images = pictures(2, 48, 64)
    here = codec.encode(images, levels)
    z = codec.latents(images)
    expected = codec.decode(here[:, :, :, :levels], snr_db=5.0)
    monkeypatch.setattr("moclink.codec.semantic_codec.on_torch_gpu", lambda: True)
    there = codec.encode(images, levels)
    assert there.dtype == np.int32 and there.shape == here.shape
    assert (there != here).mean() < 0.01
    distances = []
    for codes in (here, there):
        vectors = ops.convert_to_numpy(codec.quantizer.look_up(codes, levels))
        distances.append(((vectors - z) ** 2).sum())
    assert distances[1] == pytest.approx(distances[0], rel=1e-5)
    found = codec.decode(here[:, :, :, :levels], snr_db=5.0)
    assert np.abs(found - expected).mean() < 1e-4


def test_levels_that_were_not_sent_need_not_be_there(codec, pictures):
    indices = codec.encode(pictures(1, 24, 32))
    np.testing.assert_array_equal(
        codec.decode(indices[:, :, :, :2]), codec.decode(indices, levels=2)
    )


def test_posteriors_weigh_likelihoods_by_the_measured_use(codec):
    scores = np.random.default_rng(2).normal(size=(1, 2, 2, 2, 4, 8)).astype(np.float32)
    joint = np.exp(scores) * codec.priors[:2]
    np.testing.assert_allclose(
        codec.posteriors(scores), joint / joint.sum(-1, keepdims=True), atol=1e-6
    )


def test_stripes_and_small_batches_give_the_whole_pictures_result(codec, pictures, copy_of):
    """61 rows of positions in stripes of 8; float32 rounds differently, nothing else differs."""
    small = copy_of(codec, PositionLimit(positions=64))
    images = pictures(2, 61 * 8 + 3, 45)
    indices = codec.encode(images)
    assert (small.encode(images) != indices).mean() < 1e-4  # a tie may fall the other way
    for snr_db in (None, 6.0):
        whole, striped = codec.decode(indices, snr_db=snr_db), small.decode(indices, snr_db=snr_db)
        assert (np.abs(whole - striped) > 1e-4).mean() < 1e-3


def test_group_normalisation_is_never_cut(pictures, loud, copy_of):
    """Its statistics run over the whole picture, so a cut would change it."""
    config = size("toy")
    for part in ("encoder", "decoder"):
        config[part].update(normalization="group", groups=4)
    codec = loud(SemanticCodec(config))
    small = copy_of(codec, PositionLimit(positions=8))
    images = pictures(1, 200, 24)
    indices = codec.encode(images)
    np.testing.assert_array_equal(small.encode(images), indices)
    np.testing.assert_allclose(small.decode(indices), codec.decode(indices), atol=1e-6)


def test_renumbered_codes_decode_to_the_same_bits(codec, pictures, copy_of):
    twin = copy_of(codec, PositionLimit())
    images = pictures(1, 40, 40)
    rng = np.random.default_rng(3)
    labels = np.stack([[rng.permutation(8) for _ in range(4)] for _ in range(4)])
    renumber(twin.quantizer, labels)
    indices, renamed = codec.encode(images), twin.encode(images)
    assert (indices != renamed).any()
    np.testing.assert_array_equal(twin.decode(renamed), codec.decode(indices))


@pytest.mark.parametrize("states", [4, 16])
def test_other_constellations(states, pictures, loud):
    config = size("toy")
    config["quantizer"]["states"] = states
    codec = loud(SemanticCodec(config))
    indices = codec.encode(pictures(1, 32, 32))
    assert indices.max() == states - 1
    posteriors = codec.posteriors(np.zeros((*indices.shape, states), np.float32))
    assert codec.decode(posteriors, snr_db=5.0).shape == (1, 32, 32, 3)


@pytest.mark.tensorflow_only("PyTorch runs eagerly, without a graph")
def test_pictures_and_batches_of_many_sizes_share_one_graph(codec, monkeypatch, pictures):
    """On TensorFlow, sizes seen before the graph was relaxed cost a trace each; later ones cost none."""

    def use(batch, height, width):
        indices = codec.encode(pictures(1, height, width))
        posteriors = np.full((batch, *indices.shape[1:], 8), 1 / 8, np.float32)
        codec.decode(posteriors, snr_db=5.0)

    for batch, height, width in ((3, 40, 56), (2, 64, 48), (1, 33, 91), (2, 16, 24)):
        use(batch, height, width)
    calls = []

    def counted(layer):
        call = type(layer).call
        monkeypatch.setattr(
            type(layer), "call", lambda *a, **k: calls.append(layer) or call(*a, **k)
        )

    for layer in (codec.encoder, codec.nrb, codec.decoder):
        counted(layer)
    for batch, height, width in ((4, 96, 16), (5, 57, 57), (2, 16, 72), (1, 80, 8)):
        use(batch, height, width)
    assert not calls


def test_wrong_inputs_are_refused(codec, pictures):
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
    with pytest.raises(ValueError, match="height is 5000; it must be 1 to 16: 2 latent positions"):
        codec.decode(indices, height=5000)
    with pytest.raises(ValueError, match="width is 0"):
        codec.decode(indices, width=0)


@pytest.mark.parametrize(
    "change,message",
    [
        (lambda p: np.log(p + 1e-9), "with sums from .*; posteriors sum to 1"),
        (lambda p: 5 * p, "posteriors sum to 1"),
        (lambda p: p * np.nan, "posteriors sum to 1"),
        (lambda p: p + 0j, "received is complex64 of shape"),
        (lambda p: p.tolist()[0][:1] + [[3]], "received is no array"),
    ],
)
def test_what_are_no_posteriors_gives_no_picture(codec, pictures, change, message):
    """Log-likelihoods in their place gave a picture of nonsense."""
    posteriors = np.eye(8, dtype=np.float32)[codec.encode(pictures(1, 16, 16))]
    half = codec.decode(posteriors.astype(np.float16), snr_db=3)
    np.testing.assert_array_equal(half, codec.decode(posteriors, snr_db=3))
    with pytest.raises(ValueError, match=message):
        codec.decode(change(posteriors), snr_db=3)


def test_numbers_of_levels_snrs_and_sides_are_whole_or_as_many_as_pictures(codec, pictures):
    images = pictures(2, 16, 16)
    indices = codec.encode(images, levels=np.int64(2))
    for levels in (2.0, True, "2", 0, 5, [1, 2]):
        with pytest.raises(ValueError, match="levels is .*whole number from 1 to 4"):
            codec.encode(images, levels=levels)
    for levels in (2.5, "2", [1, 2, 3]):
        with pytest.raises(ValueError, match="levels is .* one for each of 2 pictures"):
            codec.decode(indices, levels=levels)
    for snr_db in (np.nan, [1, 2, 3], [[10.0]]):
        with pytest.raises(ValueError, match="snr_db is .* one for each of the 2 pictures"):
            codec.decode(indices, snr_db=snr_db)
    assert np.isfinite(codec.decode(indices, snr_db=[-np.inf, np.inf], height=np.int64(9))).all()
    with pytest.raises(ValueError, match=r"height is 9\.0"):
        codec.decode(indices, height=9.0)


def test_other_arrays_are_refused_by_name(codec, pictures):
    images = pictures(2, 16, 16)
    for other in ([images[0], images[1, :8]], "a.png", {"image": images}):
        with pytest.raises(ValueError, match=r"images is .* give floats in \[0, 1\]"):
            codec.encode(other)
    with pytest.raises(ValueError, match=r"z has shape \(1, 2, 2, 3\); it must be"):
        codec.pictures(np.zeros((1, 2, 2, 3), np.float32), 16, 16)
    likelihoods = np.zeros((1, 2, 2, 4, 4, 8), np.float32)
    likelihoods[..., 1] = -np.inf
    assert np.isfinite(codec.posteriors(likelihoods)).all()
    with pytest.raises(ValueError, match="log_likelihoods is float32 of shape"):
        codec.posteriors(likelihoods[..., :4])
    with pytest.raises(ValueError, match="NaN or infinity"):
        codec.posteriors(likelihoods * np.nan)


def test_jax_decodes_what_tensorflow_encoded(codec, tmp_path, pictures):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed (pip install moclink[jax])")
    mine = SemanticCodec.from_preset(codec.save(tmp_path / "mine"))
    images = pictures(1, 45, 24)
    np.savez(tmp_path / "sent.npz", images=images, indices=mine.encode(images))
    program = (
        "import numpy as np; from moclink.codec.semantic_codec import SemanticCodec\n"
        "codec, sent = SemanticCodec.from_preset('mine'), np.load('sent.npz')\n"
        "np.savez('got.npz', encoded=codec.encode(sent['images']),"
        " decoded=codec.decode(sent['indices'], snr_db=7.0, height=45, width=24))"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(tmp_path / "sent.npz") as sent, np.load(tmp_path / "got.npz") as got:
        assert (got["encoded"] != sent["indices"]).mean() < 0.01  # a tie may fall the other way
        expected = mine.decode(sent["indices"], snr_db=7.0, height=45, width=24)
        assert (np.abs(got["decoded"] - expected) > 1e-3).mean() < 0.01

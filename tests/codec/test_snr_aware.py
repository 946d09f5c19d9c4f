"""Encoder and decoder that are told the SNR: the codec's own until changed, changes as a file has them."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.snr_aware import SNRAwareAutoencoder

GRID = (-5.0, 0.0, 10.0)


@pytest.fixture(scope="module")
def codec():
    return SemanticCodec.from_size("toy")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((2, 43, 61, 3), np.float32)


def disturbed(codec, scale=1e-2):
    network = SNRAwareAutoencoder(codec, GRID)
    rng = np.random.default_rng(1)
    for name in ("decoder/head/kernel", "encoder/head/bias", "encoder/modulation_0"):
        weight = network.weights()[name]
        weight.assign(ops.convert_to_numpy(weight) + scale * rng.standard_normal(weight.shape))
    return network


def test_unchanged_it_is_the_codec_at_every_snr(codec, images):
    network = SNRAwareAutoencoder(codec, GRID)
    z = codec.latents(images)
    np.testing.assert_array_equal(network.latents(images, -3.0), z)
    np.testing.assert_array_equal(network.pictures(z, 7.0, 43, 61), codec.pictures(z, 43, 61))
    assert network.changes() == {}


def test_changes_come_back_from_a_file(codec, images, tmp_path):
    network, again = disturbed(codec), SNRAwareAutoencoder(codec, GRID)
    np.savez(tmp_path / "changes.npz", **network.changes())
    with np.load(tmp_path / "changes.npz") as data:
        assert data["network-decoder.head.kernel"].dtype == np.int8
        again.apply(dict(data))
    for snr_db in (-5.0, 4.0):
        z = network.latents(images, snr_db)
        assert np.abs(again.latents(images, snr_db) - z).max() < 1e-3 * np.abs(z).max()
        shown = network.pictures(z, snr_db, 43, 61)
        # A kernel's difference is within half a step of int8: at most 0.5 / 127 of its largest.
        np.testing.assert_allclose(again.pictures(z, snr_db, 43, 61), shown, atol=2e-3)
    assert network.changes().keys() == again.changes().keys()


def test_snrs_between_and_beyond_the_grid(codec, images):
    network = disturbed(codec)
    weight = network.weights()["encoder/modulation_0"]
    table = np.zeros(weight.shape, np.float32)
    table[:, 1] = np.array([1.0, 2.0, 4.0])[:, None]
    weight.assign(table)

    def shift(snr_db):
        return float(network.encoder.conditions(np.array([snr_db]))[0][1][0, 0, 0, 0])

    assert [shift(s) for s in (-9.0, -5.0, -2.5, 0.0, 5.0, 99.0)] == [1, 1, 1.5, 2, 3, 4]


def test_changes_of_another_network_are_refused(codec):
    network = SNRAwareAutoencoder(codec, GRID)
    with pytest.raises(ValueError, match=r"decoder/tail/kernel \(3,\) is no weight"):
        network.apply({"network-decoder.tail.kernel": np.zeros(3, np.float16)})
    with pytest.raises(ValueError, match="NaN or infinite"):
        shape = network.weights()["encoder/modulation_0"].shape
        network.apply({"network-encoder.modulation_0": np.full(shape, np.nan, np.float16)})
    with pytest.raises(ValueError, match="must ascend"):
        SNRAwareAutoencoder(codec, (0.0, 0.0))

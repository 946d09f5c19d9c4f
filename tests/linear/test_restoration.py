"""The restoration network: no change at the start, stripes equal to the whole, weights on disk."""

import keras
import numpy as np
import pytest

from moclink.codec.int8_weights import write_int8_weights
from moclink.codec.weights import write_weights
from moclink.images import read_image, sample_paths
from moclink.linear import restoration
from moclink.linear.classes import ClassModel
from moclink.linear.classified_blocks import ClassifiedBlocks
from moclink.linear.codec import Estimate
from moclink.linear.restoration import Restoration, build
from moclink.linear.softcast import LinearCodec
from moclink.perceptual.lpips import load_st_lpips
from moclink.types import ChannelState

SMALL = {"channels": [8, 12], "down": [1], "middle": 1, "up": [1]}


def estimate_of(height, width, seed=0):
    rng = np.random.default_rng(seed)
    rows, columns = -(-height // 32), -(-width // 32)
    errors = 10 ** rng.uniform(-5, -2, (2, rows, columns, 6)).astype(np.float32)
    return Estimate(
        rng.random((2, height, width, 3), np.float32), errors, np.array([0, 12], np.float32)
    )


@pytest.fixture
def noisy_network():
    keras.utils.set_random_seed(3)
    network = build(SMALL, "float32")
    rng = np.random.default_rng(4)
    for variable in network.trainable_variables:
        variable.assign(variable + 0.05 * rng.standard_normal(variable.shape).astype(np.float32))
    return network


def test_untrained_it_changes_nothing():
    estimate = estimate_of(40, 70)
    found = Restoration(build(SMALL, "float32"), SMALL)(estimate)
    np.testing.assert_allclose(found, estimate.images, atol=1e-6)


def test_what_is_nearly_perfect_is_left(noisy_network):
    estimate = estimate_of(64, 64)
    estimate.errors[1] = 1e-7
    found = Restoration(noisy_network, SMALL)(estimate)
    assert np.array_equal(found[1], estimate.images[1])
    assert np.abs(found[0] - estimate.images[0]).max() > 1e-3


def test_beyond_the_snrs_of_the_training_it_is_told_the_nearest(noisy_network):
    restoration_of = Restoration(noisy_network, SMALL)
    estimate = estimate_of(64, 64)
    for inside, beyond in ((31, 100), (-6, -100)):
        estimate.snr_db[:] = inside
        expected = restoration_of(estimate)
        estimate.snr_db[:] = beyond
        assert np.array_equal(restoration_of(estimate), expected)
    estimate.snr_db[:] = 20
    assert np.abs(restoration_of(estimate) - expected).max() > 1e-4


@pytest.mark.parametrize("snr_db", [-30.0, 60.0])
def test_far_from_its_training_the_network_does_no_harm(snr_db):
    picture, estimate = received(snr_db)
    before = psnr_db(estimate.images, picture)
    assert psnr_db(Restoration.load()(estimate), picture) > before - 0.3


def test_stripes_are_the_whole(noisy_network):
    estimate = estimate_of(300, 64)
    whole = Restoration(noisy_network, SMALL, 320)(estimate)
    stripes = Restoration(noisy_network, SMALL, 64)(estimate)
    assert np.abs(whole - estimate.images).max() > 1e-3
    np.testing.assert_allclose(stripes, whole, atol=1e-5)


def test_weights_are_read_back(tmp_path, noisy_network):
    write_weights(tmp_path / "net", restoration.KIND, SMALL, noisy_network, build, {})
    again = Restoration.load(tmp_path / "net")
    estimate = estimate_of(64, 64)
    np.testing.assert_allclose(
        again(estimate), Restoration(noisy_network, SMALL)(estimate), atol=5e-3
    )


def test_rows_are_checked(noisy_network):
    with pytest.raises(ValueError, match="multiple"):
        Restoration(noisy_network, SMALL, 100)


def received(snr_db):
    """A sample picture, and the linear codec's estimate of it."""
    pixels = read_image(sample_paths()[1])[None, :320, :320].astype(np.float32) / 255
    codec = LinearCodec(ClassifiedBlocks(ClassModel.load()), 1 / 24)
    symbols, header = codec.encode(pixels, ChannelState(snr_db))
    no = 10 ** (-snr_db / 10)
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((*symbols.shape, 2)) @ np.array([1, 1j]) * np.sqrt(no / 2)
    return pixels, codec.estimate(symbols + noise, no, header)


def psnr_db(images, reference):
    return -10 * np.log10(np.mean((images - reference) ** 2))


@pytest.mark.parametrize("snr_db", [0.0, 10.0])
def test_shipped_weights_help(snr_db):
    pixels, estimate = received(snr_db)
    gain = psnr_db(Restoration.load()(estimate), pixels) - psnr_db(estimate.images, pixels)
    assert gain > 0.15


def test_the_perceptual_weights_are_nearer_by_a_distance_and_not_by_psnr():
    pixels, estimate = received(0.0)
    plain, perceptual = (
        Restoration.load(name)(estimate)
        for name in ("linear-restoration", "linear-restoration-perceptual")
    )
    assert psnr_db(estimate.images, pixels) < psnr_db(perceptual, pixels) < psnr_db(plain, pixels)
    distance = load_st_lpips()  # its weights come with the tests' requirements
    assert float(distance(perceptual, pixels)[0]) < 0.9 * float(distance(plain, pixels)[0])


def test_eight_bits_are_enough(tmp_path):
    shipped, rng = Restoration.load(), np.random.default_rng(5)
    for variable in shipped.network.trainable_variables:  # as far off the steps as weights can be
        value = keras.ops.convert_to_numpy(variable)
        step = np.abs(value).max(tuple(range(value.ndim - 1))) / 127
        if value.ndim > 1:
            variable.assign(value + (step * rng.uniform(-0.5, 0.5, value.shape)).astype(np.float32))
    write_int8_weights(tmp_path / "net", restoration.KIND, shipped.config, shipped.network, {})
    pixels, estimate = received(5.0)
    full, eight = (net(estimate) for net in (shipped, Restoration.load(tmp_path / "net")))
    assert 0 < np.abs(full - eight).max() < 0.02
    assert abs(psnr_db(full, pixels) - psnr_db(eight, pixels)) < 0.005

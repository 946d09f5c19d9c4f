"""Channels: noise variance, seeding, fading, and Sionna's own blocks behind the same doorway."""

import math

import numpy as np
import pytest

from moclink.phy.channels import CHANNELS, awgn, get_channel, noise_variance, rayleigh

SYMBOLS = np.ones((1, 50_000), np.complex64)


@pytest.mark.parametrize("name", ["awgn", "sionna-awgn"])
@pytest.mark.parametrize("snr_db", [-5.0, 20.0])
def test_noise_has_the_variance_that_the_snr_says(name, snr_db):
    no = noise_variance(np.array([snr_db]))
    assert no[0] == pytest.approx(10 ** (-snr_db / 10), rel=1e-6)
    noise = get_channel(name)(SYMBOLS, no, [(1, snr_db)]).received - SYMBOLS
    for axis in (noise.real, noise.imag):
        # Relative deviation of a variance estimate: sqrt(2 / n).
        assert axis.var() == pytest.approx(no[0] / 2, rel=4 * math.sqrt(2 / SYMBOLS.size))
        assert abs(axis.mean()) < 4 * math.sqrt(no[0] / 2 / SYMBOLS.size)
    assert abs(np.mean(noise.real * noise.imag)) < 4 * no[0] / 2 / math.sqrt(SYMBOLS.size)


@pytest.mark.parametrize("name", list(CHANNELS))
def test_a_realisation_depends_on_its_key_alone(name):
    channel, no = get_channel(name), noise_variance(np.array([0.0, 5.0, 10.0]))
    keys = [(1, snr, "picture", 0) for snr in (0.0, 5.0, 10.0)]
    short = SYMBOLS[:, :200]
    together = channel(short, no, keys)
    alone = channel(short, no[1:2], keys[1:2])
    assert np.array_equal(together.received[1], alone.received[0])
    assert np.array_equal(together.no[1], alone.no[0])
    other = channel(short, no[1:2], [(2, 5.0, "picture", 0)])
    assert not np.array_equal(alone.received, other.received)


def test_a_longer_transmission_meets_the_noise_of_a_shorter_one():
    no, key = noise_variance(np.array([3.0])), [(1, 3.0, "picture", 0)]
    assert np.array_equal(awgn(SYMBOLS[:, :99], no, key).received, awgn(SYMBOLS, no, key).received[:, :99])


def test_rayleigh_block_fading_has_an_exponential_gain():
    count = 4000
    no = np.ones(count, np.float32)
    output = rayleigh(SYMBOLS[:, :8], no, [(1, i) for i in range(count)])
    gain = 1 / output.no
    assert gain.mean() == pytest.approx(1, abs=4 / math.sqrt(count))
    for threshold in (0.1, 1.0, 2.0):
        share = 1 - math.exp(-threshold)
        assert np.mean(gain < threshold) == pytest.approx(
            share, abs=4 * math.sqrt(share * (1 - share) / count)
        )
    whitened = (output.received - SYMBOLS[:, :8]) / np.sqrt(output.no)[:, None]
    assert np.mean(np.abs(whitened) ** 2) == pytest.approx(1, abs=4 / math.sqrt(whitened.size))


def test_fast_fading_varies_from_symbol_to_symbol():
    output = get_channel("sionna-fast-rayleigh")(SYMBOLS, noise_variance(np.array([10.0])), [(1,)])
    gain = 0.1 / output.no[0]
    assert output.no.shape == SYMBOLS.shape
    assert gain.mean() == pytest.approx(1, abs=4 / math.sqrt(gain.size))
    whitened = (output.received - SYMBOLS) / np.sqrt(output.no)
    assert np.mean(np.abs(whitened) ** 2) == pytest.approx(1, abs=4 / math.sqrt(gain.size))


def test_an_unknown_channel_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown channel 'raileigh'.*did you mean rayleigh"):
        get_channel("raileigh")

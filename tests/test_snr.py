"""SNR, noise variance and capacity against their definitions."""

import numpy as np
import pytest

from moclink.phy import noise
from moclink.snr import from_decibels, mean_capacity, mean_snr_db, noise_variance, to_decibels

SNRS_DB = (-5.0, 0.0, 3.7, 10.0, 30.0)


def test_decibels_are_tenths_of_the_logarithm_of_a_ratio_in_the_precision_given():
    assert [from_decibels(x) for x in (-10.0, 0.0, 3.0, 20.0)] == pytest.approx(
        [0.1, 1, 1.9952623, 100]
    )
    assert [to_decibels(x) for x in (0.1, 1.0, 2.0, 100.0)] == pytest.approx(
        [-10, 0, 3.0103000, 20]
    )
    assert type(from_decibels(3.7)) is float and from_decibels(np.array([10.0])) == [10.0]
    for function in (from_decibels, to_decibels):
        assert function(np.float32([3])).dtype == np.float32


def test_noise_variance_is_the_inverse_of_the_snr_in_the_precision_given():
    assert [noise_variance(snr) * 10 ** (snr / 10) for snr in SNRS_DB] == pytest.approx([1] * 5)
    assert type(noise_variance(3.7)) is float
    several = noise_variance(np.array(SNRS_DB))
    assert several.dtype == np.float64 and several[1] == 1 and several[3] == 0.1
    assert noise_variance(np.float32([10])).dtype == np.float32


def test_channels_round_it_to_float32():
    rounded = noise.noise_variance(SNRS_DB)
    assert rounded.dtype == np.float32
    assert np.array_equal(rounded, np.float32([noise_variance(snr) for snr in SNRS_DB]))


def test_mean_snr_averages_the_ratios_not_the_decibels():
    assert mean_snr_db(np.float32([1, 0.1])) == pytest.approx([0, 10], abs=1e-5)
    assert mean_snr_db(np.float32([[1, 0.1]])) == pytest.approx([10 * np.log10(5.5)], abs=1e-5)
    assert mean_snr_db(np.float32([[1, 0.1]])).dtype == np.float32


def test_capacity_is_the_mean_over_symbols():
    fading = np.float32([[0.5, 0.25, 1.0, 1.0]])  # SNRs 2, 4, 1, 1
    assert mean_capacity(fading) == pytest.approx([(np.log2(3) + np.log2(5) + 2) / 4])
    assert mean_capacity(np.float32([1, 1 / 3])) == pytest.approx([1, 2])

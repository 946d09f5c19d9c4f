"""The closed form of uncoded QAM against an enumeration of Gray-mapped levels."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from moclink.results.uncoded_qam import qam_bit_error_rate


def enumerated(bits_per_symbol: int, snr: float) -> float:
    """Mean over sent and decided levels of the bits in which they differ, from Gaussian tails alone."""
    bits = bits_per_symbol // 2
    count = 2**bits
    spacing = np.sqrt(
        12 / (count**2 - 1) * snr
    )  # between levels, at noise of unit variance an axis
    levels = spacing * (np.arange(count) - (count - 1) / 2)
    edges = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    decided = np.diff(stats.norm.cdf(edges[None] - levels[:, None]), axis=1)
    gray = np.arange(count) ^ (np.arange(count) >> 1)
    wrong = np.array([[bin(a ^ b).count("1") for b in gray] for a in gray])
    return float((decided * wrong).sum() / (count * bits))


@pytest.mark.parametrize("bits", [2, 4, 6, 8])
def test_awgn_is_the_sum_over_gray_mapped_levels(bits):
    snrs = np.array([-5.0, 0.0, 7.0, 13.0, 20.0])
    expected = [enumerated(bits, 10 ** (snr / 10)) for snr in snrs]
    assert qam_bit_error_rate(bits, snrs) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_qpsk_is_q_of_the_root_of_the_snr():
    snrs = np.linspace(-5, 10, 7)
    expected = special.erfc(np.sqrt(10 ** (snrs / 10) / 2)) / 2
    assert qam_bit_error_rate(2, snrs) == pytest.approx(expected)


@pytest.mark.parametrize("bits", [2, 6])
def test_rayleigh_is_the_mean_over_an_exponential_snr(bits):
    for snr_db in (0.0, 15.0, 30.0):

        def weighed(t, snr_db=snr_db):
            return np.exp(t - np.exp(t)) * qam_bit_error_rate(bits, snr_db + 10 * t / np.log(10))

        expected, _ = integrate.quad(weighed, -40, 5, limit=400, points=[-10, -5, 0])
        assert qam_bit_error_rate(bits, snr_db, rayleigh=True) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("bits", [0, 1, 3, -2])
def test_what_is_no_square_qam_is_refused(bits):
    with pytest.raises(ValueError, match=f"bits_per_symbol {bits}"):
        qam_bit_error_rate(bits, 0.0)

"""The price of side information, its QPSK symbols, and what is checked of what arrives."""

import numpy as np
import pytest

from moclink.linear.side_information import (
    SideInformationHeader,
    bits_per_symbol,
    checked_snr_db,
    header_symbols,
    interleaver,
    noise_per_symbol,
    qpsk,
    total_symbols,
)
from moclink.types import ChannelState


def test_price_of_side_information():
    assert bits_per_symbol(-5.0) == pytest.approx(np.log2(1 + 10**-0.75))
    assert bits_per_symbol(None) == bits_per_symbol(-5.0)
    assert bits_per_symbol(30.0) == 2
    assert total_symbols(1, 1, 1 / 24) == 1
    assert total_symbols(768, 1008, 1 / 24) == 96_768


def test_header_symbols_carry_the_bits_at_unit_energy():
    bits = np.random.default_rng(1).integers(0, 2, 37).astype(np.uint8)
    symbols = qpsk(bits, header_symbols(len(bits), 0.0))
    assert len(symbols) == np.ceil(37 / np.log2(1 + 10**-0.25))
    np.testing.assert_allclose(np.abs(symbols), 1, rtol=1e-6)
    found = (np.stack([symbols.real, symbols.imag], -1).ravel() < 0).astype(np.uint8)
    np.testing.assert_array_equal(found, np.resize(bits, len(found)))  # repeated to fill them


def test_noise_variances_are_spread_over_the_symbols():
    header = SideInformationHeader(8, 8, (np.zeros(24, np.uint8),) * 2, (3, 3))
    received = np.zeros((2, 5), np.complex64)
    np.testing.assert_array_equal(
        noise_per_symbol(received, np.array([0.1, 0.2]), header, 5), np.repeat([[0.1], [0.2]], 5, 1)
    )
    with pytest.raises(ValueError, match=r"received has shape \(2, 4\).*shape \(2, 5\)"):
        noise_per_symbol(received[:, :4], 0.1, header, 5)
    with pytest.raises(ValueError, match=r"no has shape \(3,\)"):
        noise_per_symbol(received, np.ones(3), header, 5)
    with pytest.raises(ValueError, match="no spans 0.0 to 0.0; give positive"):
        noise_per_symbol(received, 0.0, header, 5)


def test_the_interleaver_is_a_fixed_permutation():
    order = interleaver(1000)
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    np.testing.assert_array_equal(order, interleaver(1000))
    # Neighbours end up far apart: two random places differ by a third of the length on average.
    assert np.abs(np.diff(order)).mean() == pytest.approx(1000 / 3, rel=0.1)


def test_the_senders_snr_is_a_finite_number_or_none():
    assert checked_snr_db(None) is None
    assert checked_snr_db(ChannelState(7.5)) == 7.5
    with pytest.raises(ValueError, match="csi.snr_db is inf; give a finite SNR in dB, or None"):
        checked_snr_db(ChannelState(np.inf))

"""The modem of one transport block: sizes, code rate, what the receiver is told."""

import math

import numpy as np
import pytest

from moclink.phy.channels import awgn, noise_variance
from moclink.phy.mcs import MCS_TABLES, get_mcs
from moclink.phy.transport_block import segment
from moclink.phy.transport_block_modem import TransportBlockModem

SCHEMES = [*MCS_TABLES[1], *MCS_TABLES[2], *MCS_TABLES[3]]


@pytest.mark.parametrize("length", [1, 100, 3824, 3825, 9000, 123_457])
def test_the_code_rate_is_kept_and_no_symbol_wasted(length):
    for mcs in SCHEMES:
        modem = TransportBlockModem(mcs)
        symbols, plan = modem.symbols_for(length), segment(length, mcs.coderate)
        assert plan.total <= symbols * mcs.bits_per_symbol * mcs.exact_coderate
        assert plan.total > (symbols - 1) * mcs.bits_per_symbol * mcs.exact_coderate
        within = modem.max_indices(symbols)
        assert within >= length and modem.symbols_for(within) == symbols
        assert modem.symbols_for(within + 1) > symbols
        assert modem.max_indices(symbols - 1) < length


def test_a_long_file_pays_only_its_rate():
    """CRCs and rounding cost 0.6 % at most: K' of 8448 bits with 24 bits of CRC, or 3840 of 24."""
    for mcs in SCHEMES:
        bits = TransportBlockModem(mcs).max_indices(10**6)
        assert 0.993 <= bits / (10**6 * mcs.spectral_efficiency) <= 1


@pytest.mark.parametrize("index", [0, 9, 13, 28])
def test_bits_come_back(index):
    mcs = get_mcs(index)
    modem = TransportBlockModem(mcs)
    bits = np.random.default_rng(1).integers(0, 2, (1, 20_000), dtype=np.uint8)
    sent = modem.modulate(bits)
    assert sent.shape == (1, modem.symbols_for(20_000)) and sent.dtype == np.complex64
    # Mean energy of S independent symbols of M-QAM deviates from 1 by sqrt(var |x|^2 / S) <
    # sqrt(0.4 / S).
    assert abs(np.mean(np.abs(sent) ** 2) - 1) < 4 * math.sqrt(0.4 / sent.size)
    no = noise_variance(np.array([mcs.spectral_efficiency * 3 + 3.0]))
    output = awgn(sent, no, [(1, index)])
    got = modem.demodulate(output.received, output.no)
    np.testing.assert_array_equal(got.hard()[:, :20_000], bits)
    assert got.values.shape[1] == modem.max_indices(sent.shape[1])
    assert (np.abs(got.values) == np.float32(24 * np.log(2))).all()
    assert got.iterations.shape == (1, len(modem.code_blocks(sent.shape[1])))


def test_damaged_code_blocks_are_told_apart():
    modem = TransportBlockModem(get_mcs(13))
    bits = np.random.default_rng(2).integers(0, 2, (1, 40_000), dtype=np.uint8)
    sent = modem.modulate(bits)
    blocks = modem.code_blocks(sent.shape[1])
    no = np.full(sent.shape, 0.001, np.float32)
    no[:, : sent.shape[1] // len(blocks)] = 1.0  # the first code block has 0 dB
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((1, 2 * sent.shape[1]), np.float32).view(np.complex64)
    got = modem.demodulate(sent + np.sqrt(no / 2) * noise, no)
    assert (np.abs(got.values[:, blocks[0]]) == 1).all()
    assert (np.abs(got.values[:, blocks[1].start :]) == np.float32(24 * np.log(2))).all()
    assert [block.stop for block in blocks[:-1]] == [block.start for block in blocks[1:]]
    assert blocks[0].start == 0 and blocks[-1].stop == modem.max_indices(sent.shape[1])
    np.testing.assert_array_equal(
        got.hard()[:, blocks[1].start : 40_000], bits[:, blocks[1].start :]
    )


def test_nothing_is_carried_by_nothing():
    modem = TransportBlockModem(get_mcs(5))
    assert modem.symbols_for(0) == 0 and modem.max_indices(0) == 0 and modem.code_blocks(0) == ()
    assert modem.modulate(np.zeros((2, 0), np.uint8)).shape == (2, 0)
    assert modem.max_indices(20) == 0  # 15 bits, fewer than a CRC of 16
    got = modem.demodulate(np.zeros((2, 20), np.complex64), np.ones(2, np.float32))
    assert got.values.shape == (2, 0)

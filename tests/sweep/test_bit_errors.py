"""Error rates of random bits: unbiased, over fading too."""

import numpy as np
import pytest
from scipy import integrate, special

from moclink.phy.block_errors import BlockErrorCurves
from moclink.phy.channels import noise_variance
from moclink.phy.link_adaptation import average_over_rayleigh
from moclink.phy.mcs import get_mcs
from moclink.phy.transport_block import segment
from moclink.sweep.bit_errors import BATCH_BITS, REALISATIONS, measure_bit_errors
from moclink.sweep.plan import Plan
from moclink.sweep.session import Session


def measured(name, snr, channel="awgn", trials=1, **options):
    session = Session(Plan((snr,), (name,), channel=channel, **options))
    return [
        measure_bit_errors(session, (name, "random-bits", snr, trial)) for trial in range(trials)
    ]


def qpsk_ber(snr_db):
    """Q(sqrt(Es/N0)) for each bit of a QPSK symbol."""
    return special.ndtr(-np.sqrt(10 ** (np.asarray(snr_db) / 10)))


def test_a_bit_error_rate_over_awgn_is_the_closed_form():
    (row,) = measured("random-qpsk", 6.0, min_errors=4000)
    assert row.ber == pytest.approx(qpsk_ber(6.0), rel=4 / np.sqrt(4000))
    assert row.symbols * 2 == row.bits and row.bler is None


def test_over_block_fading_every_realisation_counts_the_same():
    """QPSK over Rayleigh fading: (1 - sqrt(g / (1 + g))) / 2 with g = SNR / 2, whatever the fades."""
    g = 10 ** (15 / 10) / 2
    expected = (1 - np.sqrt(g / (1 + g))) / 2
    rows = measured("random-qpsk", 15.0, "rayleigh", trials=4)
    assert all(row.bits == REALISATIONS * 648 for row in rows)
    # A realisation's error rate p(|h|^2) has a second moment of at most its mean / 2.
    deviation = np.sqrt(expected / 2 / (4 * REALISATIONS))
    assert np.mean([row.ber for row in rows]) == pytest.approx(expected, abs=4 * deviation)


def test_block_errors_over_fading_are_the_mean_over_fades():
    """The mean over |h|^2 ~ Exp(1) of the block error rate over AWGN, measured here on a grid of SNRs."""
    snrs = np.arange(8.0, 13.1, 0.5)
    awgn = [measured("random-ldpc", snr, min_errors=60)[0].bler for snr in snrs]

    def bler(snr_db):
        return np.interp(snr_db, snrs, awgn, left=1, right=0)

    fades = np.linspace(0, 5, 20_001)[1:]
    mean = integrate.trapezoid(bler(15 + 10 * np.log10(fades)) * np.exp(-fades), fades)
    rows = measured("random-ldpc", 15.0, "rayleigh", trials=2)
    count = 2 * REALISATIONS
    got = np.mean([row.bler for row in rows])
    assert got == pytest.approx(mean, abs=4 * np.sqrt(mean * (1 - mean) / count) + 0.02)
    assert all(row.bits == REALISATIONS * 324 for row in rows)


def test_each_realisation_has_a_codeword_and_a_fade_of_its_own():
    session = Session(Plan((0.0,), ("random-ldpc",), channel="rayleigh"))
    session.channel.build()
    keys = [(1, 0.0, "random-bits", 0, number) for number in range(50)]
    output = session.channel(np.ones((1, 108), np.complex64), noise_variance(np.zeros(50)), keys)
    assert len(np.unique(output.no.round(6))) == 50


def test_block_errors_of_transport_blocks_are_counted_block_by_block():
    """The stored block error curve at the SNR where half of the code blocks are wrong."""
    mcs, curves = get_mcs(5), BlockErrorCurves.load()
    block = segment(BATCH_BITS, mcs.coderate)
    snrs = np.arange(-3.0, 2.0, 0.01)
    rates = curves.block_error_rate(mcs, block.block, snrs)
    snr = float(snrs[np.argmin(np.abs(rates - 0.5))].round(2))
    (row,) = measured("random-ldpc-mcs5", snr, min_errors=60)
    assert (
        row.blocks % block.num_blocks == 0
        and row.bits == row.blocks // block.num_blocks * BATCH_BITS
    )
    assert row.symbols * mcs.spectral_efficiency == pytest.approx(
        row.blocks * block.block, rel=1e-4
    )
    low, high = np.interp([snr + 0.1, snr - 0.1], snrs, rates)
    spread = 4 * np.sqrt(0.25 / row.blocks)
    assert low - spread < row.bler < high + spread and 1 < row.iterations <= 50
    assert 0 < row.ber < row.bler
    (clean,) = measured("random-ldpc-mcs5", 10.0, min_errors=1)
    assert clean.bler == 0 and clean.blocks == 100 * block.num_blocks


def test_each_fade_has_a_transport_block_of_one_code_block():
    (row,) = measured("random-ldpc-mcs20", 15.0, "rayleigh")
    assert row.blocks == REALISATIONS and row.bits == REALISATIONS * 3824
    curves, mcs = BlockErrorCurves.load(), get_mcs(20)
    lost = average_over_rayleigh(lambda snrs: curves.block_error_rate(mcs, 3840, snrs), 15.0)
    assert row.bler == pytest.approx(lost, abs=4 * np.sqrt(lost * (1 - lost) / REALISATIONS) + 0.01)

"""Keyed noise and flat Rayleigh fading: variances, distributions, seeding, and known rows."""

import hashlib
import math

import numpy as np
import pytest

from moclink.phy.modems import BitModem
from moclink.phy.noise import awgn, noise_variance, rayleigh, without_snr

SYMBOLS = np.ones((1, 50_000), np.complex64)


@pytest.mark.parametrize("snr_db", [-5.0, 20.0])
def test_noise_has_the_variance_that_the_snr_says(snr_db):
    no = noise_variance([snr_db])
    assert no[0] == pytest.approx(10 ** (-snr_db / 10), rel=1e-6)
    noise = awgn(SYMBOLS, no, [(1, snr_db)]).received - SYMBOLS
    for axis in (noise.real, noise.imag):
        # Relative deviation of a variance estimate: sqrt(2 / n).
        assert axis.var() == pytest.approx(no[0] / 2, rel=4 * math.sqrt(2 / SYMBOLS.size))
        assert abs(axis.mean()) < 4 * math.sqrt(no[0] / 2 / SYMBOLS.size)
    assert abs(np.mean(noise.real * noise.imag)) < 4 * no[0] / 2 / math.sqrt(SYMBOLS.size)


def test_rows_are_those_that_stored_runs_were_made_with():
    """Digests of rows computed on 2026-11-26, before fading got a coherence: stored results stay valid."""
    rng = np.random.default_rng(0), np.random.default_rng(1)
    symbols = (rng[0].normal(size=(1, 5001)) + 1j * rng[1].normal(size=(1, 5001))).astype(
        np.complex64
    )
    no, keys = (
        noise_variance([0.0, 5.0, 20.0]),
        [(1, 0.0, "p", 0), (1, 5.0, "p", 0), (7, 20.0, "q", 3)],
    )
    digests = {
        awgn: ("639f19e044696aa02376ce8b", "0c8501c1949ca460a5e3bf0e"),
        rayleigh: ("f7d9f500f4518fa6ef560ce9", "5bb0e464a66fbe50e4ec16cd"),
    }
    for channel, expected in digests.items():
        output = channel(symbols, no, keys)
        assert output.no.shape == (3,)
        assert (
            tuple(
                hashlib.sha256(a.tobytes()).hexdigest()[:24] for a in (output.received, output.no)
            )
            == expected
        )


def test_a_longer_transmission_meets_the_noise_of_a_shorter_one():
    no, key = noise_variance([3.0]), [(1, 3.0, "picture", 0)]
    for coherence in (None, 1, 7):
        short, long = (
            rayleigh(sent, no, key, coherence) if coherence else awgn(sent, no, key)
            for sent in (SYMBOLS[:, :99], SYMBOLS)
        )
        assert np.array_equal(short.received, long.received[:, :99])
        assert np.array_equal(short.no, long.no[:, :99] if coherence else long.no)


def test_block_fading_has_an_exponential_gain():
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


def test_gains_last_as_long_as_the_coherence(theory):
    output = rayleigh(SYMBOLS[:, :20], np.float32([0.1, 0.1]), [(1,), (2,)], coherence=8)
    assert [
        [len(np.unique(part)) for part in (row[:8], row[8:16], row[16:])] for row in output.no
    ] == [[1] * 3] * 2
    assert len(np.unique(output.no)) == 6
    fast = rayleigh(SYMBOLS, np.float32([0.1]), [(1,)], coherence=1)
    gains = 0.1 / fast.no
    assert theory.ks_distance(gains, theory.rician_cdf(0.0)) < theory.ks_bound(gains.size)


@pytest.mark.parametrize("bits_per_symbol", [2, 6])
@pytest.mark.parametrize("snr_db", [5.0, 20.0])
@pytest.mark.parametrize("channel", ["awgn", "block", "fast"])
def test_bit_error_rates_are_those_of_the_closed_form(theory, channel, bits_per_symbol, snr_db):
    modem, trials, symbols = BitModem(bits_per_symbol), 1000, 60
    bits = np.random.default_rng(1).integers(0, 2, (1, symbols * bits_per_symbol), np.uint8)
    no, keys = noise_variance([snr_db] * trials), [(3, snr_db, trial) for trial in range(trials)]
    sent = modem.modulate(bits)
    output = (
        awgn(sent, no, keys) if channel == "awgn" else rayleigh(sent, no, keys, channel == "fast")
    )
    wrong = (modem.demodulate(output.received, output.no).values > 0) != bits.astype(bool)
    expected = theory.qam_ber(
        bits_per_symbol, snr_db, theory.tail_awgn if channel == "awgn" else theory.tail_rayleigh
    )
    # Trials are independent; the spread over them is measured, that of no error at all is far below
    # 1e-5.
    rates = wrong.mean(axis=1)
    assert abs(rates.mean() - expected) < 4.5 * rates.std() / math.sqrt(trials) + 1e-5


def test_the_snr_of_a_key_is_its_floating_point_part():
    assert without_snr((1, 5.0, "picture", 0)) == (1, "picture", 0)
    assert without_snr((1, np.float32(5.0), "picture", np.float64(3.0))) == (1, "picture")

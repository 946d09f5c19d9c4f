"""Error rates of random bits and their intervals by counts."""

import numpy as np
import pytest
from scipy import stats

from moclink.results.error_rates import error_rates


def test_uncoded_bits_over_awgn_count_bits_of_all_trials(bit_row):
    rows = [bit_row(trial=0, ber=0.01, bits=10_000), bit_row(trial=1, ber=0.03, bits=30_000)]
    (found,) = error_rates(rows, "ber")
    assert found.rate == pytest.approx(1000 / 40_000)
    exact = stats.binomtest(1000, 40_000).proportion_ci(0.95, "exact")
    assert found.interval == pytest.approx((exact.low, exact.high))
    assert error_rates(rows, "ber", "rayleigh-fast?common=1")[0].interval == found.interval


def test_coded_bits_have_the_interval_of_their_blocks(bit_row):
    rows = [bit_row("random-ldpc-16qam-r34", ber=0.002, bler=0.1, bits=486 * 200, snr=3.0)]
    (blocks,), (bits,) = error_rates(rows, "bler"), error_rates(rows, "ber")
    exact = stats.binomtest(20, 200).proportion_ci(0.95, "exact")
    assert blocks.interval == pytest.approx((exact.low, exact.high))
    assert bits.interval == pytest.approx((exact.low * 0.02, exact.high * 0.02))
    assert error_rates(rows, "bler", "rayleigh")[0].interval == blocks.interval


def test_over_fading_uncoded_bits_count_trials(bit_row):
    rates = [0.01, 0.02, 0.04, 0.03]
    rows = [bit_row(trial=t, ber=rate, bits=648_000) for t, rate in enumerate(rates)]
    (found,) = error_rates(rows, "ber", "rayleigh")
    low, high = stats.t.interval(0.95, 3, np.mean(rates), stats.sem(rates))
    assert found.interval == pytest.approx((max(low, 0), high))
    assert error_rates(rows[:1], "ber", "rayleigh")[0].interval is None
    clean = [bit_row(trial=t, ber=0.0, bits=648_000) for t in range(3)]
    assert error_rates(clean, "ber", "rayleigh")[0].interval is None


def test_a_code_that_the_name_does_not_tell_has_no_interval(bit_row):
    (found,) = error_rates([bit_row("mine", bler=0.1, bits=1000)], "bler")
    assert found.rate == 0.1 and found.interval is None


def test_blocks_that_the_run_has_counted_give_the_interval(bit_row):
    """Code blocks of 8,127 bits at any rate: the name of an MCS does not tell their length."""
    name = "random-ldpc-mcs13"
    rows = [
        bit_row(name, trial=0, ber=0.01, bler=0.25, bits=64_800, blocks=8),
        bit_row(name, trial=1, ber=0.02, bler=0.5, bits=129_600, blocks=16),
    ]
    (found,) = error_rates(rows, "bler")
    exact = stats.binomtest(10, 24).proportion_ci(0.95, "exact")
    assert found.rate == pytest.approx(10 / 24)
    assert found.interval == pytest.approx((exact.low, exact.high))
    (bits,) = error_rates(rows, "ber")
    assert bits.interval == pytest.approx((exact.low * 0.04, exact.high * 0.04))

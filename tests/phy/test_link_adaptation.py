"""Choice of the MCS against exhaustive search and closed forms."""

import math

import numpy as np
import pytest
from scipy.special import ndtr

from moclink.phy.block_errors import BlockErrorCurve, BlockErrorCurves
from moclink.phy.link_adaptation import (
    Candidate,
    LinkAdaptation,
    average_over_rayleigh,
    best_candidate,
    distinct_schemes,
)
from moclink.phy.mcs import MCS_TABLES, get_mcs


def made_up_curves(gap_db: float = 1.0, deviation_db: float = 1e-3) -> BlockErrorCurves:
    """Waterfalls at capacity plus a gap: steps unless a deviation is given."""
    curves = []
    for mcs in distinct_schemes():
        mean = 10 * math.log10(2**mcs.spectral_efficiency - 1) + gap_db
        for block in (640, 8448):
            curves.append(
                BlockErrorCurve(
                    mcs.bits_per_symbol, mcs.rate_1024, block, mean, deviation_db, 1.0, points=()
                )
            )
    return BlockErrorCurves(tuple(curves), {})


def test_distinct_schemes_cover_the_tables_once():
    schemes = distinct_schemes()
    pairs = [(mcs.bits_per_symbol, mcs.rate_1024) for mcs in schemes]
    every = {(mcs.bits_per_symbol, mcs.rate_1024) for table in MCS_TABLES.values() for mcs in table}
    assert len(pairs) == len(set(pairs)) and set(pairs) == every
    efficiency = [mcs.spectral_efficiency for mcs in schemes]
    assert efficiency == sorted(efficiency)
    assert distinct_schemes((1,)) == tuple(
        sorted(MCS_TABLES[1], key=lambda m: m.spectral_efficiency)
    )


def test_the_choice_equals_exhaustive_search():
    rng = np.random.default_rng(1)
    mcs = get_mcs(0)
    for _ in range(500):
        bits = rng.integers(1, 1000, 12)
        failures = rng.random(12) ** rng.choice([1, 8])
        candidates = [Candidate(mcs, int(b), float(p)) for b, p in zip(bits, failures, strict=True)]
        slope, floor = rng.uniform(0, 20), rng.uniform(0, 30)
        asked = []

        def quality(size, slope=slope, asked=asked):
            asked.append(size)
            return 10 + slope * math.log10(size)

        choice = best_candidate(candidates, quality, floor)
        # The best file is never worse than showing what an outage shows.
        expected = [
            max(10 + slope * math.log10(o.bits), floor) * (1 - o.failure) + floor * o.failure
            for o in candidates
        ]
        assert choice.expected_quality == pytest.approx(max(expected), abs=1e-9)
        assert len(asked) <= 12


def test_few_qualities_are_asked_for():
    """Of schemes that fail always or never, only the longest file is encoded."""
    adaptation, asked = LinkAdaptation(curves=made_up_curves()), []

    def quality(bits):
        asked.append(bits)
        return math.log10(bits)

    choice = adaptation.choose(10.0, 10_000, quality, 0.0)
    assert asked == [choice.bits]


@pytest.mark.parametrize("snr_db", [-10.0, -5.0, 0.0, 7.3, 15.0, 30.0])
def test_with_steps_the_choice_is_the_fastest_scheme_below_its_threshold(snr_db):
    adaptation = LinkAdaptation(curves=made_up_curves(gap_db=2.0))
    choice = adaptation.choose(snr_db, 50_000, lambda bits: bits, 0.0)
    capacity = math.log2(1 + 10 ** ((snr_db - 2.0) / 10))
    fits = [mcs for mcs in distinct_schemes() if mcs.spectral_efficiency < capacity]
    assert choice.mcs.spectral_efficiency == max(mcs.spectral_efficiency for mcs in fits)
    assert choice.failure < 1e-9


def test_a_hopeless_sender_fails_least():
    adaptation = LinkAdaptation(curves=made_up_curves())
    choice = adaptation.choose(-40.0, 10_000, lambda bits: 30.0, 7.0)
    assert choice.mcs.rate_1024 == 30 and choice.failure == 1 and choice.expected_quality == 7


def test_without_noise_the_fastest_scheme_is_taken_and_without_signal_the_safest():
    for fading in ("none", "rayleigh"):
        adaptation = LinkAdaptation(fading=fading)
        best = adaptation.choose(math.inf, 10_000, lambda bits: bits, 0.0)
        assert (best.mcs.bits_per_symbol, best.mcs.rate_1024, best.failure) == (8, 948, 0)
        least = adaptation.choose(-math.inf, 10_000, lambda bits: bits, 0.0)
        assert least.mcs.rate_1024 == 30 and least.failure == pytest.approx(1, abs=1e-12)


def test_failure_of_many_blocks_is_that_of_any():
    curves = made_up_curves(deviation_db=0.5)
    mcs, snr_db = get_mcs(10), 6.0
    mean = 10 * math.log10(2**mcs.spectral_efficiency - 1) + 1.0
    bler = ndtr((mean - snr_db) / 0.5)
    assert curves.block_error_rate(mcs, 4000, snr_db) == pytest.approx(bler)
    assert curves.failure_rate(mcs, 8424 * 7 - 24, snr_db) == pytest.approx(1 - (1 - bler) ** 7)
    tiny = curves.failure_rate(mcs, 8424 * 7 - 24, mean + 0.5 * 8)
    assert tiny == pytest.approx(7 * ndtr(-8.0), rel=1e-6)  # no cancellation where errors are rare


def test_rayleigh_average_of_a_step_is_the_outage_probability():
    for threshold_db, mean_db in [(0.0, 10.0), (-10.0, 5.0), (20.0, 10.0), (3.21, 3.21)]:
        outage = average_over_rayleigh(lambda snr, t=threshold_db: (snr < t).astype(float), mean_db)
        expected = 1 - math.exp(-(10 ** ((threshold_db - mean_db) / 10)))
        # A step is placed to within 0.01 dB, where the density of the gain in dB is at most 0.085.
        assert outage == pytest.approx(expected, abs=1e-3)


def test_rayleigh_average_of_an_exponential():
    """The integral of e^-x e^(-a SNR x) is 1 / (1 + a SNR), as of uncoded error rates."""
    for mean_db in (-5.0, 0.0, 10.0, 25.0):
        average = average_over_rayleigh(lambda snr: np.exp(-0.5 * 10 ** (snr / 10)), mean_db)
        assert average == pytest.approx(1 / (1 + 0.5 * 10 ** (mean_db / 10)), rel=1e-4)
    assert average_over_rayleigh(np.ones_like, 3.0) == pytest.approx(1, abs=1e-12)


def test_on_fading_the_choice_maximises_throughput_over_the_outage():
    """With q = bits and q0 = 0: maximise R exp(-(2^R - 1) / SNR), by search over the schemes."""
    adaptation = LinkAdaptation(fading="rayleigh", curves=made_up_curves(gap_db=0.0))
    for mean_db in (0.0, 10.0, 20.0):
        choice = adaptation.choose(mean_db, 100_000, lambda bits: bits, 0.0)
        goodput = {
            mcs: mcs.spectral_efficiency
            * math.exp(-(2**mcs.spectral_efficiency - 1) / 10 ** (mean_db / 10))
            for mcs in distinct_schemes()
        }
        assert goodput[choice.mcs] == pytest.approx(max(goodput.values()), rel=2e-3)
        assert choice.failure == pytest.approx(
            1 - math.exp(-(2**choice.mcs.spectral_efficiency - 1) / 10 ** (mean_db / 10)), abs=1e-3
        )


def test_failures_over_block_fading_are_as_frequent_as_predicted():
    """The scheme that an average SNR of 15 dB gives, sent over 250 realisations of the fading."""
    adaptation, count = LinkAdaptation(fading="rayleigh"), 250
    choice = adaptation.choose(15.0, 2000, lambda bits: bits, 0.0)
    modem, rng = adaptation.modem(choice.mcs), np.random.default_rng(4)
    bits = rng.integers(0, 2, (count, choice.bits), dtype=np.uint8)
    sent = modem.modulate(bits)
    no = (10**-1.5 / rng.exponential(size=count)).astype(np.float32)  # after division by the gain
    noise = rng.standard_normal((count, 2 * sent.shape[1]), np.float32).view(np.complex64)
    got = modem.demodulate(sent + np.sqrt(no / 2)[:, None] * noise, no)
    failed = (got.hard()[:, : choice.bits] != bits).any(axis=1).sum()
    assert 0.05 < choice.failure < 0.5
    assert abs(failed - count * choice.failure) < 4 * math.sqrt(
        count * choice.failure * (1 - choice.failure)
    )


def test_wrong_input_is_named():
    adaptation = LinkAdaptation(curves=made_up_curves())
    with pytest.raises(ValueError, match="nan dB"):
        adaptation.choose(math.nan, 1000, lambda bits: bits, 0.0)
    with pytest.raises(ValueError, match="2 symbols carry no transport block"):
        adaptation.choose(40.0, 2, lambda bits: bits, 0.0)
    with pytest.raises(ValueError, match="'rician'"):
        LinkAdaptation(fading="rician", curves=made_up_curves())
    with pytest.raises(ValueError, match="not among the measured"):
        BlockErrorCurves((), {}).block_error_rate(get_mcs(3), 1000, 0.0)

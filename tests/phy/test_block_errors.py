"""The shipped block error curves: complete, above capacity, fitted as they say, and replayed."""

import math

import numpy as np
import pytest
from scipy.special import ndtr

from moclink.phy.block_errors import BlockErrorCurves, fit_waterfall
from moclink.phy.channels import awgn, noise_variance
from moclink.phy.link_adaptation import distinct_schemes
from moclink.phy.mcs import MCS, get_mcs
from moclink.phy.transport_block_modem import TransportBlockModem


@pytest.fixture(scope="module")
def shipped() -> BlockErrorCurves:
    return BlockErrorCurves.load()


def test_every_scheme_was_measured_and_says_with_what(shipped):
    assert {"command", "date", "versions", "machine", "stopping", "decoder"} <= set(shipped.made_by)
    assert (
        f"at most {TransportBlockModem(get_mcs(0)).num_iter} iterations"
        in shipped.made_by["decoder"]
    )
    for mcs in distinct_schemes():
        curves = [
            c
            for c in shipped.curves
            if (c.bits_per_symbol, c.rate_1024) == (mcs.bits_per_symbol, mcs.rate_1024)
        ]
        longest = 8448 if mcs.coderate > 0.25 else 3840
        assert max(curve.block for curve in curves) == longest and len(curves) >= 2
        capacity_db = 10 * math.log10(2**mcs.spectral_efficiency - 1)
        for curve in curves:
            assert len(curve.points) == 6 and curve.points[-1][1] >= 2500  # rates down to 1e-3
            assert capacity_db < curve.mean_db < capacity_db + 4


def test_stored_fits_are_those_of_the_stored_points(shipped):
    for curve in shipped.curves[::7]:
        assert fit_waterfall(curve.points) == pytest.approx(
            (curve.mean_db, curve.deviation_db, curve.tail), abs=5e-3
        )


def test_the_law_describes_the_points(shipped):
    """Counts are within four deviations of what the law gives a tenth of its width away at the most."""
    for curve in shipped.curves:
        for snr, blocks, errors in curve.points:
            x = (snr - curve.mean_db) / curve.deviation_db
            x = min(x, 2) + curve.tail * max(x - 2, 0)
            low, high = ndtr(-x - 0.1), ndtr(-x + 0.1)
            assert errors > blocks * low - 4 * math.sqrt(blocks * low * (1 - low)) - 1, curve
            assert errors < blocks * high + 4 * math.sqrt(blocks * high * (1 - high)) + 1, curve


def test_a_fit_recovers_what_made_the_counts():
    rng = np.random.default_rng(1)
    snr = 7.0 + 0.2 * np.arange(-2, 6)
    x = (snr - 7.1) / 0.25
    x = np.minimum(x, 2) + 0.6 * np.maximum(x - 2, 0)
    errors = rng.binomial(20_000, ndtr(-x))
    mean, deviation, tail = fit_waterfall(
        [(float(s), 20_000, int(e)) for s, e in zip(snr, errors, strict=True)]
    )
    # The deviation of the mean's estimate is about 0.25 sqrt(pi / 2 / 60_000) = 0.0013; of the
    # counts in the tail, 131 and 31 are expected.
    assert mean == pytest.approx(7.1, abs=0.005)
    assert deviation == pytest.approx(0.25, rel=0.03)
    assert tail == pytest.approx(0.6, abs=0.15)


def test_points_outside_the_waterfall_are_no_fit():
    with pytest.raises(ValueError, match="two points or more"):
        fit_waterfall([(1.0, 100, 100), (2.0, 100, 50), (3.0, 100, 0)])


@pytest.mark.parametrize(
    ("mcs", "block", "count"),
    [(get_mcs(4), 640, 400), (get_mcs(20), 640, 400), (get_mcs(25, 2), 3840, 80)],
)
def test_replay_of_measured_points(shipped, mcs, block, count):
    stored = next(
        curve
        for curve in shipped.curves
        if (curve.bits_per_symbol, curve.rate_1024, curve.block)
        == (mcs.bits_per_symbol, mcs.rate_1024, block)
    )
    snr_db, blocks, errors = min(stored.points, key=lambda point: abs(point[2] / point[1] - 0.3))
    replayed = block_errors(mcs, block - 16, snr_db, count)
    pooled = (errors + replayed) / (blocks + count)
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / blocks + 1 / count))
    assert abs(errors / blocks - replayed / count) < 4 * deviation


def block_errors(mcs: MCS, length: int, snr_db: float, count: int) -> int:
    """Transport blocks of one code block each, sent over this package's own channel."""
    modem = TransportBlockModem(mcs)
    bits = np.random.default_rng(99).integers(0, 2, (count, length), dtype=np.uint8)
    keys = [("replay", snr_db, row) for row in range(count)]
    output = awgn(modem.modulate(bits), noise_variance(np.full(count, snr_db)), keys)
    got = modem.demodulate(output.received, output.no)
    return int((got.hard()[:, :length] != bits).any(axis=1).sum())


def test_between_lengths_the_waterfall_lies_between(shipped):
    """At half of the blocks, and where one in a thousand is wrong; longer blocks need not be better."""
    mcs = get_mcs(20)
    for snr_db in (11.3, 11.6):
        for block, neighbours in ((1500, (640, 3840)), (6000, (5632, 7040)), (8000, (7744, 8448))):
            rate = float(shipped.block_error_rate(mcs, block, snr_db))
            ends = [float(shipped.block_error_rate(mcs, end, snr_db)) for end in neighbours]
            assert min(ends) < rate < max(ends)
    short, long = (float(shipped.block_error_rate(mcs, block, 11.6)) for block in (640, 8448))
    assert long < short / 10

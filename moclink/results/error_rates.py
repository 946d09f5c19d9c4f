"""Error rates of random bits with 95 % confidence intervals by counts.

Blocks are independent: over AWGN, and over fading too, where each has a realisation of its own. So
the block error rate has the interval of Clopper and Pearson (Biometrika 1934) by its counts, and so
has the bit error rate of uncoded bits where symbols do not fade, or each by itself. Errors of coded
bits come in blocks: their interval is that of the block error rate, scaled. Errors of uncoded bits
over other fading come in fades, of which a row keeps the mean alone: their interval is Student's t
over trials; a single trial has none, nor have trials that are all alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moclink.constants import OUTAGES
from moclink.results.averages import Average, average
from moclink.results.intervals import clopper_pearson, half_width
from moclink.results.names import information_bits
from moclink.types import Row

INDEPENDENT = ("awgn", "rayleigh-fast")  # channels whose symbols have errors of their own


@dataclass(frozen=True)
class ErrorRate:
    """An error rate with its 95 % confidence interval.

    Attributes:
        snr_db: Es/N0 in dB.
        rate: Errors / bits, or errors / blocks, of all trials.
        interval: (low, high); None where the counts are not known.
    """

    snr_db: float
    rate: float
    interval: tuple[float, float] | None


def error_rates(rows: Sequence[Row], column: str, channel: str = "awgn") -> list[ErrorRate]:
    """Error rates of one chain of random bits at each SNR.

    Args:
        rows: Rows of the chain.
        column: "ber" or "bler".
        channel: Name of the channel that they were sent over.
    """
    cells: dict[float, list[Row]] = {}
    for row in rows:
        if getattr(row, column) is not None and row.bits:
            cells.setdefault(row.snr_db, []).append(row)
    return [_error_rate(trials, column, channel) for _, trials in sorted(cells.items())]


def chain_averages(
    rows: Sequence[Row], column: str, outage: str = OUTAGES[0], channel: str = "awgn"
) -> list[Average]:
    """Means of one metric of one chain at each SNR: `average`, or `error_rates` of random bits."""
    if rows[0].height is not None or column not in ("ber", "bler"):
        return average(rows, column, outage)
    found = error_rates(rows, column, channel)
    halves = [(r.interval[1] - r.interval[0]) / 2 if r.interval else 0.0 for r in found]
    return [
        Average(r.snr_db, r.rate, half, 1, r.interval)
        for r, half in zip(found, halves, strict=True)
    ]


def _error_rate(trials: Sequence[Row], column: str, channel: str) -> ErrorRate:
    # A block error rate is one of blocks, where the run has counted them.
    counted = column == "bler" and all(row.blocks for row in trials)
    bits = np.array([row.blocks if counted else row.bits for row in trials], np.float64)
    rates = np.array([getattr(row, column) for row in trials], np.float64)
    rate = float((rates * bits).sum() / bits.sum())
    interval: tuple[float, float] | None = None
    if column == "bler":
        block = 1 if counted else information_bits(trials[0].chain)
        interval = clopper_pearson(rate, round(bits.sum() / block)) if block else None
    elif trials[0].bler is not None:
        blocks = _error_rate(trials, "bler", channel)
        if blocks.interval and blocks.rate > 0:
            low, high = (rate * limit / blocks.rate for limit in blocks.interval)
            interval = low, high
    elif channel.partition("?")[0] in INDEPENDENT:
        interval = clopper_pearson(rate, bits.sum())
    elif len(trials) > 1:
        half = half_width(rates)
        if half > 0:  # of trials that are alike, as those without errors, nothing is known
            interval = max(0.0, rate - half), min(1.0, rate + half)
    return ErrorRate(trials[0].snr_db, rate, interval)

"""Adaptive modulation and coding: the MCS of the greatest expected quality at the sender's SNR.

A file of b bits, sent as one transport block, arrives whole with probability 1 - p(b). Of all
schemes,

    maximise  q(b) (1 - p(b)) + q0 p(b),      b = the bits that the scheme carries on the symbols at
    hand,

with q the quality of the best file of b bits and q0 that of an outage. The failure rate p comes
from measured block error curves (`moclink.phy.block_errors`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from moclink.phy.block_errors import BlockErrorCurves
from moclink.phy.mcs import MCS, MCS_TABLES
from moclink.phy.transport_block_modem import TransportBlockModem
from moclink.snr import from_decibels
from moclink.types import ChannelState

NEGLIGIBLE = 1e-6  # schemes that succeed more rarely are not tried


def distinct_schemes(tables: Sequence[int] = (1, 2, 3)) -> tuple[MCS, ...]:
    """Schemes of several MCS tables without repetitions, by spectral efficiency."""
    pairs: dict[tuple[int, float], MCS] = {}
    for table in tables:
        for mcs in MCS_TABLES[table]:
            pairs.setdefault((mcs.bits_per_symbol, mcs.rate_1024), mcs)
    return tuple(
        sorted(pairs.values(), key=lambda mcs: (mcs.spectral_efficiency, mcs.bits_per_symbol))
    )


@dataclass(frozen=True)
class Candidate:
    """A scheme, and what it carries on the available symbols.

    Attributes:
        mcs: The scheme.
        bits: Bits that it carries.
        failure: Probability that the file arrives damaged.
    """

    mcs: MCS
    bits: int
    failure: float


@dataclass(frozen=True)
class Choice(Candidate):
    """The scheme that was chosen.

    Attributes:
        expected_quality: Its expected quality, outages included.
    """

    expected_quality: float


def best_candidate(
    candidates: Sequence[Candidate], quality: Callable[[int], float], outage_quality: float
) -> Choice | None:
    """The candidate of the greatest expected quality.

    Quality must not fall with the number of bits. Then a candidate that carries no more bits than
    another and fails no more rarely cannot be better, and the quality of a longer file bounds that
    of a shorter one; so `quality`, which may have to encode a picture, is called for few of the
    candidates.

    Args:
        candidates: Schemes to choose from.
        quality: Bits of a file -> quality of the best file of that size.
        outage_quality: Quality where the file is lost.

    Returns:
        The best candidate, the more reliable one of two that are equal; None if every candidate is
        hopeless.
    """
    best: Choice | None = None
    least_failure = 1 - NEGLIGIBLE
    useful: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda candidate: (-candidate.bits, candidate.failure)):
        if candidate.bits and candidate.failure < least_failure:
            useful.append(candidate)
            least_failure = candidate.failure
    bound = np.inf  # on the quality of what comes next, which is shorter
    for candidate in useful:
        success = 1 - candidate.failure
        if best and success * bound + candidate.failure * outage_quality < best.expected_quality:
            continue
        bound = max(quality(candidate.bits), outage_quality)
        expected = success * bound + candidate.failure * outage_quality
        if best is None or expected >= best.expected_quality:
            best = Choice(candidate.mcs, candidate.bits, candidate.failure, float(expected))
    return best


def average_over_rayleigh(
    failure: Callable[[NDArray[np.float64]], NDArray[np.float64]], mean_snr_db: float
) -> float:
    """Mean failure rate over block Rayleigh fading, integral of e^-x p(x SNR) over the power gain x.

    Args:
        failure: Es/N0 in dB, float64 [N] -> failure rates [N].
        mean_snr_db: Es/N0 averaged over the fading.
    """
    edges_db = np.arange(-70, 15.005, 0.01)
    above = np.exp(-from_decibels(edges_db))  # probability of a gain above the edge
    masses = np.concatenate([[1 - above[0]], above[:-1] - above[1:], [above[-1]]])
    gains_db = np.concatenate([[edges_db[0]], (edges_db[:-1] + edges_db[1:]) / 2, [edges_db[-1]]])
    return float(masses @ failure(mean_snr_db + gains_db))


@dataclass(frozen=True)
class LinkAdaptation:
    """Chooses schemes for a sender that knows the SNR.

    Attributes:
        schemes: Schemes to choose from.
        fading: What the sender's SNR is: "none", that of the transmission; "rayleigh", the average
            over block Rayleigh fading, of which the sender does not know the gain.
        curves: Block error curves.
    """

    schemes: tuple[MCS, ...] = field(default_factory=distinct_schemes)
    fading: Literal["none", "rayleigh"] = "none"
    curves: BlockErrorCurves = field(
        default_factory=BlockErrorCurves.load, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.fading not in ("none", "rayleigh"):
            raise ValueError(f"fading {self.fading!r}: there are none and rayleigh")

    def with_csi(self, csi: ChannelState) -> LinkAdaptation:
        """The same for what the sender is told: an SNR, or the average over a fading law."""
        return self if csi.fading == self.fading else replace(self, fading=csi.fading)

    def modem(self, mcs: MCS) -> TransportBlockModem:
        """The modem of a scheme."""
        return TransportBlockModem(mcs)

    def carries(self, symbols: int) -> bool:
        """Whether so many complex symbols carry a transport block of any scheme."""
        return any(self.modem(mcs).max_indices(symbols) for mcs in self.schemes)

    def candidates(self, snr_db: float, symbols: int) -> list[Candidate]:
        """What each scheme carries, and how often it fails.

        Args:
            snr_db: Es/N0 in dB.
            symbols: Complex symbols available.
        """
        candidates = []
        for mcs in self.schemes:
            bits = self.modem(mcs).max_indices(symbols)
            candidates.append(
                Candidate(mcs, bits, self._failure(mcs, bits, snr_db) if bits else 1.0)
            )
        return candidates

    def choose(
        self, snr_db: float, symbols: int, quality: Callable[[int], float], outage_quality: float
    ) -> Choice:
        """The scheme of the greatest expected quality (see `best_candidate`).

        Where every scheme is hopeless this is the one that fails least.

        Args:
            snr_db: Es/N0 in dB that the sender knows.
            symbols: Complex symbols available.
            quality: Bits of a file -> quality of the best file of that size; must not fall with the
                bits.
            outage_quality: Quality where the file is lost.

        Raises:
            ValueError: If the symbols are too few for any scheme, or the SNR is no number.
        """
        if np.isnan(snr_db):
            raise ValueError(f"the sender's SNR is {snr_db} dB; a number is wanted")
        candidates = [candidate for candidate in self.candidates(snr_db, symbols) if candidate.bits]
        if not candidates:
            raise ValueError(f"{symbols} symbols carry no transport block; give more")
        choice = best_candidate(candidates, quality, outage_quality)
        if choice is not None:
            return choice
        last = min(candidates, key=lambda candidate: (candidate.failure, candidate.bits))
        return Choice(last.mcs, last.bits, last.failure, float(outage_quality))

    def _failure(self, mcs: MCS, bits: int, snr_db: float) -> float:
        if self.fading == "none":
            return float(self.curves.failure_rate(mcs, bits, snr_db))
        return average_over_rayleigh(lambda snrs: self.curves.failure_rate(mcs, bits, snrs), snr_db)

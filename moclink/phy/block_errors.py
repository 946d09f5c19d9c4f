"""Block error rates of the MCS tables over AWGN: curves that were measured with this package's decoder.

`mcs_curves.json` holds counts of block errors and says what made them (`benchmarks/mcs_curves.py`).
A curve is one modulation, code rate and length of the code block K', CRC included. Its points are
fitted by

    BLER(snr) = Q(x)                    x = (snr - mean) / deviation, snr = Es/N0 in dB
    BLER(snr) = Q(2 + tail (x - 2))     where x > 2, that is below a rate of 2.3 %

of which the first line is what the normal approximation of finite-length coding suggests; the
decoder's tail is flatter, tail < 1, and was counted down to rates of some 1e-4. Lower rates are
extrapolated along the law. Between lengths, the mean, the logarithm of the deviation and the tail
are linear in 1 / sqrt(K').

Reference:
    Polyanskiy, Poor, Verdu, "Channel coding rate in the finite blocklength regime", IEEE
    Transactions on Information Theory 56(5), 2010, eq. 1.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr

from moclink.phy.mcs import MCS
from moclink.phy.transport_block import segment

CURVES = Path(__file__).parent / "mcs_curves.json"
TAIL_FROM = 2.0  # deviations above the mean


@dataclass(frozen=True)
class BlockErrorCurve:
    """Measured block errors of one modulation, code rate and block length.

    Attributes:
        bits_per_symbol: Modulation order Q_m.
        rate_1024: Code rate times 1024.
        block: Bits of the code block with its CRC, K'.
        mean_db: Es/N0 in dB at which half of the blocks are wrong.
        deviation_db: Width of the waterfall in dB.
        tail: Slope of the tail over that of the waterfall, see the module.
        points: (Es/N0 in dB, blocks that were sent, blocks that were wrong).
    """

    bits_per_symbol: int
    rate_1024: float
    block: int
    mean_db: float
    deviation_db: float
    tail: float
    points: tuple[tuple[float, int, int], ...]


@dataclass(frozen=True)
class BlockErrorCurves:
    """All curves of a file.

    Attributes:
        curves: The curves.
        made_by: What made them: command, versions, date, machine, number of iterations.
    """

    curves: tuple[BlockErrorCurve, ...]
    made_by: dict[str, str]

    @classmethod
    def load(cls, path: Path = CURVES) -> BlockErrorCurves:
        """Read a file of curves, by default the one that is shipped."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        curves = [
            BlockErrorCurve(**{**curve, "points": tuple(map(tuple, curve["points"]))})
            for curve in stored["curves"]
        ]
        return cls(tuple(curves), stored["made_by"])

    def block_error_rate(self, mcs: MCS, block: int, snr_db: ArrayLike) -> NDArray[np.float64]:
        """Probability that a code block is wrong.

        Args:
            mcs: Modulation and code rate.
            block: Bits of the code block with its CRC, K'.
            snr_db: Es/N0 in dB, any shape.

        Raises:
            ValueError: If the scheme was not measured.
        """
        return ndtr(-_law(snr_db, *self._fit(mcs, block)))

    def failure_rate(self, mcs: MCS, bits: int, snr_db: ArrayLike) -> NDArray[np.float64]:
        """Probability that any of the code blocks of a message is wrong, 1 - (1 - BLER)^C.

        Args:
            mcs: Modulation and code rate.
            bits: Bits of the message, sent as one transport block.
            snr_db: Es/N0 in dB, any shape.
        """
        plan = segment(bits, mcs.coderate)
        log_right = log_ndtr(_law(snr_db, *self._fit(mcs, plan.block)))
        return -np.expm1(plan.num_blocks * log_right)

    def _fit(self, mcs: MCS, block: int) -> tuple[float, float, float]:
        scheme = (mcs.bits_per_symbol, mcs.rate_1024)
        known = [
            curve for curve in self.curves if (curve.bits_per_symbol, curve.rate_1024) == scheme
        ]
        known.sort(key=lambda curve: curve.block)
        if len(known) < 2:
            raise ValueError(f"{mcs} is not among the measured block error curves")
        # The two lengths around K', or the nearest two.
        place = int(np.clip(np.searchsorted([c.block for c in known], block), 1, len(known) - 1))
        short, long = known[place - 1], known[place]
        share = (block**-0.5 - short.block**-0.5) / (long.block**-0.5 - short.block**-0.5)
        mean = short.mean_db + share * (long.mean_db - short.mean_db)
        # In the logarithm, so that extrapolation cannot make it negative.
        deviation = short.deviation_db * (long.deviation_db / short.deviation_db) ** share
        tail = min(max(short.tail + share * (long.tail - short.tail), _FLATTEST), _STEEPEST)
        return mean, deviation, tail


_FLATTEST, _STEEPEST = 0.2, 1.0  # bounds of a tail, which few errors determine


def _law(snr_db: ArrayLike, mean: float, deviation: float, tail: float) -> NDArray[np.float64]:
    """The x of which Q is the block error rate."""
    x = (np.asarray(snr_db, np.float64) - mean) / deviation
    return np.minimum(x, TAIL_FROM) + tail * np.maximum(x - TAIL_FROM, 0)


def fit_waterfall(points: Sequence[tuple[float, int, int]]) -> tuple[float, float, float]:
    """Maximum-likelihood mean and deviation, in dB, and tail of a block error curve.

    Args:
        points: (Es/N0 in dB, blocks, errors); at two SNRs or more some blocks must be right and
            some wrong.

    Raises:
        ValueError: If the points do not determine the fit.
    """
    snr, blocks, errors = np.array(points, np.float64).T
    if np.count_nonzero((errors > 0) & (errors < blocks)) < 2:
        raise ValueError(f"two points or more within the waterfall are needed; got {list(points)}")

    def loss(parameters: NDArray[np.float64]) -> float:
        x = _law(snr, parameters[0], np.exp(parameters[1]), parameters[2])
        return -float(errors @ log_ndtr(-x) + (blocks - errors) @ log_ndtr(x))

    middle = snr[np.argmin(np.abs(errors / blocks - 0.5))]
    found = minimize(
        loss,
        [middle, np.log(np.ptp(snr) / 5), 1.0],
        method="Nelder-Mead",
        bounds=[(None, None), (None, None), (_FLATTEST, _STEEPEST)],
        options={"xatol": 1e-5, "fatol": 1e-7, "maxiter": 2000},
    )
    return float(found.x[0]), float(np.exp(found.x[1])), float(found.x[2])

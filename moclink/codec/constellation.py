"""The labels of one axis of square QAM: an index of N states is one axis of N^2-QAM.

Two indices make a complex symbol. The labels along the axis are those of 3GPP, which Sionna's
mapper uses; from amplitude -7 to +7 the eight labels read {7,6,4,5,1,0,2,3}.

Reference: 3GPP TS 38.211, clause 5.1 (16-, 64- and 256-QAM).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def squared_spacing(states: int) -> float:
    """2 (N^2 - 1) / 3, by which the squares of -N+1, ..., -1, 1, ..., N-1 are divided: 42 for 64-QAM."""
    return 2 * (states**2 - 1) / 3


def amplitudes(states: int) -> NDArray[np.float32]:
    """Amplitude of each label, scaled to unit energy per complex symbol: float32 [N].

    The clause's products, read from the last bit outwards: v = s_m, then v = s_j (2^k - v) for the
    bits before it, s = 1 - 2 b. For N = 8: (1-2b0) [4 - (1-2b2) [2 - (1-2b4)]] / sqrt(42).

    Raises:
        ValueError: If `states` is no power of two, or below 2.
    """
    if states < 2 or states & (states - 1):
        raise ValueError(f"states is {states}; it must be a power of two, such as 4, 8 or 16")
    bits = states.bit_length() - 1
    signs = 1 - 2 * ((np.arange(states)[:, None] >> np.arange(bits)) & 1)
    value = signs[:, 0]
    for k in range(1, bits):
        value = signs[:, k] * (2**k - value)
    return (value / np.sqrt(squared_spacing(states))).astype(np.float32)


def axis_labels(states: int) -> NDArray[np.int64]:
    """Labels from the lowest amplitude to the highest: int64 [N]; {7,6,4,5,1,0,2,3} for N = 8."""
    return np.argsort(amplitudes(states))

"""Rate matching of 5G LDPC (3GPP TS 38.212, 5.4.2): circular buffer, repetition, bit interleaver.

The circular buffer is read from where the redundancy version begins (0: from its start), and again
from its start when it is used up (repetition).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def match_rate(
    buffer: NDArray[np.uint8], length: int, bits_per_symbol: int, start: int = 0
) -> NDArray[np.uint8]:
    """Select bits of the circular buffer and interleave them.

    Args:
        buffer: uint8 [B, N], the circular buffer without filler bits, or its start if `length` is
            less.
        length: Bits to be sent for each block, E; a multiple of `bits_per_symbol`.
        bits_per_symbol: Modulation order Q_m. Bits i E/Q_m .. (i+1) E/Q_m - 1 become bit i of the
            symbols.
        start: Place in the buffer of the first bit that is sent; the buffer is then a whole one
            unless it holds all bits from there.

    Returns:
        uint8 [B, E].

    Raises:
        ValueError: If E is no multiple of Q_m.
    """
    _check_length(length, bits_per_symbol)
    size = buffer.shape[1]
    stop = start + length
    selected = buffer[:, start:stop] if stop <= size else buffer[:, np.arange(start, stop) % size]
    return (
        selected.reshape(len(buffer), bits_per_symbol, -1)
        .transpose(0, 2, 1)
        .reshape(len(buffer), -1)
    )


def recover_rate(
    llr: NDArray[np.float32], size: int, bits_per_symbol: int, start: int = 0
) -> NDArray[np.float32]:
    """Undo `match_rate`: LLRs of repeated bits are added, those of bits not sent are zero.

    Args:
        llr: float32 [B, E].
        size: Bits of the circular buffer that the decoder is given, N.
        bits_per_symbol: Modulation order Q_m.
        start: Place in the buffer of the first bit that was sent.

    Returns:
        float32 [B, N].

    Raises:
        ValueError: If E is no multiple of Q_m.
    """
    batch, length = llr.shape
    _check_length(length, bits_per_symbol)
    selected = llr.reshape(batch, -1, bits_per_symbol).transpose(0, 2, 1).reshape(batch, length)
    rounds = np.pad(selected, ((0, 0), (start, -(start + length) % size)))
    rounds = rounds.reshape(batch, -1, size)
    return rounds.sum(axis=1, dtype=np.float32)


def _check_length(length: int, bits_per_symbol: int) -> None:
    if length < 1 or length % bits_per_symbol:
        raise ValueError(
            f"{length} bits are not a whole number of symbols of {bits_per_symbol} bits"
        )

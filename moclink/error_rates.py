"""Bit, index and block error rates: the one place where errors are counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moclink.types import ErrorRates


def count_index_errors(
    sent: NDArray[np.uint8],
    received: NDArray[np.uint8],
    used: tuple[int, ...],
    alphabet: int,
    indices_per_block: int | Sequence[slice] | None,
) -> ErrorRates:
    """Count bit, index and block errors of indices: bits, or codebook indices (see `types`).

    Args:
        sent: uint8 [B, K] or [1, K] (one transmission, many receptions).
        received: uint8 [B', K'], K' >= K; what exceeds K was padded with zeros at the sender.
        used: Indices in use of each row of `sent`.
        alphabet: Values of an index, which counts as its log2(alphabet) label bits.
        indices_per_block: Indices of one codeword, or where each codeword's are; None if uncoded.
    """
    rows = len(received)
    filled = np.zeros((len(sent), received.shape[1]), np.uint8)
    filled[:, : sent.shape[1]] = sent
    difference = np.bitwise_xor(received, filled)
    in_use = np.arange(received.shape[1]) < np.reshape(used, (-1, 1))
    count = np.broadcast_to(np.maximum(in_use.sum(axis=1), 1), rows)
    wrong = np.bitwise_count(np.where(in_use, difference, 0)).sum(axis=1)
    ber = wrong / (count * np.log2(alphabet))
    ier = (
        np.count_nonzero(np.where(in_use, difference, 0), axis=1) / count if alphabet > 2 else None
    )
    bler = None
    if isinstance(indices_per_block, Sequence):
        bler = np.mean([difference[:, block].any(axis=1) for block in indices_per_block], axis=0)
    elif indices_per_block:
        blocks = difference.reshape(rows, -1, indices_per_block)
        bler = blocks.any(axis=2).mean(axis=1)
    return ErrorRates(ber, ier, bler)

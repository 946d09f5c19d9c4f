"""The stage between 1 and 2: measure how often codes are used, and place them on the constellation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.codebooks import code_usage, record_priors
from moclink.codec.encoder import Encoder
from moclink.codec.quantizer import MOCRVQ
from moclink.codec.reordering import assign_codebook_labels, renumber
from moclink.training.patches import CropFeeder


def measure_usage(
    encoder: Encoder, quantizer: MOCRVQ, feeder: CropFeeder, batches: int = 32
) -> NDArray[np.int64]:
    """Count how often each code is used on training crops: int64 [D, P, N]."""
    shape = (quantizer.levels, quantizer.heads, quantizer.states)
    counts = np.zeros(shape, np.int64)
    for i in range(batches):
        indices = ops.convert_to_numpy(quantizer.encode(encoder(feeder(2 * 10**9 + i))))
        counts += code_usage(indices, quantizer.states)
    return counts


def reorder(
    quantizer: MOCRVQ, usage: NDArray[np.integer], method: str, snr_db: float | Sequence[float]
) -> None:
    """Store the codes' measured use as priors, then assign every codebook to the labels.

    Args:
        quantizer: Changed in place; what is decoded without noise stays the same.
        usage: Counts [D, P, N].
        method: See `reordering.assign_labels`.
        snr_db: Es/N0 in dB that the exact assignment is best for; the mean over several.
    """
    record_priors(quantizer, usage)
    renumber(
        quantizer, assign_codebook_labels(quantizer.codebooks, method, quantizer.priors, snr_db)
    )

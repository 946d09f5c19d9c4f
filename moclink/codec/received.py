"""Checks of what a semantic codec's receiver is given: indices, posteriors, log-likelihoods, levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.codec.inputs import as_array
from moclink.codec.quantizer import MOCRVQ

LIKELIHOODS = "ln p(y|k), float [B, h, w, L, P, N]"


def is_soft(received: NDArray, quantizer: MOCRVQ, name: str = "received") -> bool:
    """Whether received are posteriors, float [B, h, w, L, P, N], and not indices, int [B, h, w, L, P].

    Raises:
        ValueError: If they are neither.
    """
    soft = received.dtype.kind == "f"
    tail = (quantizer.heads, quantizer.states) if soft else (quantizer.heads,)
    shape = received.shape
    if (
        len(shape) != 4 + len(tail)
        or shape[4:] != tail
        or not 1 <= shape[3] <= quantizer.levels
        or 0 in shape
    ):
        raise ValueError(
            f"{name} is {received.dtype} of shape {shape}; it must be indices, int "
            f"[B, h, w, L, {quantizer.heads}], or posteriors, float [B, h, w, L, {quantizer.heads}, "
            f"{quantizer.states}], with L of 1..{quantizer.levels}"
        )
    if not soft and not 0 <= received.min() <= received.max() < quantizer.states:
        raise ValueError(
            f"indices span {received.min()}..{received.max()}; they must be in 0..{quantizer.states - 1}"
        )
    return soft


def as_likelihoods(log_likelihoods: Any, quantizer: MOCRVQ) -> NDArray[np.float32]:
    """Log-likelihoods, float32 [B, h, w, L, P, N].

    Raises:
        ValueError: If they are none: of another shape, or with NaN or plus infinity.
    """
    scores = as_array("log_likelihoods", log_likelihoods, LIKELIHOODS)
    scores = scores.astype(np.float32, copy=False)
    is_soft(scores, quantizer, "log_likelihoods")
    if not scores.max() < np.inf:  # neither is NaN
        raise ValueError("log_likelihoods hold NaN or infinity; -infinity alone is one")
    return scores


def levels_of_each(levels: Any, sent: int, batch: int) -> NDArray[np.int32]:
    """Levels to use of each of B pictures, int32 [B]; None for all that were sent.

    Raises:
        ValueError: If there are not so many.
    """
    given = np.asarray(sent if levels is None else levels)
    if given.dtype.kind not in "iu" or given.shape not in ((), (1,), (batch,)):
        raise ValueError(
            f"levels is {levels!r}; give a whole number, or one for each of {batch} pictures"
        )
    chosen = np.broadcast_to(given.astype(np.int32), (batch,))
    if not 1 <= chosen.min() <= chosen.max() <= sent:
        raise ValueError(
            f"levels are {np.unique(chosen)}; they must be 1 to {sent}, the levels received"
        )
    return chosen

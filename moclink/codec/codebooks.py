"""Codebooks in training: usage counts, exponential averages, replacement of dead codes, copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.codebook_initialization import subtract_nearest
from moclink.codec.moc import MOC
from moclink.codec.quantizer import MOCRVQ
from moclink.codec.search import greedy_search, nearest_sum


def code_usage(indices: NDArray[np.integer], states: int) -> NDArray[np.int64]:
    """How often each code was used: indices [..., D, P] to counts int64 [D, P, N].

    Raises:
        ValueError: If an index is not in 0..N-1.
    """
    indices = np.asarray(indices)
    if indices.size and not 0 <= indices.min() <= indices.max() < states:
        raise ValueError(
            f"indices span {indices.min()}..{indices.max()}; they must be in 0..{states - 1}"
        )
    return np.stack(
        [(indices == k).reshape(-1, *indices.shape[-2:]).sum(0) for k in range(states)], axis=-1
    )


def record_priors(quantizer: MOCRVQ, usage: NDArray[np.integer]) -> None:
    """Store p(k), the measured use of each code, from counts [D, P, N].

    One is added to each count, so that no code is held to be impossible.
    """
    counts = np.asarray(usage, np.float64) + 1.0
    quantizer.assign_priors((counts / counts.sum(-1, keepdims=True)).astype(np.float32))


def copy_codebooks(source: MOCRVQ, target: MOCRVQ) -> None:
    """Give one quantiser the codebooks and priors of another of the same size."""
    target.assign_codebooks(source.codebooks)
    target.assign_priors(source.priors)


def reseed_unused(
    quantizer: MOCRVQ,
    samples: NDArray[np.floating],
    usage: NDArray[np.integer],
    min_share: float = 0.005,
    seed: int = 0,
) -> NDArray[np.bool_]:
    """Replace codes that are hardly used by residuals of random samples.

    Args:
        quantizer: Changed in place.
        samples: float [..., n_q], latents of the encoder.
        usage: Counts [D, P, N] since the last call (see `code_usage`).
        min_share: A code used less often than this share of its codebook's uses is replaced.
        seed: Seed of the draw.

    Returns:
        bool [D, P, N], true where a code was replaced (an optimiser's moments there are stale).

    Raises:
        ValueError: If `usage` has another shape.
    """
    usage = np.asarray(usage)
    expected = (quantizer.levels, quantizer.heads, quantizer.states)
    if usage.shape != expected:
        raise ValueError(
            f"usage has shape {usage.shape}; it must be {expected}: levels, heads, states"
        )
    dead = usage < min_share * np.maximum(usage.sum(-1, keepdims=True), 1)
    rng = np.random.default_rng(seed)
    quantizer.assign_codebooks(
        replace_dead(quantizer.codebooks, quantizer.split_heads(samples), dead, rng)
    )
    return dead


def replace_dead(
    codebooks: NDArray[np.float32],
    samples: NDArray[np.float32],
    dead: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Codebooks [D, P, N, c] with dead codes [D, P, N] replaced by residuals of random samples [M, P, c]."""
    codebooks, residual = codebooks.copy(), samples
    for codebook, gone in zip(codebooks, dead, strict=True):
        for p, k in np.argwhere(gone):
            codebook[p, k] = residual[rng.integers(len(residual)), p]
        residual = subtract_nearest(residual, codebook)
    return codebooks


def initialize_averages(quantizer: MOCRVQ, latents: NDArray[np.floating], weight: float) -> None:
    """Start the averages at the codebooks; else the first batch alone would replace these.

    Args:
        quantizer: One with `ema_decay`, changed in place.
        latents: float [M, n_q], whose use of the codes is counted.
        weight: How many latents of a batch the averages are to count for.
    """
    indices = ops.convert_to_numpy(quantizer.encode(np.asarray(latents)[:, None, None]))
    count = code_usage(indices, quantizer.states) * (weight / len(latents))
    quantizer.ema_count.assign(count.astype(np.float32))
    quantizer.ema_sum.assign((count[..., None] * quantizer.codebooks).astype(np.float32))


def update_averages(quantizer: MOCRVQ, z: Any) -> None:
    """Move codebooks towards the mean of the residuals that chose them (exponential averages).

    Args:
        quantizer: Changed in place.
        z: float [B, h, w, n_q].

    Raises:
        ValueError: If the quantiser was made without `ema_decay`.
    """
    if quantizer.ema_decay is None:
        raise ValueError("update_averages needs averages; construct with ema_decay, such as 0.99")
    decay, z = quantizer.ema_decay, ops.cast(z, "float32")
    counts, sums = zip(*tallies(quantizer.mocs, z, quantizer.search), strict=True)
    quantizer.ema_count.assign(decay * quantizer.ema_count + (1 - decay) * ops.stack(counts))
    quantizer.ema_sum.assign(decay * quantizer.ema_sum + (1 - decay) * ops.stack(sums))
    for d, moc in enumerate(quantizer.mocs):
        # A code that was never chosen has no average to move to, and stays.
        count = quantizer.ema_count[d][..., None]
        mean = quantizer.ema_sum[d] / ops.maximum(count, 1e-6)
        moc.codebook.assign(ops.where(count > 1e-6, mean, ops.convert_to_tensor(moc.codebook)))


def tallies(mocs: Sequence[MOC], z: Any, search: str) -> list[tuple[Any, Any]]:
    """Of each level: uses of its codes [P, N], and sums of what each should have been [P, N, c].

    With the joint search the codes of 1 to D levels all count, each with its sum's whole error.
    """

    def tally(target: Any, s: Any) -> tuple[Any, Any]:
        heads, states, width = mocs[0].codebook.shape
        chosen = ops.reshape(ops.one_hot(s, states, dtype="float32"), (-1, heads, states))
        split = ops.reshape(target, (-1, heads, width))
        return ops.sum(chosen, axis=0), ops.einsum("mpn,mpc->pnc", chosen, split)

    if search == "greedy":
        found, residual = [], z
        for e, s in zip(*greedy_search(mocs, z), strict=True):
            found.append(tally(residual, s))
            residual = residual - e
        return found
    found = [(0.0, 0.0)] * len(mocs)
    for count in range(1, len(mocs) + 1):
        vectors, indices = nearest_sum(mocs, z, count)
        error = z - sum(vectors[1:], vectors[0])
        for d, e in enumerate(vectors):
            uses, wanted = tally(e + error, indices[:, :, :, d])
            found[d] = found[d][0] + uses, found[d][1] + wanted
    return found

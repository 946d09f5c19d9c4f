"""Which code vectors: level by level as in the paper, or all levels of a head together.

A residual quantiser picks the nearest vector of the first codebook, then the nearest of the second to
what is left, and so on. The sum of what it picks is not the sum nearest to the input; that one is
found by trying all N^n sums of a head (4,096 for four octonary levels). The codes sent are of the same
kind, so receiver and rate do not change; only the sender works more. A sum of code vectors is its own
nearest sum, so requantising a latent that arrived undamaged gives it back unchanged, which picking
level by level does not.

Reference: Babenko and Lempitsky, "Additive Quantization for Extreme Vector Compression", CVPR 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

SEARCHES = ("greedy", "joint")
CHUNK = 512  # sums compared at a time: bounds the memory to this many floats for each cell and head


def sums_of(codebooks: Sequence[Any]) -> Any:
    """All sums of one vector from each of n codebooks [P, N, c]: [P, N^n, c], the last level fastest."""
    total = codebooks[0]
    for codebook in codebooks[1:]:
        heads, _, width = codebook.shape
        total = ops.reshape(total[:, :, None] + codebook[:, None], (heads, -1, width))
    return total


def joint_search(z: Any, codebooks: Sequence[Any]) -> Any:
    """The codes of n levels whose vectors' sum is nearest to the input, head by head.

    Args:
        z: float [B, h, w, P*c].
        codebooks: n codebooks, float [P, N, c].

    Returns:
        int32 [B, h, w, n, P].
    """
    heads, states, width = codebooks[0].shape
    sums = sums_of(codebooks)
    # |z - e|^2 up to |z|^2, as one product: (z, 1) with (-2 e, |e|^2).
    keys = ops.concatenate([-2.0 * sums, ops.sum(sums**2, axis=-1, keepdims=True)], axis=-1)
    grid = ops.shape(z)[:3]
    flat = ops.transpose(ops.reshape(z, (-1, heads, width)), (1, 0, 2))
    flat = ops.concatenate([flat, ops.ones_like(flat[..., :1])], axis=-1)
    best = found = None
    for start in range(0, states ** len(codebooks), CHUNK):
        chunk = keys[:, start : start + CHUNK]
        distances = ops.matmul(flat, ops.transpose(chunk, (0, 2, 1)))
        nearest = ops.cast(ops.argmin(distances, axis=-1), "int32")
        least = ops.min(distances, axis=-1)
        if best is None:
            best, found = least, nearest
        else:
            found = ops.where(least < best, nearest + start, found)
            best = ops.minimum(least, best)
    codes = []
    for _ in codebooks:
        codes.append(found % states)
        found = found // states
    # [n, P, M] to [B, h, w, n, P]
    stacked = ops.transpose(ops.stack(codes[::-1]), (2, 0, 1))
    return ops.reshape(stacked, (*grid, len(codebooks), heads))


def fit_jointly(
    samples: NDArray[np.float32], codebooks: NDArray[np.float32], rounds: int = 6, limit: int = 24_000
) -> NDArray[np.float32]:
    """Refine codebooks for the joint search: codes by search, then all vectors by least squares, in turns.

    Every count of levels has its share of the samples, the full count half of them, so that fewer levels
    stay useful.

    Args:
        samples: float [M, P, c].
        codebooks: Start, float [D, P, N, c].
        rounds: Turns.
        limit: Samples that are used at most.

    Returns:
        float32 [D, P, N, c].
    """
    books = np.array(codebooks, np.float32)
    levels, heads, states, width = books.shape
    samples = samples[:: -(-len(samples) // limit)]
    used = np.array([i % (2 * levels) for i in range(len(samples))])
    used = np.where(used < levels, used + 1, levels)
    for _ in range(rounds):
        for p in range(heads):
            chosen = np.zeros((len(samples), levels, states), np.float32)
            for n in range(1, levels + 1):
                rows = np.flatnonzero(used == n)
                sums = ops.convert_to_numpy(sums_of(list(books[:n, p : p + 1])))[0]
                bias = (sums**2).sum(-1)
                code = np.concatenate(
                    [(bias - 2 * part @ sums.T).argmin(-1) for part in np.array_split(samples[rows, p], 16)]
                )
                for d in reversed(range(n)):
                    chosen[rows, d, code % states] = 1.0
                    code //= states
            flat = chosen.reshape(len(samples), -1)
            # A vector that no sample uses keeps its place: the small weight ties each to where it is.
            normal = flat.T @ flat + 1e-2 * np.eye(flat.shape[1], dtype=np.float32)
            right = flat.T @ samples[:, p] + 1e-2 * books[:, p].reshape(-1, width)
            books[:, p] = np.linalg.solve(normal, right).reshape(levels, states, width)
    return books

"""Search for the code vectors: level by level as in the paper, or jointly over all levels of a head.

A residual quantiser picks the nearest vector of the first codebook, then the nearest of the second
to what is left, and so on. The sum of what it picks is not the sum nearest to the input; that one
is found by trying all N^n sums of a head (4,096 for four octonary levels). The codes sent are of
the same kind, so receiver and rate do not change; only the sender works more. A sum of code vectors
is its own nearest sum, so requantising a latent that arrived undamaged gives it back unchanged,
which picking level by level does not.

Reference: Babenko and Lempitsky, "Additive Quantization for Extreme Vector Compression", CVPR 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from moclink.codec.moc import MOC

SEARCHES = ("greedy", "joint")


def all_sums(codebooks: Sequence[Any]) -> Any:
    """All sums of one vector from each of n codebooks [P, N, c]: [P, N^n, c], the last level fastest."""
    total = codebooks[0]
    for codebook in codebooks[1:]:
        heads, _, width = codebook.shape
        total = ops.reshape(total[:, :, None] + codebook[:, None], (heads, -1, width))
    return total


def joint_search(z: Any, codebooks: Sequence[Any], penalties: Sequence[Any] | None = None) -> Any:
    """The codes of n levels whose vectors' sum is nearest to the input, head by head.

    Sums are split in two, e = a_i + b_j, a of the first half of the levels and b of the others:

        |z - e|^2 = |z|^2 + (|a_i|^2 - 2 z a_i) + (|b_j|^2 - 2 z b_j) + 2 a_i b_j

    so that the products of the N^(n/2) sums on either side, and one table that no position changes,
    leave additions alone for the N^n comparisons.

    Args:
        z: float [B, h, w, P*c].
        codebooks: n codebooks, float [P, N, c].
        penalties: What each code adds to the squared distance, n of float [P, N]; None for nothing.

    Returns:
        int32 [B, h, w, n, P].
    """
    heads, states, width = codebooks[0].shape
    grid, half = ops.shape(z)[:3], len(codebooks) // 2
    flat = ops.transpose(ops.reshape(z, (-1, heads, width)), (1, 2, 0))
    last = all_sums(codebooks[half:])
    last_terms = _terms(last, flat) + _penalty(penalties, half, None)
    if half == 0:
        found = ops.cast(ops.argmin(last_terms, axis=1), "int32")
    else:
        first = all_sums(codebooks[:half])
        table = 2.0 * ops.matmul(first, ops.transpose(last, (0, 2, 1)))  # [P, I, J]
        # A map [P, J, M] for each i, as [P, I, J, M] would not fit; backends run a few of them at
        # once.
        least = [ops.min(last_terms + table[:, i, :, None], axis=1) for i in range(states**half)]
        first_terms = _terms(first, flat) + _penalty(penalties, 0, half)
        i = ops.argmin(first_terms + ops.stack(least, axis=1), axis=1)
        row = ops.transpose(ops.take_along_axis(table, i[..., None], axis=1), (0, 2, 1))
        j = ops.argmin(last_terms + row, axis=1)
        found = ops.cast(i, "int32") * last.shape[1] + ops.cast(j, "int32")
    codes = []
    for _ in codebooks:
        codes.append(found % states)
        found = found // states
    # [n, P, M] to [B, h, w, n, P]
    stacked = ops.transpose(ops.stack(codes[::-1]), (2, 0, 1))
    return ops.reshape(stacked, (*grid, len(codebooks), heads))


def _penalty(penalties: Sequence[Any] | None, start: int, stop: int | None) -> Any:
    """Sums of the penalties of some levels, float [P, K, 1]; 0 without penalties."""
    if penalties is None:
        return 0.0
    return all_sums(
        [ops.convert_to_tensor(penalty)[..., None] for penalty in penalties[start:stop]]
    )


def _terms(sums: Any, flat: Any) -> Any:
    """|e|^2 - 2 z e of every sum [P, K, c] and every position [P, c, M]: [P, K, M]."""
    return ops.sum(sums**2, axis=-1)[..., None] - 2.0 * ops.matmul(sums, flat)


def greedy_search(mocs: Sequence[MOC], residual: Any) -> tuple[list[Any], list[Any]]:
    """Level by level, each code the nearest to what is left (eq. 4-6).

    Args:
        mocs: Levels, in order.
        residual: float32 [B, h, w, P*c].

    Returns:
        (code vectors float32 [B, h, w, P*c] of each level, differentiable in its codebook only;
        indices int32 [B, h, w, P] of each level).
    """
    vectors, indices = [], []
    for moc in mocs:
        e, s = moc(residual)
        residual = residual - ops.stop_gradient(e)
        vectors.append(e)
        indices.append(s)
    return vectors, indices


def nearest_sum(mocs: Sequence[MOC], z: Any, count: int) -> tuple[list[Any], Any]:
    """The codes of the first `count` levels whose sum is nearest, the deeper ones level by level from there.

    Returns:
        (code vectors of the first levels, as in `greedy_search`; indices of all levels, int32
        [B, h, w, D, P]).
    """
    books = [ops.stop_gradient(ops.convert_to_tensor(moc.codebook)) for moc in mocs[:count]]
    chosen = joint_search(ops.stop_gradient(z), books)
    vectors = [moc.look_up(chosen[:, :, :, d]) for d, moc in enumerate(mocs[:count])]
    rest = greedy_search(mocs[count:], z - ops.stop_gradient(sum(vectors[1:], vectors[0])))[1]
    return vectors, ops.concatenate([chosen, *(s[:, :, :, None] for s in rest)], axis=3)


def count_levels(levels: int | np.integer | None, deepest: int) -> int:
    """Levels in use as a number, None for all; ValueError if there are not so many."""
    count = deepest if levels is None else int(levels)
    if not 1 <= count <= deepest:
        raise ValueError(f"levels is {levels}; it must be 1 to {deepest}")
    return count


def choose(mocs: Sequence[MOC], z: Any, levels: Any, search: str) -> Any:
    """Indices of all levels, int32 [B, h, w, D, P], best for `levels` (None, int or int [B]) of them."""
    if search == "greedy":
        return ops.stack(greedy_search(mocs, z)[1], axis=3)
    if levels is None or isinstance(levels, int | np.integer):
        return nearest_sum(mocs, z, count_levels(levels, len(mocs)))[1]
    levels = ops.reshape(ops.cast(levels, "int32"), (-1, 1, 1, 1, 1))
    indices = nearest_sum(mocs, z, len(mocs))[1]
    for count in range(1, len(mocs)):
        indices = ops.where(levels == count, nearest_sum(mocs, z, count)[1], indices)
    return indices

"""The joint search of `moclink.codec.search` for NumPy arrays, compiled for the CPU.

It chooses what `joint_search` chooses, up to ties within rounding, in a tenth of the time: 128
positions go side by side through the 4,096 comparisons of a head, in the first cache, where a graph
writes each comparison to memory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moclink.numba_cache import compiled, inlined

LANES = 128  # positions that are searched side by side
BEYOND = np.float32(3e38)  # farther than any sum


def nearest_sums(
    z: NDArray[np.float32], codebooks: NDArray[np.float32], levels: int, deeper: bool = True
) -> NDArray[np.int32]:
    """Codes of the first levels whose vectors' sum is nearest, and of the deeper ones level by level.

    Args:
        z: Latents [B, h, w, P*c].
        codebooks: [D, P, N, c].
        levels: Levels that are chosen together, 1..D.
        deeper: Whether codes of the deeper levels are wanted; else they are 0.

    Returns:
        int32 [B, h, w, D, P].

    Raises:
        ValueError: If there are not so many levels.
    """
    depth, heads, states, width = codebooks.shape
    if not 1 <= levels <= depth:
        raise ValueError(f"levels is {levels}; it must be 1 to {depth}")
    positions = z.size // (heads * width)
    groups = -(-positions // LANES)
    flat = np.zeros((groups * LANES, heads, width), np.float32)
    flat[:positions] = np.asarray(z, np.float32).reshape(-1, heads, width)
    # Positions last: [heads, groups, width, LANES].
    lanes = np.ascontiguousarray(flat.reshape(groups, LANES, heads, width).transpose(2, 0, 3, 1))
    found = np.zeros((heads, groups * LANES, depth), np.int32)
    half = levels // 2
    for head in range(heads):
        books = np.ascontiguousarray(codebooks[:, head], np.float32)
        first, last = _sums(books[:half], width), _sums(books[half:levels], width)
        numbers = _search(lanes[head], first, last, 2 * first @ last.T)
        _codes(numbers.reshape(-1), flat[:, head], books, levels, deeper, found[head])
    return found[:, :positions].transpose(1, 2, 0).reshape(*z.shape[:3], depth, heads)


def _sums(books: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """All sums of one vector from each of n codebooks [n, N, c]: [N^n, c], the last level fastest."""
    total = np.zeros((1, width), np.float32)
    for book in books:
        total = (total[:, None] + book).reshape(-1, width)
    return total


@inlined
def _terms(z: np.ndarray, sums: np.ndarray, terms: np.ndarray) -> None:
    """|e|^2 - 2 z e of every sum e [K, c] and the latents z [c, LANES]: terms [K, LANES]."""
    for k in range(sums.shape[0]):
        norm = np.float32(0)
        for d in range(sums.shape[1]):
            norm += sums[k, d] * sums[k, d]
        for lane in range(LANES):
            terms[k, lane] = norm
        for d in range(sums.shape[1]):
            twice = np.float32(2) * sums[k, d]
            for lane in range(LANES):
                terms[k, lane] -= twice * z[d, lane]


@compiled(nogil=True, fastmath={"nnan", "nsz", "ninf"}, error_model="numpy")
def _search(z: np.ndarray, first: np.ndarray, last: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Numbers i * J + j, int32 [G, LANES], of the nearest sums a_i + b_j of one head.

    Args:
        z: float32 [G, c, LANES].
        first: a, float32 [I, c].
        last: b, float32 [J, c].
        table: 2 a_i b_j, float32 [I, J].
    """
    others = last.shape[0]
    found = np.empty((z.shape[0], LANES), np.int32)
    first_terms = np.empty((first.shape[0], LANES), np.float32)
    last_terms = np.empty((others, LANES), np.float32)
    low, least = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    best = np.empty(LANES, np.int32)
    for g in range(z.shape[0]):
        _terms(z[g], first, first_terms)
        _terms(z[g], last, last_terms)
        least[:] = BEYOND
        best[:] = 0
        for i in range(first.shape[0]):
            low[:] = BEYOND
            for j in range(0, others - others % 4, 4):  # four at a time: less is written
                a, b, c, d = table[i, j], table[i, j + 1], table[i, j + 2], table[i, j + 3]
                for lane in range(LANES):
                    one, two = last_terms[j, lane] + a, last_terms[j + 1, lane] + b
                    three, four = last_terms[j + 2, lane] + c, last_terms[j + 3, lane] + d
                    one, three = min(one, two), min(three, four)
                    low[lane] = min(low[lane], min(one, three))
            for j in range(others - others % 4, others):
                for lane in range(LANES):
                    low[lane] = min(low[lane], last_terms[j, lane] + table[i, j])
            for lane in range(LANES):
                value = low[lane] + first_terms[i, lane]
                if value < least[lane]:
                    least[lane], best[lane] = value, i
        for lane in range(LANES):
            i, nearest, lowest = best[lane], 0, BEYOND
            for j in range(others):
                value = last_terms[j, lane] + table[i, j]
                if value < lowest:
                    nearest, lowest = j, value
            found[g, lane] = i * others + nearest
    return found


@compiled(nogil=True, error_model="numpy")
def _nearest(book: np.ndarray, vector: np.ndarray) -> int:
    """The code of the nearest of the vectors [N, c]."""
    best, least = 0, BEYOND
    for k in range(book.shape[0]):
        distance = np.float32(0.0)
        for d in range(vector.size):
            distance += (book[k, d] - vector[d]) ** 2
        if distance < least:
            best, least = k, distance
    return best


@compiled(nogil=True, error_model="numpy")
def _codes(
    numbers: np.ndarray,
    z: np.ndarray,
    books: np.ndarray,
    levels: int,
    deeper: bool,
    found: np.ndarray,
) -> None:
    """Codes [M, D] from numbers [M] of sums, and the deeper ones level by level from latents [M, c]."""
    depth, states, width = books.shape
    rest = np.empty(width, np.float32)
    for m in range(numbers.size):
        number = numbers[m]
        for level in range(levels - 1, -1, -1):
            found[m, level] = number % states
            number //= states
        if not deeper or levels == depth:
            continue
        rest[:] = z[m]
        for level in range(depth):
            if level >= levels:
                found[m, level] = _nearest(books[level], rest)
            rest -= books[level, found[m, level]]

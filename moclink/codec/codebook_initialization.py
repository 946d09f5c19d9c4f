"""Initial codebooks from latents of the encoder: k-means level by level, then a joint refinement.

The k-means is SciPy's, from a k-means++ start.
"""

from __future__ import annotations

import warnings

import numpy as np
from keras import ops
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from moclink.codec.quantizer import MOCRVQ
from moclink.codec.search import all_sums

ITERATIONS = 25


def initialize_codebooks(quantizer: MOCRVQ, samples: NDArray[np.floating], seed: int = 0) -> None:
    """Set the codebooks by k-means on latents, level after level; then jointly if they are so searched.

    Args:
        quantizer: Changed in place.
        samples: float [..., n_q], some thousand latents of the encoder.
        seed: Seed of the random start.

    Raises:
        ValueError: If there are fewer samples than states.
    """
    heads = quantizer.split_heads(samples)
    books = residual_k_means(heads, quantizer.levels, quantizer.states, np.random.default_rng(seed))
    if quantizer.search == "joint":
        books = fit_jointly(heads, books)
    quantizer.assign_codebooks(books)
    if quantizer.ema_decay is not None:
        quantizer.ema_count.assign(ops.zeros_like(quantizer.ema_count))


def k_means(
    samples: NDArray[np.float32], states: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Codebook [N, c] of samples [M, c].

    Raises:
        ValueError: If there are fewer samples than code vectors.
    """
    if len(samples) < states:
        raise ValueError(
            f"{len(samples)} samples cannot make {states} code vectors; give at least {states}"
        )
    distinct = np.unique(samples, axis=0)
    if (
        len(distinct) <= states
    ):  # flat pictures: a k-means++ start would divide by a distance of zero
        return np.resize(distinct, (states, samples.shape[1])).astype(np.float32)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One of the clusters is empty")  # it keeps its place
        found = kmeans2(
            np.ascontiguousarray(samples), states, iter=ITERATIONS, minit="++", seed=rng
        )[0]
    return found.astype(np.float32)


def nearest(samples: NDArray[np.float32], codebook: NDArray[np.float32]) -> NDArray[np.int64]:
    """Index of the nearest code vector: samples [M, c] and codebook [N, c] to [M]."""
    distances = (codebook**2).sum(-1) - 2.0 * samples @ codebook.T
    return distances.argmin(-1)


def subtract_nearest(
    residual: NDArray[np.float32], codebook: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The next residual: residual [M, P, c] less the nearest vectors of codebook [P, N, c]."""
    chosen = [book[nearest(residual[:, p], book)] for p, book in enumerate(codebook)]
    return residual - np.stack(chosen, axis=1)


def residual_k_means(
    samples: NDArray[np.float32], levels: int, states: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Codebooks by k-means, each level on what the levels before it leave: [M, P, c] to [D, P, N, c].

    Raises:
        ValueError: If there are fewer samples than states.
    """
    residual, books = samples, []
    for _ in range(levels):
        books.append(
            np.stack([k_means(residual[:, p], states, rng) for p in range(samples.shape[1])])
        )
        residual = subtract_nearest(residual, books[-1])
    return np.stack(books)


def fit_jointly(
    samples: NDArray[np.float32],
    codebooks: NDArray[np.float32],
    rounds: int = 6,
    limit: int = 24_000,
) -> NDArray[np.float32]:
    """Refine codebooks for the joint search: codes by search, then all vectors by least squares, in turns.

    Every count of levels has its share of the samples, the full count half of them, so that fewer
    levels stay useful.

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
                sums = ops.convert_to_numpy(all_sums(list(books[:n, p : p + 1])))[0]
                bias = (sums**2).sum(-1)
                code = np.concatenate(
                    [
                        (bias - 2 * part @ sums.T).argmin(-1)
                        for part in np.array_split(samples[rows, p], 16)
                    ]
                )
                for d in reversed(range(n)):
                    chosen[rows, d, code % states] = 1.0
                    code //= states
            flat = chosen.reshape(len(samples), -1)
            # A vector that no sample uses keeps its place: the small weight ties each to where it
            # is.
            normal = flat.T @ flat + 1e-2 * np.eye(flat.shape[1], dtype=np.float32)
            right = flat.T @ samples[:, p] + 1e-2 * books[:, p].reshape(-1, width)
            books[:, p] = np.linalg.solve(normal, right).reshape(levels, states, width)
    return books

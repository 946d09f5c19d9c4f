"""Codebooks from samples, in NumPy: k-means for the start, fresh vectors for codes that died."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def nearest(samples: NDArray[np.float32], codebook: NDArray[np.float32]) -> NDArray[np.int64]:
    """Index of the nearest code vector: samples [M, c] and codebook [N, c] to [M]."""
    distances = (codebook**2).sum(-1) - 2.0 * samples @ codebook.T
    return distances.argmin(-1)


def k_means(
    samples: NDArray[np.float32], states: int, rng: np.random.Generator, iterations: int = 25
) -> NDArray[np.float32]:
    """Lloyd's algorithm from a k-means++ start.

    Args:
        samples: float [M, c].
        states: Number of code vectors N.
        rng: Source of the random start.
        iterations: Lloyd iterations.

    Returns:
        Codebook, float32 [N, c].

    Raises:
        ValueError: If there are fewer samples than code vectors.
    """
    if len(samples) < states:
        raise ValueError(f"{len(samples)} samples cannot make {states} code vectors; give at least {states}")
    samples = np.asarray(samples, np.float32)
    codebook = samples[rng.integers(len(samples), size=1)]
    for _ in range(states - 1):
        distance = ((samples[:, None] - codebook[None]) ** 2).sum(-1).min(-1).astype(np.float64)
        total = distance.sum()
        chance = distance / total if total > 0 else None
        codebook = np.concatenate([codebook, samples[rng.choice(len(samples), size=1, p=chance)]])
    for _ in range(iterations):
        label = nearest(samples, codebook)
        for k in range(states):
            members = samples[label == k]
            if len(members):
                codebook[k] = members.mean(0)
    return codebook


def code_usage(indices: NDArray[np.integer], states: int) -> NDArray[np.int64]:
    """How often each code was used: indices [..., D, P] to counts int64 [D, P, N].

    Raises:
        ValueError: If an index is not in 0..N-1.
    """
    indices = np.asarray(indices)
    if indices.size and not 0 <= indices.min() <= indices.max() < states:
        raise ValueError(f"indices span {indices.min()}..{indices.max()}; they must be in 0..{states - 1}")
    return np.stack([(indices == k).reshape(-1, *indices.shape[-2:]).sum(0) for k in range(states)], axis=-1)


def subtract_nearest(residual: NDArray[np.float32], codebook: NDArray[np.float32]) -> NDArray[np.float32]:
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
        books.append(np.stack([k_means(residual[:, p], states, rng) for p in range(samples.shape[1])]))
        residual = subtract_nearest(residual, books[-1])
    return np.stack(books)


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

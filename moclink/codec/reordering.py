"""Codebook reordering (index assignment): which code vector has which label of the constellation.

A wrong decision mostly lands on a neighbour along the axis; neighbours should therefore hold like
vectors. An index assignment is written as labels[k]: the new number of code k. It renames codes and
moves nothing, so what is decoded without noise is the same to the last bit.

Index assignments by name:

- "none": as trained.
- "random": in random order, always the same one: codes as k-means or training alone would leave them.
- "greedy": Algorithm 1 of the paper, with the labels of the constellation in use: the k-th vector
  of the nearest-neighbour order goes to the k-th label along the amplitude axis.
- "greedy-paper": the same with the paper's g = {0,1,3,2,6,7,5,4}, the binary-reflected Gray code.
  These labels are not neighbours along the axis of 3GPP's 64-QAM; kept for comparison.
- "exact": the least expected squared error of the hard receiver over all N! assignments, up to N =
  8.
- "descent": from "greedy", the best exchange of two codes until none helps. For N = 16, where N! is
  out of reach; a local optimum.

Reference: Zhou et al., "MOC-RVQ", section III-C and Algorithm 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moclink.codec.constellation import amplitudes, axis_labels
from moclink.codec.quantizer import MOCRVQ
from moclink.snr import noise_variance

METHODS = ("none", "random", "greedy", "greedy-paper", "exact", "descent")

RANDOM_ORDER_SEED = 0


def random_labels(shape: Sequence[int]) -> NDArray[np.int64]:
    """A random permutation of 0..N-1 in each row: int64 of the shape [..., N] given."""
    rows = np.broadcast_to(np.arange(shape[-1]), shape)
    return np.random.default_rng(RANDOM_ORDER_SEED).permuted(rows, axis=-1)


def reflected_gray(states: int) -> NDArray[np.int64]:
    """The binary-reflected Gray code, the paper's g: k XOR k/2."""
    k = np.arange(states)
    return k ^ (k >> 1)


def transitions(states: int, snr_db: float | Sequence[float]) -> NDArray[np.float64]:
    """P(received label | sent label) of the hard receiver, averaged over the SNRs given.

    Args:
        states: N.
        snr_db: Es/N0 in dB, one or several.

    Returns:
        float64 [N, N], row = sent, column = received; rows sum to 1.
    """
    sent = amplitudes(states).astype(np.float64)
    order = np.argsort(sent)
    edges = np.concatenate([[-np.inf], (sent[order][1:] + sent[order][:-1]) / 2, [np.inf]])
    below = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)))
    table = np.zeros((states, states))
    for snr in np.atleast_1d(np.asarray(snr_db, np.float64)):
        sigma = math.sqrt(noise_variance(snr) / 2)
        table[:, order] += np.diff(below((edges[None, :] - sent[:, None]) / sigma), axis=1)
    return table / np.size(snr_db)


def squared_distances(codebook: NDArray[np.floating]) -> NDArray[np.float64]:
    """|e_i - e_j|^2 of a codebook [N, c]: float64 [N, N]."""
    vectors = np.asarray(codebook, np.float64)
    return ((vectors[:, None] - vectors[None]) ** 2).sum(-1)


def channel_distortion(
    codebook: NDArray[np.floating],
    prior: NDArray[np.floating],
    labels: NDArray[np.integer],
    snr_db: float | Sequence[float],
) -> float:
    """sum_ij p(i) P(j|i, SNR) |e_i - e_j|^2: the hard receiver's error of one retrieved vector.

    Args:
        codebook: float [N, c].
        prior: p(k), float [N].
        labels: Label of each code, int [N].
        snr_db: Es/N0 in dB; the mean over several.
    """
    received = transitions(len(codebook), snr_db)[np.ix_(labels, labels)]
    return float(
        (np.asarray(prior, np.float64)[:, None] * received * squared_distances(codebook)).sum()
    )


def nearest_neighbour_order(codebook: NDArray[np.floating]) -> NDArray[np.int64]:
    """The greedy order of Algorithm 1: the vector nearest the mean, then each time the nearest left.

    Args:
        codebook: float [N, c].

    Returns:
        Codes in this order, int64 [N].
    """
    vectors = np.asarray(codebook, np.float64)
    here, left, order = vectors.mean(0), list(range(len(vectors))), []
    while left:
        distance = ((vectors[left] - here) ** 2).sum(-1)
        order.append(left.pop(int(distance.argmin())))
        here = vectors[order[-1]]
    return np.array(order)


def _labels_along(order: NDArray[np.int64], sequence: NDArray[np.int64]) -> NDArray[np.int64]:
    """labels[k] so that the k-th code of `order` gets the k-th label of `sequence`."""
    labels = np.empty_like(order)
    labels[order] = sequence
    return labels


def _exact(cost: NDArray[np.float64], received: NDArray[np.float64]) -> NDArray[np.int64]:
    """The assignment of least sum_ij cost[i, j] received[labels[i], labels[j]], by full enumeration."""
    states = len(cost)
    if states > 8:
        raise ValueError(
            f"'exact' would try {states}! assignments; it takes at most 8 states, use 'descent' for {states}"
        )
    assignments = np.array(list(itertools.permutations(range(states))))  # [N!, N]
    total = np.zeros(len(assignments))
    for i, j in itertools.product(range(states), repeat=2):
        total += cost[i, j] * received[assignments[:, i], assignments[:, j]]
    return assignments[total.argmin()].copy()


def _descend(
    labels: NDArray[np.int64], cost: NDArray[np.float64], received: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Exchange the two labels that lower the cost most, until none does."""
    labels = labels.copy()
    best = (cost * received[np.ix_(labels, labels)]).sum()
    while True:
        candidates = []
        for i, j in itertools.combinations(range(len(labels)), 2):
            trial = labels.copy()
            trial[[i, j]] = labels[[j, i]]
            candidates.append(((cost * received[np.ix_(trial, trial)]).sum(), tuple(trial)))
        lowest, exchanged = min(candidates)
        if lowest >= best * (1 - 1e-12):
            return labels
        best, labels = lowest, np.array(exchanged)


def assign_labels(
    codebook: NDArray[np.floating],
    method: str = "exact",
    prior: NDArray[np.floating] | None = None,
    snr_db: float | Sequence[float] = 10.0,
) -> NDArray[np.int64]:
    """Choose the label of each code of one codebook.

    Args:
        codebook: float [N, c].
        method: One of METHODS, described above.
        prior: p(k), float [N]; None for equal. Read by "exact" and "descent".
        snr_db: Es/N0 in dB that "exact" and "descent" assign for; the mean over several.

    Returns:
        labels[k], the new number of code k, int64 [N].

    Raises:
        ValueError: If the method is unknown, or "exact" is asked for more than 8 states.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
    states = len(codebook)
    if method == "none":
        return np.arange(states)
    if method == "random":
        return random_labels([states])
    if method == "greedy-paper":
        return _labels_along(nearest_neighbour_order(codebook), reflected_gray(states))
    greedy = _labels_along(nearest_neighbour_order(codebook), axis_labels(states))
    if method == "greedy":
        return greedy
    weight = np.full(states, 1 / states) if prior is None else np.asarray(prior, np.float64)
    cost = weight[:, None] * squared_distances(codebook)
    received = transitions(states, snr_db)
    return _exact(cost, received) if method == "exact" else _descend(greedy, cost, received)


def assign_codebook_labels(
    codebooks: NDArray[np.floating],
    method: str = "exact",
    priors: NDArray[np.floating] | None = None,
    snr_db: float | Sequence[float] = 10.0,
) -> NDArray[np.int64]:
    """Choose labels for all codebooks; hand the result to `renumber`.

    Args:
        codebooks: float [D, P, N, c].
        method: See `assign_labels`.
        priors: p(k), float [D, P, N]; None for equal.
        snr_db: See `assign_labels`.

    Returns:
        int64 [D, P, N].
    """
    levels, heads, states = codebooks.shape[:3]
    if method == "random":
        return random_labels((levels, heads, states))
    labels = np.empty((levels, heads, states), np.int64)
    for d, p in itertools.product(range(levels), range(heads)):
        prior = None if priors is None else priors[d, p]
        labels[d, p] = assign_labels(codebooks[d, p], method, prior, snr_db)
    return labels


def renumber(quantizer: MOCRVQ, labels: NDArray[np.integer]) -> None:
    """Give code k of every codebook the number labels[d, p, k]; priors and averages move along.

    Args:
        quantizer: Changed in place; what is decoded without noise stays the same.
        labels: int [D, P, N], a permutation in each row.

    Raises:
        ValueError: If a row is no permutation of 0..N-1.
    """
    labels = np.asarray(labels)
    shape = (quantizer.levels, quantizer.heads, quantizer.states)
    if labels.shape != shape or (np.sort(labels, axis=-1) != np.arange(quantizer.states)).any():
        raise ValueError(
            f"labels of shape {labels.shape} must be of shape {shape}, each row a permutation of 0..N-1"
        )
    old = np.argsort(labels, axis=-1)
    quantizer.assign_priors(np.take_along_axis(quantizer.priors, old, 2))
    quantizer.assign_codebooks(np.take_along_axis(quantizer.codebooks, old[..., None], 2))
    if quantizer.ema_decay is not None:
        count, total = (np.array(v.numpy()) for v in (quantizer.ema_count, quantizer.ema_sum))
        quantizer.ema_count.assign(np.take_along_axis(count, old, 2))
        quantizer.ema_sum.assign(np.take_along_axis(total, old[..., None], 2))

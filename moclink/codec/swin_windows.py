"""A Swin layer of NumPy arrays, window by window, compiled for the CPU.

A graph writes every intermediate map to memory: queries, scores, hidden values, each several times as
large as the features and passed over once for every bias, mask and normalisation. Here a window
goes through the whole layer in the second cache. Scores are masked only in windows that hold
positions which may not see each other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from moclink.elementary import exponential, gelu
from moclink.numba_cache import compiled, inlined
from moclink.reused_memory import empty
from moclink.thread_shares import work_in_shares

EPSILON = np.float32(1e-5)  # of the normalisation
MASKED = np.float32(-1e4)
PADDING = 3  # label of rows and columns beyond the map
ROWS = 32  # that are multiplied at a time; see `moclink.winograd`
# Sums may be taken in any order, and all is inlined into one function: compiled by itself as well, a part
# would round otherwise in the process that compiles it than where both are read from the disk.
_FAST = {"contract", "reassoc", "nnan", "nsz"}
LEAST, MOST = np.float32(1e-20), np.float32(1e30)  # sums of exponentials that lose nothing
_ZERO, _ONE = np.float32(0), np.float32(1)


class SwinWeights(NamedTuple):
    """Weights of a layer of C channels and M hidden ones, float32.

    Attributes:
        gamma, beta: Of the normalisations before attention and MLP, [2, C].
        qkv, qkv_bias: [C, 3C], [3C].
        positions: What is added to the scores, [heads, window^2, window^2].
        projection, projection_bias: [C, C], [C].
        expand, expand_bias: [C, M], [M].
        contract, contract_bias: [M, C], [C].
    """

    gamma: NDArray[np.float32]
    beta: NDArray[np.float32]
    qkv: NDArray[np.float32]
    qkv_bias: NDArray[np.float32]
    positions: NDArray[np.float32]
    projection: NDArray[np.float32]
    projection_bias: NDArray[np.float32]
    expand: NDArray[np.float32]
    expand_bias: NDArray[np.float32]
    contract: NDArray[np.float32]
    contract_bias: NDArray[np.float32]


def swin_layer(
    features: NDArray[np.float32], weights: SwinWeights, window: int, shift: int
) -> NDArray[np.float32]:
    """What `moclink.codec.swin.SwinLayer` makes of features, up to rounding.

    Threads share the windows, as many as Numba is set to; the result is the same for any number.

    Args:
        features: float32 [B, H, W, C].
        weights: Of the layer.
        window: Side of a window.
        shift: Shift of the windows.

    Returns:
        float32 [B, H, W, C].
    """
    features, out = np.ascontiguousarray(features), empty(features.shape)
    down, across = (axis_labels(side, window, shift) for side in features.shape[1:3])

    def work(first: int, step: int) -> None:
        for place, picture in enumerate(features):
            _windows(picture, weights, (window, shift), down, across, (first, step), out[place])

    work_in_shares(work, down.size // window)
    return out


def axis_labels(length: int, window: int, shift: int) -> NDArray[np.int32]:
    """Region of each position of an axis after padding and shift, as `swin.region_labels` tells them."""
    padded = -(-length // window) * window
    i = np.arange(padded)
    region = (i >= padded - window).astype(np.int32) + (i >= padded - shift) if shift else 0 * i
    return np.where((i + shift) % padded < length, region, PADDING).astype(np.int32)


@compiled(nogil=True, error_model="numpy", fastmath=_FAST)
def _windows(
    x: np.ndarray,
    weights: SwinWeights,
    shape: tuple,
    down: np.ndarray,
    across: np.ndarray,
    share: tuple,
    out: np.ndarray,
) -> None:
    """Rows of windows share[0], share[0] + share[1], ... of one picture [H, W, C]."""
    (height, width, channels), (window, shift) = x.shape, shape
    tokens, hidden = window * window, weights.expand.shape[1]
    kept, normed = (
        np.empty((tokens, channels), np.float32),
        np.empty((tokens, channels), np.float32),
    )
    wide, mixed = np.empty((tokens, hidden), np.float32), np.empty((tokens, channels), np.float32)
    labels = np.empty(tokens, np.int32)
    for top in range(share[0] * window, down.size, share[1] * window):
        for left in range(0, across.size, window):
            for t in range(tokens):
                place = top + t // window, left + t % window
                labels[t] = 4 * down[place[0]] + across[place[1]]
                row, column = (place[0] + shift) % down.size, (place[1] + shift) % across.size
                if row < height and column < width:
                    for c in range(channels):
                        kept[t, c] = x[row, column, c]
                    _normalize(kept, t, weights.gamma, weights.beta, 0, normed)
                else:
                    kept[t], normed[t] = 0, 0
            _attend(normed, weights, labels, mixed)
            _product(mixed, weights.projection, normed)
            for t in range(tokens):
                for c in range(channels):
                    kept[t, c] += normed[t, c] + weights.projection_bias[c]
                _normalize(kept, t, weights.gamma, weights.beta, 1, mixed)
            _product(mixed, weights.expand, wide)
            for t in range(tokens):
                for c in range(hidden):
                    wide[t, c] = gelu(wide[t, c] + weights.expand_bias[c])
            _product(wide, weights.contract, normed)
            for t in range(tokens):
                row = (top + t // window + shift) % down.size
                column = (left + t % window + shift) % across.size
                if row < height and column < width:
                    for c in range(channels):
                        out[row, column, c] = kept[t, c] + (normed[t, c] + weights.contract_bias[c])


@inlined
def _normalize(
    x: np.ndarray, t: int, gamma: np.ndarray, beta: np.ndarray, place: int, y: np.ndarray
) -> None:
    """(x - mean) / deviation * gamma + beta of position t."""
    channels, mean, square = x.shape[1], _ZERO, _ZERO
    for c in range(channels):
        mean += x[t, c]
    mean /= np.float32(channels)
    for c in range(channels):
        square += (x[t, c] - mean) * (x[t, c] - mean)
    factor = _ONE / np.sqrt(square / np.float32(channels) + EPSILON)
    for c in range(channels):
        y[t, c] = (x[t, c] - mean) * factor * gamma[place, c] + beta[place, c]


@inlined
def _product(x: np.ndarray, matrix: np.ndarray, y: np.ndarray) -> None:
    """Matrix product, a few rows at a time."""
    for first in range(0, x.shape[0], ROWS):
        last = min(first + ROWS, x.shape[0])
        np.dot(x[first:last], matrix, y[first:last])


@inlined
def _attend(x: np.ndarray, weights: SwinWeights, labels: np.ndarray, mixed: np.ndarray) -> None:
    """Values that the positions of a window [T, C] attend to, all heads: mixed [T, C]."""
    (tokens, channels), heads = x.shape, weights.positions.shape[0]
    width = channels // heads
    scale = _ONE / np.sqrt(np.float32(width))
    qkv = np.empty((tokens, 3 * channels), np.float32)
    parts = np.empty((3, tokens, width), np.float32)
    scores, found = np.empty((tokens, tokens), np.float32), np.empty((tokens, width), np.float32)
    factors = np.empty(tokens, np.float32)
    keys, shares = np.empty((width, tokens), np.float32), np.empty((tokens, tokens), np.float32)
    one_region = labels.min() == labels.max()
    _product(x, weights.qkv, qkv)
    for head in range(heads):
        for part in range(3):
            low = part * channels + head * width
            factor = scale if part == 0 else _ONE
            for t in range(tokens):
                for c in range(width):
                    parts[part, t, c] = (qkv[t, low + c] + weights.qkv_bias[low + c]) * factor
        for c in range(width):
            for t in range(tokens):
                keys[c, t] = parts[1, t, c]
        np.dot(parts[0], keys, scores)
        for t in range(tokens):
            if not one_region:
                for j in range(tokens):
                    if labels[j] != labels[t]:
                        scores[t, j] = MASKED
            factors[t] = _soft(scores, weights.positions, head, t, shares)
        np.dot(shares, parts[2], found)
        for t in range(tokens):
            for c in range(width):
                mixed[t, head * width + c] = found[t, c] * factors[t]


@inlined
def _soft(
    scores: np.ndarray, bias: np.ndarray, head: int, t: int, shares: np.ndarray
) -> np.float32:
    """Exponentials of row t of scores + bias, up to the factor that is returned; with it their sum is 1."""
    tokens, total = scores.shape[1], _ZERO
    for j in range(tokens):
        share = exponential(scores[t, j] + bias[head, t, j])
        shares[t, j] = share
        total += share
    if not LEAST < total < MOST:
        most, total = scores[t, 0] + bias[head, t, 0], _ZERO
        for j in range(tokens):
            most = max(most, scores[t, j] + bias[head, t, j])
        for j in range(tokens):
            share = exponential(scores[t, j] + bias[head, t, j] - most)
            shares[t, j] = share
            total += share
    return _ONE / total

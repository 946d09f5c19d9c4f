"""Coding of quantised coefficients, in compiled code: contexts, rate-distortion quantisation.

A coefficient's magnitude is predicted linearly from those decoded before it (lower frequencies of
its block, like frequencies of the blocks to the left and above, the plane before at the same place)
and from the standard deviation that the picture's description gives it. The prediction, in bins of
half an octave, chooses the models of its decisions: zero or not, one or more, and so on. From the
variance levels on, the decoder computes with integers alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moclink.linear.range_coder import (
    PROBABILITY_BITS,
    adapt,
    bytes_written,
    finish_encoder,
    get_share,
    probability_of_zero,
    put_share,
    start_decoder,
    start_encoder,
)
from moclink.numba_cache import compiled

FEATURES = 11  # ten neighbours and the standard deviation; see `features`
DECISIONS = 14  # with models of their own, of a magnitude; beyond, an exponential Golomb code
BINS = 34
MOST_BYTES = 64  # of one coefficient: fifteen decisions of 15 bits, and what is coded raw
LARGEST = 40  # neighbour's magnitude that counts
UNIT = 1 << 12  # of weights and predictions
LOWEST_OCTAVE = -12
STEPS_PER_DECIBEL = 8  # of quantiser steps: steps^2 in eighths of a decibel
_LARGEST_SIGMA = 50
_HALF = 1 << (PROBABILITY_BITS - 1)
# Of a decision of probability (k + 1/2) / 4096.
DECISION_BITS = -np.log2((np.arange(4096) + 0.5) / 4096)


def thresholds() -> NDArray[np.int64]:
    """Lower bounds of bins 1 and up, in UNIT: half octaves from 2^-12."""
    octaves = LOWEST_OCTAVE + np.arange(BINS - 1) / 2
    return np.round(UNIT * 2.0**octaves).astype(np.int64)


def raw_bits() -> NDArray[np.int64]:
    """How many of a magnitude's lowest bits are coded without model, of each bin."""
    octaves = LOWEST_OCTAVE + (np.arange(BINS) - 0.5) / 2
    return np.maximum(np.floor(octaves) - 2, 0).astype(np.int64)


def step_size(step: int) -> float:
    """The quantiser's step from 10 log10 of its square in eighths of a decibel."""
    return float(10 ** (step / (20 * STEPS_PER_DECIBEL)))


_SIGMA_RANGE = 20 * STEPS_PER_DECIBEL * 4  # eighths of a decibel around 0 dB


def sigmas_in_steps() -> NDArray[np.int64]:
    """Standard deviations in sixteenths of a step, by index."""
    ratio = 10.0 ** ((np.arange(2 * _SIGMA_RANGE + 1) - _SIGMA_RANGE) / (20 * STEPS_PER_DECIBEL))
    return np.round(16 * np.minimum(ratio, _LARGEST_SIGMA)).astype(np.int64)


def sigma_index(levels: NDArray[np.int16], step: int) -> NDArray[np.int16]:
    """Where `sigmas_in_steps` has the standard deviation of variance levels, which are half decibels."""
    index = levels.astype(np.int32) * (STEPS_PER_DECIBEL // 2) - step + _SIGMA_RANGE
    return np.clip(index, 0, 2 * _SIGMA_RANGE).astype(np.int16)


@compiled(nogil=True)
def _area(magnitudes: np.ndarray, i: int, j: int) -> int:
    """Twice a magnitude and once each of its four neighbours in frequency."""
    return (
        2 * magnitudes[i, j]
        + magnitudes[i, j - 1]
        + magnitudes[i - 1, j]
        + magnitudes[i, j + 1]
        + magnitudes[i + 1, j]
    )


@compiled(nogil=True)
def features(
    seen: np.ndarray,
    plane: int,
    row: int,
    column: int,
    i: int,
    j: int,
    sigma: int,
    found: np.ndarray,
) -> None:
    """Features of one coefficient from padded magnitudes [3, rows + 1, columns + 1, b + 3, b + 3]."""
    here = seen[plane, row + 1, column + 1]
    found[0] = here[i + 2, j + 1]
    found[1] = here[i + 1, j + 2]
    found[2] = here[i + 1, j + 1]
    found[3] = here[i + 2, j]
    found[4] = here[i, j + 2]
    found[5] = _area(seen[plane, row + 1, column], i + 2, j + 2)
    found[6] = _area(seen[plane, row, column + 1], i + 2, j + 2)
    found[7] = _area(seen[plane, row, column], i + 2, j + 2)
    found[8] = seen[plane - 1, row + 1, column + 1, i + 2, j + 2] if plane > 0 else 0
    found[9] = _area(seen[plane - 1, row + 1, column + 1], i + 2, j + 2) if plane > 0 else 0
    found[10] = sigma


@compiled(nogil=True)
def nothing_seen(shape: tuple[int, int, int, int, int]) -> np.ndarray:
    """Padded magnitudes, as `features` reads them, before the first coefficient, int16."""
    planes, rows, columns, block, _ = shape
    return np.zeros((planes, rows + 1, columns + 1, block + 3, block + 3), np.int16)


@compiled(nogil=True)
def see(
    seen: np.ndarray, plane: int, row: int, column: int, i: int, j: int, magnitude: int
) -> None:
    """Let a coefficient's magnitude be among the features of those after it."""
    if magnitude > 0:
        seen[plane, row + 1, column + 1, i + 2, j + 2] = min(magnitude, LARGEST)


@compiled(nogil=True)
def bin_of(found: np.ndarray, weights: np.ndarray, edges: np.ndarray) -> int:
    """Bin of the magnitude predicted from a coefficient's features."""
    total = weights[FEATURES]
    for k in range(FEATURES):
        total += weights[k] * found[k]
    low, high = 0, len(edges)
    while low < high:
        middle = (low + high) // 2
        if total >= edges[middle]:
            low = middle + 1
        else:
            high = middle
    return low


@compiled(nogil=True)
def _cost(magnitude: int, raw: int, models: np.ndarray, bits: np.ndarray) -> float:
    """Bits of a magnitude and its sign under the models of its bin."""
    total = float(raw)
    if magnitude > 0:
        total += 1.0
    high = magnitude >> raw
    for k in range(min(high + 1, DECISIONS)):
        zero = probability_of_zero(models[k])
        total += bits[zero >> 4] if k == high else bits[(65536 - zero) >> 4]
    if high >= DECISIONS:
        left = high - DECISIONS + 1
        while left > 1:
            total += 2.0
            left >>= 1
        total += 1.0
    return total


@compiled(nogil=True)
def _choose(x: float, raw: int, price: float, models: np.ndarray, bits: np.ndarray) -> int:
    """The magnitude of least squared error plus price times bits: the nearest, one less, or 0."""
    nearest = int(x + 0.5)
    if nearest == 0:
        return 0
    best, least = 0, x * x + price * _cost(0, raw, models, bits)
    for magnitude in range(max(nearest - 1, 1), nearest + 1):
        total = (x - magnitude) ** 2 + price * _cost(magnitude, raw, models, bits)
        if total < least:
            best, least = magnitude, total
    return best


@compiled(nogil=True)
def _put_raw(state: np.ndarray, data: np.ndarray, value: int, count: int) -> None:
    for k in range(count - 1, -1, -1):
        put_share(state, data, (value >> k) & 1, _HALF)


@compiled(nogil=True)
def _get_raw(state: np.ndarray, data: np.ndarray, count: int) -> int:
    value = 0
    for _ in range(count):
        value = 2 * value + get_share(state, data, _HALF)
    return value


@compiled(nogil=True)
def _put(state: np.ndarray, data: np.ndarray, magnitude: int, raw: int, models: np.ndarray) -> None:
    high = magnitude >> raw
    for k in range(min(high + 1, DECISIONS)):
        bit = 0 if k == high else 1
        put_share(state, data, bit, probability_of_zero(models[k]))
        adapt(models[k], bit)
    if high >= DECISIONS:
        left, length = high - DECISIONS + 1, 0
        while (left >> length) > 1:
            length += 1
        for _ in range(length):
            put_share(state, data, 1, _HALF)
        put_share(state, data, 0, _HALF)
        _put_raw(state, data, left, length)
    _put_raw(state, data, magnitude, raw)


@compiled(nogil=True)
def _get(state: np.ndarray, data: np.ndarray, raw: int, models: np.ndarray) -> int:
    high = 0
    while high < DECISIONS:
        bit = get_share(state, data, probability_of_zero(models[high]))
        adapt(models[high], bit)
        if bit == 0:
            break
        high += 1
    if high == DECISIONS:
        length = 0
        while length < 24 and get_share(state, data, _HALF):
            length += 1
        high += (1 << length) + _get_raw(state, data, length) - 1
    return (high << raw) + _get_raw(state, data, raw)


@compiled(nogil=True)
def encode_coefficients(scaled, index, sigmas, price, weights, models, edges, raws, bits, data):  # noqa: ANN001, ANN202
    """Quantise and code scaled coefficients [3, rows, columns, block, block] into `data`.

    Returns:
        Bytes written, or -1 if `data` is too short, and the quantised coefficients, int32.
    """
    planes, rows, columns, block, _ = scaled.shape
    seen = nothing_seen(scaled.shape)
    quantised = np.zeros(scaled.shape, np.int32)
    found = np.zeros(FEATURES, np.int64)
    state = start_encoder()
    for row in range(rows):
        for column in range(columns):
            if bytes_written(state) + planes * block * block * MOST_BYTES > len(data):
                return -1, quantised
            for plane in range(planes):
                kind = min(plane, 1)
                for i in range(block):
                    for j in range(block):
                        sigma = sigmas[index[plane, row, column, i, j]]
                        features(seen, plane, row, column, i, j, sigma, found)
                        k = bin_of(found, weights[kind], edges)
                        x = scaled[plane, row, column, i, j]
                        size = min(abs(x), 1e8)
                        magnitude = _choose(size, raws[k], price, models[kind, k], bits)
                        _put(state, data, magnitude, raws[k], models[kind, k])
                        if magnitude > 0:
                            put_share(state, data, 1 if x < 0 else 0, _HALF)
                            quantised[plane, row, column, i, j] = -magnitude if x < 0 else magnitude
                            see(seen, plane, row, column, i, j, magnitude)
    return finish_encoder(state, data), quantised


@compiled(nogil=True)
def decode_coefficients(data, index, sigmas, weights, models, edges, raws):  # noqa: ANN001, ANN202
    """Quantised coefficients, int32 [3, rows, columns, block, block], and their bins, uint8."""
    planes, rows, columns, block, _ = index.shape
    seen = nothing_seen(index.shape)
    quantised = np.zeros(index.shape, np.int32)
    bins = np.zeros(index.shape, np.uint8)
    found = np.zeros(FEATURES, np.int64)
    state = start_decoder(data)
    for row in range(rows):
        for column in range(columns):
            for plane in range(planes):
                kind = min(plane, 1)
                for i in range(block):
                    for j in range(block):
                        sigma = sigmas[index[plane, row, column, i, j]]
                        features(seen, plane, row, column, i, j, sigma, found)
                        k = bin_of(found, weights[kind], edges)
                        magnitude = _get(state, data, raws[k], models[kind, k])
                        bins[plane, row, column, i, j] = k
                        if magnitude > 0:
                            negative = get_share(state, data, _HALF)
                            quantised[plane, row, column, i, j] = (
                                -magnitude if negative else magnitude
                            )
                            see(seen, plane, row, column, i, j, magnitude)
    return quantised, bins

"""Exact bit LLRs of square QAM, one axis at a time, in SIMD lanes; and log-likelihoods of an axis' labels.

With amplitudes a_k of the labels k of an axis and noise variance no / 2 on it,

    LLR_i = ln sum_{k: bit i = 1} e^(-(y - a_k)^2 / no) - ln sum_{k: bit i = 0} e^(-(y - a_k)^2 /
    no),

each sum relative to its own largest term, so that no LLR is lost however large it is. This is what
Sionna's "app" demapper computes from all points of the constellation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moclink.numba_cache import compiled, inlined
from moclink.phy.lanes import LANES, exp_negative, fill, load, log, maximum, minimum, store

_FAR = np.float32(80.0)
_LOWEST = np.float32(-3e38)
_ZERO = np.float32(0)


@inlined
def _bit_llr(exponents, shift):
    """LLR of the bit `label >> shift & 1` from the exponents [N, LANES] of all labels."""
    most_one, most_zero = fill(_LOWEST), fill(_LOWEST)
    for k in range(len(exponents)):
        if (k >> shift) & 1:
            most_one = maximum(most_one, load(exponents, k))
        else:
            most_zero = maximum(most_zero, load(exponents, k))
    sum_one, sum_zero = fill(_ZERO), fill(_ZERO)
    for k in range(len(exponents)):
        if (k >> shift) & 1:
            sum_one = sum_one + exp_negative(minimum(most_one - load(exponents, k), fill(_FAR)))
        else:
            sum_zero = sum_zero + exp_negative(minimum(most_zero - load(exponents, k), fill(_FAR)))
    return (most_one - most_zero) + log(sum_one / sum_zero)


@compiled(nogil=True)
def _demap(axes, no, amplitudes, llr):
    """Fill llr [S, bits, 2] from axes [S, 2] and no [S]."""
    symbols, bits, _ = llr.shape
    y = np.zeros((1, LANES), np.float32)
    scale = np.full((1, LANES), np.float32(-1))
    exponents = np.empty((len(amplitudes), LANES), np.float32)
    result = np.empty((bits, LANES), np.float32)
    for first in range(0, symbols, LANES // 2):
        here = min(LANES // 2, symbols - first)
        for s in range(here):
            for axis in range(2):
                y[0, 2 * s + axis] = axes[first + s, axis]
                scale[0, 2 * s + axis] = np.float32(-1) / no[first + s]
        for k in range(len(amplitudes)):
            distance = load(y, 0) - fill(amplitudes[k])
            store(exponents, k, distance * distance * load(scale, 0))
        for place in range(bits):
            store(result, place, _bit_llr(exponents, bits - 1 - place))
        for s in range(here):
            for place in range(bits):
                for axis in range(2):
                    llr[first + s, place, axis] = result[place, 2 * s + axis]


@compiled(nogil=True)
def _measure(axes, no, amplitudes, log_likelihoods):
    """Fill log_likelihoods [S, 2, N] from axes [S, 2] and no [S]."""
    for s in range(len(no)):
        for axis in range(2):
            for k in range(len(amplitudes)):
                distance = axes[s, axis] - amplitudes[k]
                log_likelihoods[s, axis, k] = -(distance * distance) / no[s]


def axis_log_likelihoods(
    received: NDArray[np.complex64], no: NDArray[np.float32], amplitudes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Log-likelihoods of the labels of both axes, ln p(y | k) = -(y - a_k)^2 / no up to a constant.

    Args:
        received: complex64 [B, S].
        no: Noise variance per complex symbol, positive, [B] or [B, S].
        amplitudes: float32 [N], the amplitude of each label of an axis.

    Returns:
        float32 [B, 2S, N]: the I axis of the first symbol, its Q axis, and so on.
    """
    axes, no = _axes(received, no)
    result = np.empty((*axes.shape, len(amplitudes)), np.float32)
    for row in range(len(axes)):
        _measure(axes[row], no[row], amplitudes, result[row])
    return result.reshape(len(axes), -1, len(amplitudes))


def axis_llrs(
    received: NDArray[np.complex64], no: NDArray[np.float32], amplitudes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """LLRs ln P(1)/P(0) of equiprobable bits of Gray square QAM.

    Args:
        received: complex64 [B, S].
        no: Noise variance per complex symbol, positive, [B] or [B, S].
        amplitudes: float32 [N], the amplitude of each label of an axis, N a power of two.

    Returns:
        float32 [B, S * 2 log2 N]; of each symbol's bits, places 0, 2, ... are those of the I axis'
        label and 1, 3, ... those of Q's, most significant first, as in 3GPP TS 38.211.
    """
    axes, no = _axes(received, no)
    batch, symbols, _ = axes.shape
    llr = np.empty((batch, symbols, len(amplitudes).bit_length() - 1, 2), np.float32)
    for row in range(batch):
        _demap(axes[row], no[row], amplitudes, llr[row])
    return llr.reshape(batch, -1)


def _axes(
    received: NDArray[np.complex64], no: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Received symbols as float32 [B, S, 2], and their noise variances as float32 [B, S]."""
    axes = np.ascontiguousarray(received, np.complex64).view(np.float32).reshape(*received.shape, 2)
    no = np.asarray(no, np.float32)
    if not ((no > 0).all() and np.isfinite(no).all()):
        raise ValueError(
            f"noise variances are {no.min():g} to {no.max():g}; positive, finite numbers are wanted"
        )
    if not np.isfinite(axes).all():
        raise ValueError("received holds NaN or infinite symbols")
    return axes, np.broadcast_to(no[:, None] if no.ndim == 1 else no, received.shape)

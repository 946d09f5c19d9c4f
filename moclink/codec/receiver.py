"""The soft receiver of one real axis: noise variance, log-likelihoods, posteriors of the indices.

    no = 10^(-snr_db/10),   ln p(y|k) = -(y - a_k)^2 / no + const,   p(k|y) ~ p(k) p(y|k)

Es/N0 is per complex symbol with E|x|^2 = 1, so an axis has energy 1/2 and its noise the variance
no/2. Functions of arrays compute in NumPy for NumPy arrays and in `keras.ops` for tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

SNR_LIMIT = 100.0  # dB; beyond it float32 has no variance whose quotients are finite
LEAST_PRIOR = 1e-12


def noise_variance(snr_db: Any) -> Any:
    """N0 of Es/N0 in dB at unit symbol energy: 10^(-snr_db/10), float32.

    For tensors, differentiable and in float32. `moclink.snr.noise_variance` is the same for
    floats and NumPy: channels load no Keras, and their rows are kept to the last bit.

    Args:
        snr_db: Array or tensor; what lies beyond -100 to 100 dB, infinity included, counts as that
            limit.
    """
    snr = ops.clip(ops.cast(snr_db, "float32"), -SNR_LIMIT, SNR_LIMIT)
    return ops.power(10.0, -snr / 10.0)


def per_sample(values: Any, rank: int) -> Any:
    """Reshape [B] so that it broadcasts over tensors of `rank` axes."""
    return ops.reshape(values, (-1,) + (1,) * (rank - 1))


def log_likelihoods(received: Any, no: Any, amplitudes: NDArray[np.float32]) -> Any:
    """Ln p(y|k) up to a constant, -(y - a_k)^2 / no.

    Args:
        received: Real axes, float [...].
        no: Noise variance per complex symbol, of a shape that broadcasts with [..., N].
        amplitudes: float32 [N].

    Returns:
        float32 [..., N].
    """
    distance = received[..., None] - amplitudes
    return -(distance * distance) / no


def posterior(log_likelihoods: Any, priors: Any = None) -> Any:
    """p(k|y) by Bayes' rule.

    Args:
        log_likelihoods: ln p(y|k) up to a constant, float32 [..., N].
        priors: p(k), of a shape that broadcasts with it, such as [L, P, N]; None for equal.

    Returns:
        float32 of the same shape, summing to 1 over the last axis.
    """
    xp: Any = np if isinstance(log_likelihoods, np.ndarray) else ops
    scores = log_likelihoods
    if priors is not None:
        scores = scores + xp.log(xp.maximum(priors, LEAST_PRIOR))
    # Written out: TensorFlow's softmax refuses more than five axes.
    weights = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
    return weights / xp.sum(weights, axis=-1, keepdims=True)


def nearest_index(received: Any, amplitudes: NDArray[np.float32]) -> Any:
    """Index of the nearest amplitude: float [...] to int32 [...]."""
    return ops.cast(ops.argmin(ops.abs(received[..., None] - amplitudes), axis=-1), "int32")

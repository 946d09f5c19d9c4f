"""Index <-> amplitude on one real axis, and the channel that Stage 2 trains through.

An index of N states is one axis of square N^2-QAM: two indices make a complex symbol. The labels
along the axis are those of 3GPP, which Sionna's mapper uses; from amplitude -7 to +7 the eight
labels read {7,6,4,5,1,0,2,3}. Es/N0 is per complex symbol with E|x|^2 = 1, so an axis has energy
1/2 and its noise the variance no/2, no = 10^(-snr_db/10).

Reference: 3GPP TS 38.211, clause 5.1 (16-, 64- and 256-QAM).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray


def amplitudes(states: int) -> NDArray[np.float32]:
    """Amplitude of each label, scaled to unit energy per complex symbol: float32 [N].

    The clause's products, read from the last bit outwards: v = s_m, then v = s_j (2^k - v) for the
    bits before it, s = 1 - 2 b. For N = 8: (1-2b0) [4 - (1-2b2) [2 - (1-2b4)]] / sqrt(42).

    Raises:
        ValueError: If `states` is no power of two, or below 2.
    """
    if states < 2 or states & (states - 1):
        raise ValueError(f"states is {states}; it must be a power of two, such as 4, 8 or 16")
    bits = states.bit_length() - 1
    signs = 1 - 2 * ((np.arange(states)[:, None] >> np.arange(bits)) & 1)
    value = signs[:, 0]
    for k in range(1, bits):
        value = signs[:, k] * (2**k - value)
    return (value / np.sqrt(2 * (states**2 - 1) / 3)).astype(np.float32)


def axis_labels(states: int) -> NDArray[np.int64]:
    """Labels from the lowest amplitude to the highest: int64 [N]; {7,6,4,5,1,0,2,3} for N = 8."""
    return np.argsort(amplitudes(states))


def noise_variance(snr_db: Any) -> Any:
    """N0 of Es/N0 in dB at unit symbol energy: 10^(-snr_db/10), float32."""
    return ops.power(10.0, -ops.cast(snr_db, "float32") / 10.0)


def _per_sample(values: Any, rank: int) -> Any:
    """Reshape [B] so that it broadcasts over `rank` axes."""
    return ops.reshape(values, (-1,) + (1,) * (rank - 1))


@keras.saving.register_keras_serializable(package="moclink")
class IndexChannel(keras.layers.Layer):
    """Sends indices through PAM and Gaussian noise, and says what the receiver knows of them.

    Args:
        states: N.
        receiver: "soft" for p(k|y) over the N amplitudes with the codes' priors (the mean code vector
            under it is the MMSE estimate), "hard" for 1 at the nearest amplitude and 0 elsewhere.
        seed: Seed of the noise.

    Call Args:
        indices: int [B, h, w, D, P].
        snr_db: Es/N0 in dB, float [B].
        priors: p(k), float [D, P, N]; None for equal. Read by the soft receiver only.

    Returns:
        float32 [B, h, w, D, P, N], summing to 1 over the last axis.

    Raises:
        ValueError: If `receiver` is neither "soft" nor "hard".
    """

    def __init__(self, states: int = 8, receiver: str = "soft", seed: int | None = None, **kwargs: Any):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if receiver not in ("soft", "hard"):
            raise ValueError(f"receiver is {receiver!r}; it must be 'soft' or 'hard'")
        self.states = states
        self.receiver = receiver
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self._amplitudes = amplitudes(states)

    def transmit(self, indices: Any) -> Any:
        """Amplitudes of int [...]: float32 [...], mean square 1/2 for equally likely indices."""
        return ops.take(ops.convert_to_tensor(self._amplitudes), ops.cast(indices, "int32"), axis=0)

    def add_noise(self, amplitude: Any, snr_db: Any) -> Any:
        """Add Gaussian noise of variance no/2 to float [B, ...]."""
        noise = keras.random.normal(ops.shape(amplitude), seed=self.seed_generator)
        no = _per_sample(noise_variance(snr_db), len(amplitude.shape))
        return amplitude + noise * ops.sqrt(no / 2.0)

    def log_likelihoods(self, received: Any, snr_db: Any) -> Any:
        """Log-likelihood ln p(y|k) up to a constant, -(y - a_k)^2 / no: float32 [B, ..., N]."""
        no = _per_sample(noise_variance(snr_db), len(received.shape) + 1)
        return -((received[..., None] - self._amplitudes) ** 2) / no

    def detect(self, received: Any) -> Any:
        """Index of the nearest amplitude: float [...] to int32 [...]."""
        distance = ops.abs(received[..., None] - self._amplitudes)
        return ops.cast(ops.argmin(distance, axis=-1), "int32")

    def posteriors(self, received: Any, snr_db: Any, priors: Any = None) -> Any:
        """p(k|y) of float [B, h, w, D, P] with priors [D, P, N]: float32 [B, h, w, D, P, N]."""
        evidence = self.log_likelihoods(received, snr_db)
        if priors is not None:
            evidence = evidence + ops.log(ops.maximum(ops.cast(priors, "float32"), 1e-12))
        # Written out: TensorFlow's softmax refuses more than five axes.
        weights = ops.exp(evidence - ops.max(evidence, axis=-1, keepdims=True))
        return weights / ops.sum(weights, axis=-1, keepdims=True)

    def call(self, indices: Any, snr_db: Any, priors: Any = None) -> Any:
        """Send and receive."""
        received = self.add_noise(self.transmit(indices), snr_db)
        if self.receiver == "hard":
            return ops.one_hot(self.detect(received), self.states, dtype="float32")
        return self.posteriors(received, snr_db, priors)

    def compute_output_spec(self, indices: Any, snr_db: Any, priors: Any = None) -> Any:
        """Shape and type of what the receiver knows."""
        return keras.KerasTensor((*indices.shape, self.states), "float32")

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "states": self.states,
            "receiver": self.receiver,
            "seed": self.seed,
        }

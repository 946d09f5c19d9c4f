"""The channel of indices that stage 2 trains through: one axis of QAM and Gaussian noise."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from moclink.codec.constellation import amplitudes
from moclink.codec.inputs import one_axis
from moclink.codec.receiver import (
    log_likelihoods,
    nearest_index,
    noise_variance,
    per_sample,
    posterior,
)
from moclink.constants import RECEIVERS


@keras.saving.register_keras_serializable(package="moclink")
class IndexChannel(keras.layers.Layer):
    """Sends indices through PAM and Gaussian noise, and returns the receiver's posteriors.

    Args:
        states: N.
        receiver: "soft" for p(k|y) over the N amplitudes with the codes' priors (the mean code
            vector under it is the MMSE estimate), "hard" for 1 at the nearest amplitude and 0
            elsewhere.
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

    def __init__(
        self, states: int = 8, receiver: str = "soft", seed: int | None = None, **kwargs: Any
    ):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if receiver not in RECEIVERS:
            raise ValueError(f"receiver is {receiver!r}; it must be {' or '.join(RECEIVERS)}")
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
        no = per_sample(noise_variance(snr_db), len(amplitude.shape))
        return ops.convert_to_tensor(amplitude) + noise * ops.sqrt(no / 2.0)

    def log_likelihoods(self, received: Any, snr_db: Any) -> Any:
        """Log-likelihood ln p(y|k) up to a constant, of float [B, ...]: float32 [B, ..., N]."""
        no = per_sample(noise_variance(snr_db), len(received.shape) + 1)
        return log_likelihoods(received, no, self._amplitudes)

    def detect(self, received: Any) -> Any:
        """Index of the nearest amplitude: float [...] to int32 [...]."""
        return nearest_index(received, self._amplitudes)

    def posteriors(self, received: Any, snr_db: Any, priors: Any = None) -> Any:
        """p(k|y) of float [B, h, w, D, P] with priors [D, P, N]: float32 [B, h, w, D, P, N]."""
        priors = None if priors is None else ops.cast(priors, "float32")
        return posterior(self.log_likelihoods(received, snr_db), priors)

    def __call__(self, indices: Any, snr_db: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the layer; the SNR may be a Python number or a list."""
        return super().__call__(indices, one_axis(snr_db, np.float32), *args, **kwargs)

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

"""Between encoder and decoder of the analog codec: power at the sender, Wiener gains at the receiver."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from moclink.codec.index_channel import noise_variance


def power_normalize(z: Any) -> Any:
    """Scale latents so that two reals make a complex symbol of mean energy 1 over each picture.

    Args:
        z: float [B, h, w, n_q].

    Returns:
        float [B, h, w, n_q], mean square 1/2 for each picture.
    """
    power = ops.mean(ops.cast(z, "float32") ** 2, axis=(1, 2, 3), keepdims=True)
    return z * ops.cast(ops.rsqrt(2.0 * power + 1e-12), z.dtype)


@keras.saving.register_keras_serializable(package="moclink")
class WienerGains(keras.layers.Layer):
    """The best linear receiver of independent channels: each shrunk by what is noise in it.

        z_hat_c = y_c * p_c / (p_c + no / 2),   p_c = mean square of channel c as sent

    The powers are weights: measured at the start of training, and trained with the rest.

    Call Args:
        received: float [B, h, w, n_q].
        snr_db: Es/N0 in dB, float [B].

    Returns:
        float [B, h, w, n_q].
    """

    def build(self, received_shape: tuple[int | None, ...], snr_db_shape: Any = None) -> None:
        """Create the logarithms of the powers; at first all are 1/2."""
        start = keras.initializers.Constant(-0.6931472)
        self.log_power = self.add_weight(name="log_power", shape=(received_shape[-1],), initializer=start)

    def call(self, received: Any, snr_db: Any) -> Any:
        """Shrink each channel."""
        power = ops.exp(ops.cast(self.log_power, "float32"))
        noise = ops.reshape(noise_variance(snr_db), (-1, 1, 1, 1)) / 2.0
        return received * ops.cast(power / (power + noise), received.dtype)

    def compute_output_spec(self, received: Any, snr_db: Any) -> Any:
        """The shape does not change."""
        return keras.KerasTensor(received.shape, self.compute_dtype)

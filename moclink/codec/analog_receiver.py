"""Between encoder and decoder of the analog codec: power at the sender, scale and noise at the receiver.

A picture is sent with power 1 whatever it shows, so the receiver does not know how bright it was.
One of the latent's channels, the last, is therefore a pilot: the same value at every position, of an
average channel's power, whose mean over the picture tells the scale.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from moclink.codec.receiver import noise_variance

PILOT = 0.5**0.5  # value of the pilot channel before the power is normalised


def power_normalize(z: Any) -> Any:
    """Scale latents so that two reals make a complex symbol of mean energy 1 over each picture.

    Args:
        z: float [B, h, w, n_q].

    Returns:
        float [B, h, w, n_q], mean square 1/2 for each picture.
    """
    z = ops.convert_to_tensor(z)
    power = ops.mean(ops.cast(z, "float32") ** 2, axis=(1, 2, 3), keepdims=True)
    return z * ops.cast(ops.rsqrt(2.0 * power + 1e-12), z.dtype)


@keras.saving.register_keras_serializable(package="moclink")
class AnalogReceiver(keras.layers.Layer):
    """What comes between channel and decoder: the scale undone, and each channel shrunk by its noise.

        scale = mean of the pilot / PILOT,   n = no / 2 / scale^2,   z_hat_c = y_c / scale * p_c /
        (p_c + n) error^2 = sum_c p_c n / (p_c + n) / sum_c p_c

    with p_c the mean square of channel c: the Wiener filter of independent channels, and the error
    it leaves, relative to the latent. The powers are weights, measured at the start of training and
    trained with the rest. The scale is a mean over the picture: it needs the whole of it.

    Call Args:
        received: float [B, h, w, n_q].
        snr_db: Es/N0 in dB, float [B].

    Returns:
        (z_hat, float [B, h, w, n_q]; error, float [B], 0 to 1).
    """

    def build(self, received_shape: tuple[int | None, ...], snr_db_shape: Any = None) -> None:
        """Create the logarithms of the powers; at first all are 1/2."""
        start = keras.initializers.Constant(-0.6931472)
        self.log_power = self.add_weight(
            name="log_power", shape=(received_shape[-1],), initializer=start
        )

    def call(self, received: Any, snr_db: Any) -> tuple[Any, Any]:
        """Undo the scale and shrink each channel."""
        received = ops.cast(received, "float32")
        # A picture much brighter than others is sent at a tenth of the usual scale; noise must not
        # give less.
        scale = ops.maximum(ops.mean(received[..., -1], axis=(1, 2)) / PILOT, 0.1)[:, None]
        noise = ops.reshape(noise_variance(snr_db), (-1, 1)) / 2.0 / scale**2
        power = ops.exp(ops.cast(self.log_power, "float32"))
        gains = power / (power + noise)
        error = ops.sqrt(ops.sum(gains * noise, axis=1) / ops.sum(power))
        z = received * (gains / scale)[:, None, None]
        return ops.cast(z, self.compute_dtype), ops.cast(error, self.compute_dtype)

    def compute_output_spec(self, received: Any, snr_db: Any) -> tuple[Any, Any]:
        """The shape does not change."""
        dtype = self.compute_dtype
        return keras.KerasTensor(received.shape, dtype), keras.KerasTensor(
            received.shape[:1], dtype
        )

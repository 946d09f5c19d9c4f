"""NRB, the noise reduction block: residual Swin Transformer blocks on the retrieved, noisy latent.

    z_q_hat -> 1x1 -> [scale and shift by (levels, SNR) -> RSTB] x n -> norm -> 3x3 -> + z_q_hat =
    z_r_hat

The last convolution starts at zero, so an untrained block is the identity and Stage 2 can only
learn to remove noise. Its output is requantised (eq. 9) before it is decoded. "Scale and shift" is
feature-wise linear modulation (FiLM).

Reference: Zhou et al., "MOC-RVQ", section III-B; Liang et al., "SwinIR", ICCVW 2021 (the RSTB).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from moclink.codec.blocks import convolution, kernel_macs
from moclink.codec.constellation import squared_spacing
from moclink.codec.inputs import check_levels, one_axis
from moclink.codec.swin import SwinLayer
from moclink.constants import LATENT_STRIDE


@keras.saving.register_keras_serializable(package="moclink")
class RSTB(keras.layers.Layer):
    """Residual Swin Transformer block: x + conv3x3(Swin layers(x)), every second layer shifted.

    Args:
        depth: Number of Swin layers.
        heads: Attention heads.
        window: Side of a window.
        mlp_ratio: Hidden width of the MLPs over the channels.

    Call Args:
        features: float [B, h, w, C].

    Returns:
        float [B, h, w, C].
    """

    def __init__(
        self, depth: int = 6, heads: int = 8, window: int = 8, mlp_ratio: float = 4.0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.depth = depth
        self.heads = heads
        self.window = window
        self.mlp_ratio = mlp_ratio
        self.layers = [
            SwinLayer(
                heads,
                window,
                (i % 2) * (window // 2),
                mlp_ratio,
                dtype=self.dtype_policy,
                name=f"swin_{i}",
            )
            for i in range(depth)
        ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the layers and the convolution."""
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(f"the input shape {input_shape} must name its channels")
        for layer in self.layers:
            layer.build(input_shape)
        self.conv = convolution(channels, 3, dtype=self.dtype_policy, name="conv")
        self.conv.build(input_shape)

    def call(self, features: Any) -> Any:
        """Apply the block."""
        x = features
        for layer in self.layers:
            x = layer(x)
        return self.conv.add_to(features, x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape does not change."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "depth": self.depth,
            "heads": self.heads,
            "window": self.window,
            "mlp_ratio": self.mlp_ratio,
        }


@keras.saving.register_keras_serializable(package="moclink")
class NoiseReduction(keras.layers.Layer):
    """The NRB, conditioned on the number of levels sent and the SNR at which they were received.

    Args:
        latent_channels: n_q.
        levels: D, the most levels that can be sent.
        width: Channels inside.
        groups: Number of RSTBs.
        depth: Swin layers in each.
        heads: Attention heads.
        window: Side of a window, in latent positions.
        mlp_ratio: Hidden width of the MLPs over `width`.
        gated: Whether the correction is scaled by the square root of erfc(sqrt(SNR / s)), with s
            the squared spacing of the constellation (42 for 64-QAM): the chance of an index error
            up to a factor. A latent that hardly needs correction is then hardly changed.
        states: States of an index, N; read by the gate.

    Call Args:
        z: Retrieved latent, float [B, h, w, n_q].
        levels: Levels sent, int [B] or one for all, 1 to D.
        snr_db: Es/N0 in dB, float [B] or one for all.

    Returns:
        Refined latent z_r_hat, float32 [B, h, w, n_q].
    """

    def __init__(
        self,
        latent_channels: int,
        levels: int = 4,
        width: int = 256,
        groups: int = 4,
        depth: int = 6,
        heads: int = 8,
        window: int = 8,
        mlp_ratio: float = 4.0,
        gated: bool = False,
        states: int = 8,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.gated = gated
        self.states = states
        self.latent_channels = latent_channels
        self.levels = levels
        self.width = width
        self.groups = groups
        self.depth = depth
        self.heads = heads
        self.window = window
        self.mlp_ratio = mlp_ratio
        policy = self.dtype_policy
        self.entry = convolution(width, 1, dtype=policy, name="entry")
        self.hidden = keras.layers.Dense(64, activation="silu", dtype=policy, name="hidden")
        self.modulations = [
            keras.layers.Dense(
                2 * width, kernel_initializer="zeros", dtype=policy, name=f"modulation_{i}"
            )
            for i in range(groups)
        ]
        self.blocks = [
            RSTB(depth, heads, window, mlp_ratio, dtype=policy, name=f"rstb_{i}")
            for i in range(groups)
        ]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, dtype=policy, name="norm")
        self.exit = convolution(
            latent_channels, 3, kernel_initializer="zeros", dtype=policy, name="exit"
        )

    def build(self, z_shape: Any, levels_shape: Any = None, snr_db_shape: Any = None) -> None:
        """Build every part; the grid size does not matter."""
        inside = (None, None, None, self.width)
        self.entry.build((None, None, None, self.latent_channels))
        self.hidden.build((None, self.levels + 3))
        for modulation, block in zip(self.modulations, self.blocks, strict=True):
            modulation.build((None, 64))
            block.build(inside)
        self.norm.build(inside)
        self.exit.build(inside)

    def _condition(self, levels: Any, snr_db: Any) -> Any:
        """Features of (levels, SNR): float [B, levels + 3]."""
        snr = ops.clip(ops.cast(snr_db, "float32"), -10.0, 40.0)
        # Around 15 dB the index error rate falls from most to few: a step there, besides the
        # straight line.
        steps = [snr / 20.0, ops.tanh((snr - 5.0) / 5.0), ops.tanh((snr - 15.0) / 5.0)]
        sent = ops.one_hot(ops.cast(levels, "int32") - 1, self.levels, dtype="float32")
        return ops.concatenate([sent, ops.stack(steps, axis=-1)], axis=-1)

    def __call__(self, z: Any, levels: Any, snr_db: Any, **kwargs: Any) -> Any:
        """Call the layer; levels and SNR may be Python numbers or lists."""
        levels = check_levels(one_axis(levels, None), self.levels, z.shape[0])
        return super().__call__(z, levels, one_axis(snr_db, np.float32), **kwargs)

    def call(self, z: Any, levels: Any, snr_db: Any) -> Any:
        """Refine a retrieved latent."""
        batch = (ops.shape(z)[0],)
        levels, snr_db = (
            ops.broadcast_to(ops.reshape(each, (-1,)), batch) for each in (levels, snr_db)
        )
        condition = self.hidden(self._condition(levels, snr_db))
        x = self.entry(z)
        for modulation, block in zip(self.modulations, self.blocks, strict=True):
            scale, shift = ops.split(modulation(condition)[:, None, None, :], 2, axis=-1)
            x = block(x * (1.0 + scale) + shift)
        # In float32: the sum is compared with codebooks.
        correction = ops.cast(self.exit(self.norm(x)), "float32")
        if self.gated:
            snr = ops.power(10.0, ops.cast(ops.reshape(snr_db, (-1, 1, 1, 1)), "float32") / 10.0)
            argument = ops.sqrt(snr / squared_spacing(self.states))
            correction = correction * ops.sqrt(ops.maximum(1.0 - ops.erf(argument), 1e-12))
        return ops.cast(z, "float32") + correction

    def compute_output_spec(self, z: Any, levels: Any, snr_db: Any) -> Any:
        """The shape does not change."""
        return keras.KerasTensor(z.shape, "float32")

    def macs_per_pixel(self) -> float:
        """Multiply-accumulates for each pixel of an f = 8 codec; the layer must be built."""
        products = 2 * self.window**2 * self.width * self.depth * self.groups
        return (kernel_macs(self.entry, *self.blocks, self.exit) + products) / LATENT_STRIDE**2

    def receptive_positions(self) -> int:
        """How many positions away a latent can touch another, as a multiple of the window's side."""
        reach = self.groups * (self.depth * self.window + 1) + 1
        return -(-reach // self.window) * self.window

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "latent_channels": self.latent_channels,
            "levels": self.levels,
            "width": self.width,
            "groups": self.groups,
            "depth": self.depth,
            "heads": self.heads,
            "window": self.window,
            "mlp_ratio": self.mlp_ratio,
            "gated": self.gated,
            "states": self.states,
        }

"""Decoder G: latent grid to a picture of eight times the resolution.

    z [B,h,w,n_q] -> 3x3 -> (blocks, up) x n -> blocks -> 3x3 -> images [B,8h,8w,3]

See `autoencoder` for its sizes and references.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from moclink.codec.autoencoder import AutoencoderHalf
from moclink.codec.blocks import convolution, depth_to_space, kernel_macs
from moclink.constants import LATENT_STRIDE

UPSAMPLINGS = ("nearest", "shuffle")


@keras.saving.register_keras_serializable(package="moclink")
class Decoder(AutoencoderHalf):
    """Latent grid to picture, any grid size.

    Args:
        latent_channels: n_q.
        widths: Channels at one eighth of the resolution and after each doubling.
        depths: Residual blocks at each of these resolutions.
        patch: Side of the pixel square that the head unfolds from channels; 1 for none.
        upsampling: "nearest" (repeat, then 3x3 convolution) or "shuffle" (1x1 convolution to four
            times the channels, then depth to space: a ninth of the arithmetic, on a quarter of the
            positions).
        normalization: "none", "rms" or "group"; see `make_normalization`.
        groups: Channel groups of "group".
        linear_path: Whether a fixed linear map of each latent to its 8x8 block is added to the
            picture, the network's output being zero at first.
        snr_grid: See `AutoencoderHalf`.

    Call Args:
        z: float [B, h, w, n_q].
        height: Rows to keep, at most 8h; None keeps all.
        width: Columns to keep, at most 8w; None keeps all.
        gain: Factor on what the network adds to the linear path, float [B]; None for 1. An analog
            receiver gives the error to be expected here: what needs little correction is then
            little corrected.
        snr_db: Es/N0 in dB, float [B], for a network with a grid of SNRs; None for none.

    Returns:
        Images, float [B, height, width, 3], in [0, 1] but for overshoot, which is not clipped here.

    Raises:
        ValueError: If the stages do not enlarge by 8, or `upsampling` is unknown.
    """

    def __init__(
        self,
        latent_channels: int,
        widths: Sequence[int] = (256, 256, 128, 64),
        depths: Sequence[int] = (0, 2, 2, 2),
        patch: int = 1,
        upsampling: str = "nearest",
        normalization: str = "group",
        groups: int = 32,
        linear_path: bool = False,
        snr_grid: Sequence[float] = (),
        **kwargs: Any,
    ):
        super().__init__(
            latent_channels,
            widths,
            depths,
            patch,
            normalization,
            groups,
            linear_path,
            snr_grid,
            **kwargs,
        )
        if upsampling not in UPSAMPLINGS:
            raise ValueError(
                f"upsampling is {upsampling!r}; it must be one of {', '.join(UPSAMPLINGS)}"
            )
        self.upsampling = upsampling
        policy = self.dtype_policy
        self.stem = convolution(widths[0], 3, dtype=policy, name="stem")
        self.ups = [self._up(width, f"up_{i}") for i, width in enumerate(self.widths[1:], 1)]
        self.blocks = self.make_blocks()
        self.head = convolution(
            3 * patch**2,
            3,
            kernel_initializer=self.head_initializer,
            dtype=policy,
            name="head",
        )

    def _up(self, width: int, name: str) -> keras.layers.Layer:
        """The convolution of one doubling."""
        if self.upsampling == "shuffle":
            return convolution(4 * width, 1, dtype=self.dtype_policy, name=name)
        return convolution(width, 3, dtype=self.dtype_policy, name=name)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build every part; the grid size does not matter."""
        self.stem.build((None, None, None, self.latent_channels))
        self.build_stages(self.ups)
        self.head.build((None, None, None, self.widths[-1]))
        if self.linear_path:
            shape = (self.latent_channels, 3 * LATENT_STRIDE**2)
            self.linear = self.add_weight(name="linear", shape=shape, trainable=False)
        self.build_modulations()

    def call(
        self,
        z: Any,
        height: int | None = None,
        width: int | None = None,
        gain: Any = None,
        snr_db: Any = None,
    ) -> Any:
        """Decode the latent grid into images."""
        conditions = iter(self.conditions(snr_db))
        z = ops.cast(z, self.compute_dtype)
        x = self.stem(z)
        for i in range(len(self.depths)):
            if i and self.upsampling == "shuffle":
                x = depth_to_space(self.ups[i - 1](x), 2)
            elif i:
                x = self.ups[i - 1](ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2))
            for block in self.stage(i):
                x = block(x, next(conditions))
        x = self.head(x)
        if self.patch > 1:
            x = depth_to_space(x, self.patch)
        if gain is not None:
            x = x * ops.reshape(ops.cast(gain, x.dtype), (-1, 1, 1, 1))
        if self.linear_path:
            x = x + depth_to_space(ops.matmul(z, ops.cast(self.linear, x.dtype)), LATENT_STRIDE)
        return (0.5 * x + 0.5)[:, :height, :width]

    def compute_output_spec(
        self,
        z: Any,
        height: int | None = None,
        width: int | None = None,
        gain: Any = None,
        snr_db: Any = None,
    ) -> Any:
        """Shape of the images."""
        rows, columns = (None if size is None else size * LATENT_STRIDE for size in z.shape[1:3])
        return keras.KerasTensor(
            (z.shape[0], height or rows, width or columns, 3), self.compute_dtype
        )

    def macs_per_pixel(self) -> float:
        """Multiply-accumulates for each pixel; the layer must be built."""
        total = kernel_macs(self.stem) / LATENT_STRIDE**2 + kernel_macs(self.head) / self.patch**2
        total += 3 * self.latent_channels * self.linear_path
        for i in range(len(self.depths)):
            outputs = (LATENT_STRIDE // 2**i) ** 2
            total += kernel_macs(*self.stage(i)) / outputs
            if i:
                # "shuffle" convolves before the doubling, "nearest" after it.
                total += kernel_macs(self.ups[i - 1]) / (
                    4 * outputs if self.upsampling == "shuffle" else outputs
                )
        return total

    def receptive_positions(self) -> int:
        """How many latent positions away an input can touch an output pixel, rounded up."""
        reach = 1.0
        for i, depth in enumerate(self.depths):
            reach += (2 * depth + (1 if i and self.upsampling == "nearest" else 0)) / 2**i
        reach += 1 / 2 ** (len(self.depths) - 1)
        return int(-(-reach // 1))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "upsampling": self.upsampling}

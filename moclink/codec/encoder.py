"""Encoder E: picture to a latent grid at one eighth of the resolution.

    images [B,H,W,3] -> stem -> (blocks, down) x n -> 1x1 -> z [B, ceil(H/8), ceil(W/8), n_q]

See `autoencoder` for its sizes and references.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from moclink.codec.autoencoder import AutoencoderHalf
from moclink.codec.blocks import convolution, kernel_macs, pad_to_multiple, space_to_depth
from moclink.constants import LATENT_STRIDE


@keras.saving.register_keras_serializable(package="moclink")
class Encoder(AutoencoderHalf):
    """Picture to latent grid, any picture size.

    Args:
        latent_channels: n_q.
        widths: Channels of the stem and after each stride-2 convolution.
        depths: Residual blocks at each of these resolutions.
        patch: Side of the pixel square that the stem folds into channels; 1 for none.
        stem_kernel: Kernel size of the first convolution.
        normalization: "none", "rms" or "group"; see `make_normalization`.
        groups: Channel groups of "group".
        linear_path: Whether a fixed linear map of each 8x8 block is added to the latent, and the
            network's output is zero at first (see `training.linear_initialization`).
        snr_grid: See `AutoencoderHalf`.

    Call Args:
        images: float [B, H, W, 3] in [0, 1]. Sizes that are no multiple of 8 are extended inside
            by repeating the last row and column.
        snr_db: Es/N0 in dB that the sender is told, float [B], for a network with a grid of SNRs;
            None for none.

    Returns:
        Latent z, float [B, ceil(H/8), ceil(W/8), n_q].

    Raises:
        ValueError: If the stages do not reduce by 8.

    Example:
        >>> Encoder(16, widths=(16, 32), depths=(1, 1), patch=4)(images).shape
        (1, 8, 8, 16)
    """

    def __init__(
        self,
        latent_channels: int,
        widths: Sequence[int] = (64, 128, 256, 256),
        depths: Sequence[int] = (0, 2, 2, 2),
        patch: int = 1,
        stem_kernel: int = 4,
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
        self.stem_kernel = stem_kernel
        policy = self.dtype_policy
        self.stem = convolution(widths[0], stem_kernel, dtype=policy, name="stem")
        self.downs = [
            convolution(width, 3, strides=2, dtype=policy, name=f"down_{i}")
            for i, width in enumerate(self.widths[1:], 1)
        ]
        self.blocks = self.make_blocks()
        self.head = convolution(
            latent_channels,
            1,
            kernel_initializer=self.head_initializer,
            dtype=policy,
            name="head",
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build every part; the picture size does not matter."""
        self.stem.build((None, None, None, (input_shape[-1] or 3) * self.patch**2))
        self.build_stages(self.downs)
        self.head.build((None, None, None, self.widths[-1]))
        if self.linear_path:
            shape = (3 * LATENT_STRIDE**2, self.latent_channels)
            self.linear = self.add_weight(name="linear", shape=shape, trainable=False)
        self.build_modulations()

    def call(self, images: Any, snr_db: Any = None) -> Any:
        """Encode images into the latent grid."""
        conditions = iter(self.conditions(snr_db))
        x = pad_to_multiple(images, LATENT_STRIDE)
        # Centred inputs spare the first convolution from learning the mean of a picture.
        pixels = 2.0 * x - 1.0
        x = self.stem(space_to_depth(pixels, self.patch) if self.patch > 1 else pixels)
        for i in range(len(self.depths)):
            if i:
                x = self.downs[i - 1](x)
            for block in self.stage(i):
                x = block(x, next(conditions))
        z = self.head(x)
        if self.linear_path:
            z = z + ops.matmul(
                space_to_depth(pixels, LATENT_STRIDE), ops.cast(self.linear, z.dtype)
            )
        return z

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the latent grid."""
        height, width = (
            None if size is None else -(-size // LATENT_STRIDE) for size in input_shape[1:3]
        )
        return (input_shape[0], height, width, self.latent_channels)

    def macs_per_pixel(self) -> float:
        """Multiply-accumulates for each pixel; the layer must be built."""
        total = (
            kernel_macs(self.head) / LATENT_STRIDE**2 + 3 * self.latent_channels * self.linear_path
        )
        for i in range(len(self.depths)):
            entry = self.downs[i - 1] if i else self.stem
            total += kernel_macs(entry, *self.stage(i)) / (self.patch * 2**i) ** 2
        return total

    def receptive_positions(self) -> int:
        """How many positions away a pixel can touch a latent, rounded up."""
        pixels = self.stem_kernel // 2 * self.patch
        for i, depth in enumerate(self.depths):
            # A stride-2 convolution reaches one position of the finer grid.
            pixels += (2 * depth + (0.5 if i else 0)) * self.patch * 2**i
        return int(-(-pixels // LATENT_STRIDE))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "stem_kernel": self.stem_kernel}

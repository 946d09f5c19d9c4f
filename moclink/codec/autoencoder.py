"""Encoder E and decoder G: picture <-> latent grid at one eighth of the resolution.

    images [B,H,W,3] -> stem -> (blocks, down) x n -> 1x1 -> z [B, ceil(H/8), ceil(W/8), n_q]
    z -> 3x3 -> (blocks, up) x n -> blocks -> 3x3 -> images

One pair of classes covers the VQGAN autoencoder that the paper inherits (`patch=1`, three
down-samplings, GroupNorm) and the light one (`patch=4`: the first rearrangement of 4x4 pixels into
channels saves every convolution at full and half resolution, where arithmetic is dearest).

Reference: Zhou et al., "MOC-RVQ", sections II and IV-A; Esser et al., "Taming Transformers for
High-Resolution Image Synthesis", CVPR 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from moclink.codec.blocks import (
    ResidualBlock,
    depth_to_space,
    kernel_macs,
    make_normalization,
    pad_to_multiple,
    space_to_depth,
)

FACTOR = 8
UPSAMPLINGS = ("nearest", "shuffle")


def _check_geometry(widths: Sequence[int], depths: Sequence[int], patch: int) -> None:
    """Raise ValueError unless the stages end at one eighth of the resolution."""
    if len(widths) != len(depths):
        raise ValueError(f"widths {tuple(widths)} and depths {tuple(depths)} must be of one length")
    factor = patch * 2 ** (len(widths) - 1)
    if factor != FACTOR:
        raise ValueError(
            f"patch {patch} with {len(widths)} widths reduces by {factor}; "
            f"patch * 2**(len(widths) - 1) must be {FACTOR}"
        )


def _make_blocks(depths: Sequence[int], normalization: str, groups: int, policy: Any) -> list[ResidualBlock]:
    """Residual blocks of all stages in one flat list (Keras does not save lists of lists)."""
    return [
        ResidualBlock(normalization, groups, dtype=policy, name=f"block_{i}_{j}")
        for i, depth in enumerate(depths)
        for j in range(depth)
    ]


def _stage(blocks: Sequence[ResidualBlock], depths: Sequence[int], i: int) -> Sequence[ResidualBlock]:
    """The blocks of stage i of such a list."""
    start = sum(depths[:i])
    return blocks[start : start + depths[i]]


def _last(linear_path: bool) -> str:
    """Initialiser of the last convolution: nothing, where a linear path has the picture already."""
    return "zeros" if linear_path else "glorot_uniform"


@keras.saving.register_keras_serializable(package="moclink")
class Encoder(keras.layers.Layer):
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
            network starts as nothing beside it (see `training.start`).

    Call Args:
        images: float [B, H, W, 3] in [0, 1]. Sizes that are no multiple of 8 are extended inside
            by repeating the last row and column.

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
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        _check_geometry(widths, depths, patch)
        self.latent_channels = latent_channels
        self.widths = tuple(widths)
        self.depths = tuple(depths)
        self.patch = patch
        self.stem_kernel = stem_kernel
        self.normalization = normalization
        self.groups = groups
        self.linear_path = linear_path
        make_normalization(normalization, groups)  # an unknown name fails here, not at the first call
        policy = self.dtype_policy
        self.stem = keras.layers.Conv2D(widths[0], stem_kernel, padding="same", dtype=policy, name="stem")
        self.downs = [
            keras.layers.Conv2D(width, 3, strides=2, padding="same", dtype=policy, name=f"down_{i}")
            for i, width in enumerate(self.widths[1:], 1)
        ]
        self.blocks = _make_blocks(self.depths, normalization, groups, policy)
        self.head = keras.layers.Conv2D(
            latent_channels, 1, kernel_initializer=_last(linear_path), dtype=policy, name="head"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build every part; the picture size does not matter."""
        self.stem.build((None, None, None, (input_shape[-1] or 3) * self.patch**2))
        for i, width in enumerate(self.widths):
            if i:
                self.downs[i - 1].build((None, None, None, self.widths[i - 1]))
            for block in _stage(self.blocks, self.depths, i):
                block.build((None, None, None, width))
        self.head.build((None, None, None, self.widths[-1]))
        if self.linear_path:
            shape = (3 * FACTOR**2, self.latent_channels)
            self.linear = self.add_weight(name="linear", shape=shape, trainable=False)

    def call(self, images: Any) -> Any:
        """Encode images into the latent grid."""
        x = pad_to_multiple(images, FACTOR)
        # Centred inputs spare the first convolution from learning the mean of a picture.
        pixels = 2.0 * x - 1.0
        x = self.stem(space_to_depth(pixels, self.patch) if self.patch > 1 else pixels)
        for i in range(len(self.depths)):
            if i:
                x = self.downs[i - 1](x)
            for block in _stage(self.blocks, self.depths, i):
                x = block(x)
        z = self.head(x)
        if self.linear_path:
            z = z + ops.matmul(space_to_depth(pixels, FACTOR), ops.cast(self.linear, z.dtype))
        return z

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the latent grid."""
        height, width = (None if size is None else -(-size // FACTOR) for size in input_shape[1:3])
        return (input_shape[0], height, width, self.latent_channels)

    def macs_per_pixel(self) -> float:
        """Multiply-accumulates for each pixel; the layer must be built."""
        total = kernel_macs(self.head) / FACTOR**2 + 3 * self.latent_channels * self.linear_path
        for i in range(len(self.depths)):
            entry = self.downs[i - 1] if i else self.stem
            total += kernel_macs(entry, *_stage(self.blocks, self.depths, i)) / (self.patch * 2**i) ** 2
        return total

    def receptive_cells(self) -> int:
        """How many cells away a pixel can touch a latent, rounded up."""
        pixels = self.stem_kernel // 2 * self.patch
        for i, depth in enumerate(self.depths):
            # A stride-2 convolution reaches one position of the finer grid.
            pixels += (2 * depth + (0.5 if i else 0)) * self.patch * 2**i
        return int(-(-pixels // FACTOR))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "latent_channels": self.latent_channels,
            "widths": self.widths,
            "depths": self.depths,
            "patch": self.patch,
            "stem_kernel": self.stem_kernel,
            "normalization": self.normalization,
            "groups": self.groups,
            "linear_path": self.linear_path,
        }


@keras.saving.register_keras_serializable(package="moclink")
class Decoder(keras.layers.Layer):
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
        linear_path: Whether a fixed linear map of each latent to its 8x8 block is added to the picture,
            and the network starts as nothing beside it.

    Call Args:
        z: float [B, h, w, n_q].
        height: Rows to keep, at most 8h; None keeps all.
        width: Columns to keep, at most 8w; None keeps all.
        gain: Factor on what the network adds to the linear path, float [B]; None for 1. An analog receiver
            gives the error to be expected here: what needs little correction is then little corrected.

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
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        _check_geometry(widths, depths, patch)
        if upsampling not in UPSAMPLINGS:
            raise ValueError(f"upsampling is {upsampling!r}; it must be one of {', '.join(UPSAMPLINGS)}")
        self.latent_channels = latent_channels
        self.widths = tuple(widths)
        self.depths = tuple(depths)
        self.patch = patch
        self.upsampling = upsampling
        self.normalization = normalization
        self.groups = groups
        self.linear_path = linear_path
        make_normalization(normalization, groups)  # an unknown name fails here, not at the first call
        policy = self.dtype_policy
        self.stem = keras.layers.Conv2D(widths[0], 3, padding="same", dtype=policy, name="stem")
        self.ups = [self._up(width, f"up_{i}") for i, width in enumerate(self.widths[1:], 1)]
        self.blocks = _make_blocks(self.depths, normalization, groups, policy)
        self.head = keras.layers.Conv2D(
            3 * patch**2,
            3,
            padding="same",
            kernel_initializer=_last(linear_path),
            dtype=policy,
            name="head",
        )

    def _up(self, width: int, name: str) -> keras.layers.Layer:
        """The convolution of one doubling."""
        if self.upsampling == "shuffle":
            return keras.layers.Conv2D(4 * width, 1, dtype=self.dtype_policy, name=name)
        return keras.layers.Conv2D(width, 3, padding="same", dtype=self.dtype_policy, name=name)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build every part; the grid size does not matter."""
        self.stem.build((None, None, None, self.latent_channels))
        for i, width in enumerate(self.widths):
            if i:
                self.ups[i - 1].build((None, None, None, self.widths[i - 1]))
            for block in _stage(self.blocks, self.depths, i):
                block.build((None, None, None, width))
        self.head.build((None, None, None, self.widths[-1]))
        if self.linear_path:
            shape = (self.latent_channels, 3 * FACTOR**2)
            self.linear = self.add_weight(name="linear", shape=shape, trainable=False)

    def call(self, z: Any, height: int | None = None, width: int | None = None, gain: Any = None) -> Any:
        """Decode the latent grid into images."""
        z = ops.cast(z, self.compute_dtype)
        x = self.stem(z)
        for i in range(len(self.depths)):
            if i and self.upsampling == "shuffle":
                x = depth_to_space(self.ups[i - 1](x), 2)
            elif i:
                x = self.ups[i - 1](ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2))
            for block in _stage(self.blocks, self.depths, i):
                x = block(x)
        x = self.head(x)
        if self.patch > 1:
            x = depth_to_space(x, self.patch)
        if gain is not None:
            x = x * ops.reshape(ops.cast(gain, x.dtype), (-1, 1, 1, 1))
        if self.linear_path:
            x = x + depth_to_space(ops.matmul(z, ops.cast(self.linear, x.dtype)), FACTOR)
        return (0.5 * x + 0.5)[:, :height, :width]

    def compute_output_spec(
        self, z: Any, height: int | None = None, width: int | None = None, gain: Any = None
    ) -> Any:
        """Shape of the images."""
        rows, columns = (None if size is None else size * FACTOR for size in z.shape[1:3])
        return keras.KerasTensor((z.shape[0], height or rows, width or columns, 3), self.compute_dtype)

    def macs_per_pixel(self) -> float:
        """Multiply-accumulates for each pixel; the layer must be built."""
        total = kernel_macs(self.stem) / FACTOR**2 + kernel_macs(self.head) / self.patch**2
        total += 3 * self.latent_channels * self.linear_path
        for i in range(len(self.depths)):
            cells = (FACTOR // 2**i) ** 2
            total += kernel_macs(*_stage(self.blocks, self.depths, i)) / cells
            if i:
                # "shuffle" convolves before the doubling, "nearest" after it.
                total += kernel_macs(self.ups[i - 1]) / (4 * cells if self.upsampling == "shuffle" else cells)
        return total

    def receptive_cells(self) -> int:
        """How many latent cells away an input can touch an output pixel, rounded up."""
        reach = 1.0
        for i, depth in enumerate(self.depths):
            reach += (2 * depth + (1 if i and self.upsampling == "nearest" else 0)) / 2**i
        reach += 1 / 2 ** (len(self.depths) - 1)
        return int(-(-reach // 1))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "latent_channels": self.latent_channels,
            "widths": self.widths,
            "depths": self.depths,
            "patch": self.patch,
            "upsampling": self.upsampling,
            "normalization": self.normalization,
            "groups": self.groups,
            "linear_path": self.linear_path,
        }

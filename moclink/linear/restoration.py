"""The restoration network: it follows a linear or octonary codec and reduces the remaining errors.

Its inputs are what the receiver knows: the decoded picture, the expected squared error of every
block of 32 by 32 in six bands (`moclink.linear.codec.Estimate`) and the SNR. It is a U-Net on
pixels from 1/2 to 1/8 resolution that adds a correction, scaled by the picture's expected error, to
the codec's estimate; untrained it adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from moclink.codec import weights as files
from moclink.codec.blocks import Conv2D
from moclink.codec.int8_weights import load_int8_weights
from moclink.codec.tiling import CompiledFunction
from moclink.linear.codec import Estimate

KIND = "linear-restoration"
SMALLEST_ERROR = 1e-5  # expected squared error (50 dB) below which pictures are left as they are
SNR_RANGE = -6.0, 31.0  # dB, of the training; beyond, the network is told the nearest of it
BLOCK = 32  # of the error map
BANDS = 6
LAST = "channels_last"  # whatever image format the user's Keras is set to
CONFIGS: dict[str, dict[str, Any]] = {  # see `build`; 1, 49 and 122 thousand MAC per pixel
    "toy": {"channels": [8, 12], "down": [1], "middle": 1, "up": [1]},
    "standard": {"channels": [32, 64, 128], "down": [1, 2], "middle": 4, "up": [1, 2]},
    "large": {"channels": [64, 96, 128], "down": [1, 2], "middle": 4, "up": [2, 2]},
}


@keras.saving.register_keras_serializable("moclink")
class PixelShuffle(layers.Layer):
    """Channels to 2 by 2 pixels: [B, H, W, 4 C] to [B, 2 H, 2 W, C]."""

    def call(self, inputs: Any) -> Any:
        """See the class."""
        shape = ops.shape(inputs)
        channels = inputs.shape[-1] // 4
        parts = ops.reshape(inputs, (-1, shape[1], shape[2], 2, 2, channels))
        return ops.reshape(
            ops.transpose(parts, (0, 1, 3, 2, 4, 5)), (-1, 2 * shape[1], 2 * shape[2], channels)
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the outputs."""
        batch, height, width, channels = input_shape
        return (batch, height and 2 * height, width and 2 * width, (channels or 4) // 4)


@keras.saving.register_keras_serializable("moclink")
class Detail(layers.Layer):
    """What a picture has beyond a coarse one, in units of the expected error: asinh((x - coarse) / scale)."""

    def call(self, inputs: list[Any]) -> Any:
        """[x [B, H, W, 3], coarse [B, H, W, 3], scale [B, 1, 1, 1]] to [B, H, W, 3]."""
        image, coarse, scale = inputs
        return ops.arcsinh((image - coarse) / scale)

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Shape of the outputs."""
        return shapes[0]


@keras.saving.register_keras_serializable("moclink")
class Modulated(layers.Layer):
    """Residual block with feature-wise linear modulation (FiLM) by a condition.

    x + conv(relu(conv(x) * (1 + a(c)) + b(c))), 3 by 3 convolutions, a and b linear and 0 at the
    start.

    Args:
        channels: Features of x.
    """

    def __init__(self, channels: int, **options: Any) -> None:
        super().__init__(**options)
        self.channels = channels
        self.first = Conv2D(channels, 3, padding="same", dtype=self.dtype_policy)
        self.second = Conv2D(channels, 3, padding="same", dtype=self.dtype_policy)
        self.condition = layers.Dense(
            2 * channels, kernel_initializer="zeros", dtype=self.dtype_policy
        )

    def build(self, shapes: list[tuple[int | None, ...]]) -> None:
        """Make the weights for the shapes of [x, condition]."""
        self.first.build(shapes[0])
        self.second.build(shapes[0])
        self.condition.build(shapes[1])
        self.built = True

    def call(self, inputs: list[Any]) -> Any:
        """[x [B, H, W, channels], condition [B, n]] to [B, H, W, channels]."""
        x, condition = inputs
        scale, shift = ops.split(self.condition(condition)[:, None, None], 2, axis=-1)
        return x + self.second(ops.relu(self.first(x) * (1 + scale) + shift))

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Shape of the outputs."""
        return shapes[0]

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return super().get_config() | {"channels": self.channels}


def build(config: dict[str, Any], dtype: str | None = None) -> keras.Model:
    """An untrained network.

    Args:
        config: channels (at 1/2, 1/4, 1/8 resolution ...), and numbers of residual blocks: down and
            up for all resolutions but the last, middle for the last. See CONFIGS.
        dtype: Precision policy; the first and last convolution stay in float32 under a mixed one.

    Returns:
        Model of [images [B, H, W, 3], error map [B, H / 32, W / 32, 6] (see `conditions`),
        condition [B, 2], scale [B, 1]] to images [B, H, W, 3]; H and W multiples of 32.
    """
    outer = "float16" if dtype == "float16" else "float32"
    channels = config["channels"]
    image = keras.Input((None, None, 3), name="image", dtype=outer)
    errors = keras.Input((None, None, BANDS), name="errors", dtype=outer)
    condition = keras.Input((2,), name="condition", dtype=outer)
    scale = keras.Input((1,), name="scale", dtype=outer)
    embedding = layers.Dense(64, activation="gelu", dtype=dtype)(condition)
    embedding = layers.Dense(64, activation="gelu", dtype=dtype)(embedding)
    unit = layers.Reshape((1, 1, 1), dtype=outer)(scale)
    coarse = layers.UpSampling2D(8, data_format=LAST, dtype=outer)(
        layers.AveragePooling2D(8, data_format=LAST, dtype=outer)(image)
    )
    detail = Detail(dtype=outer)([image, coarse, unit])
    x = Conv2D(channels[0], 2, 2, dtype=outer)(layers.Concatenate(dtype=outer)([image, detail]))
    spread = layers.UpSampling2D(BLOCK // 2, data_format=LAST, dtype=outer)(
        Conv2D(channels[0], 1, dtype=outer)(errors)
    )
    x = layers.Add(dtype=outer)([x, spread])
    kept = []
    for level, width in enumerate(channels[:-1]):
        for _ in range(config["down"][level]):
            x = Modulated(width, dtype=dtype)([x, embedding])
        kept.append(x)
        x = Conv2D(channels[level + 1], 2, 2, dtype=dtype)(x)
    for _ in range(config["middle"]):
        x = Modulated(channels[-1], dtype=dtype)([x, embedding])
    for level in reversed(range(len(channels) - 1)):
        x = PixelShuffle(dtype=dtype)(Conv2D(4 * channels[level], 1, dtype=dtype)(x))
        x = layers.Add(dtype=dtype)([x, kept[level]])
        for _ in range(config["up"][level]):
            x = Modulated(channels[level], dtype=dtype)([x, embedding])
    x = Conv2D(12, 3, padding="same", kernel_initializer="zeros", dtype=outer)(x)
    correction = layers.Multiply(dtype=outer)([PixelShuffle(dtype=outer)(x), unit])
    restored = layers.Add(dtype=outer)([image, correction])
    return keras.Model([image, errors, condition, scale], restored, dtype=outer)


def conditions(
    errors: NDArray[np.float32], snr_db: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """What the network is told, from expected errors and SNR.

    Args:
        errors: float32 [B, rows, columns, 6] (see `Estimate`).
        snr_db: float32 [B].

    Returns:
        (logarithms of the map, about -2 to 2, [B, rows, columns, 6]; condition [B, 2]; scale [B,
        1], the root of the expected mean squared error).
    """
    expected = errors.sum(-1).mean((1, 2)) / 3
    condition = np.stack([snr_db / 10 - 1, (np.log10(np.maximum(expected, 1e-8)) + 3.0)], -1)
    spread = (np.log10(np.maximum(errors, 1e-8)) + 4.0) / 1.5
    return (
        spread.astype(np.float32),
        condition.astype(np.float32),
        np.sqrt(np.maximum(expected, 1e-8))[:, None],
    )


def _halo(config: dict[str, Any]) -> int:
    """Rows beyond which nothing influences a row, a multiple of BLOCK."""
    reach = 2 + 2  # the last convolution at 1/2, the first by strides
    for level in range(len(config["channels"])):
        last = level == len(config["channels"]) - 1
        blocks = config["middle"] if last else config["down"][level] + config["up"][level]
        reach += (2 * blocks + 1) * 2 ** (level + 1)
    return -(-reach // BLOCK) * BLOCK


@dataclass(frozen=True)
class Restoration:
    """A trained network, applied to estimates.

    Attributes:
        network: See `build`.
        config: Its config.
        rows: Rows that are computed at once, a multiple of 32; memory grows with them.
    """

    network: keras.Model
    config: dict[str, Any]
    rows: int = 512

    def __post_init__(self) -> None:
        if self.rows < BLOCK or self.rows % BLOCK:
            raise ValueError(f"rows is {self.rows}; give a positive multiple of {BLOCK}")

    def __getstate__(self) -> dict[str, Any]:
        # A copy makes its own graph: what is compiled cannot be pickled.
        return {name: value for name, value in self.__dict__.items() if name != "_compiled"}

    @cached_property
    def _compiled(self) -> CompiledFunction:
        network = self.network
        return CompiledFunction(
            lambda *inputs: network(list(inputs), training=False), [network], receives=True
        )

    @classmethod
    def load(cls, name: str | Path = "linear-restoration") -> Restoration:
        """Read weights that ship with the package, by name, or any other, by path.

        Raises:
            ValueError: If there are none, or they are damaged; the message names the remedy.
        """
        description, weights = files.find(name, "{}", KIND)
        network = build(description["config"], "float32")
        if weights.suffix == ".npz":
            load_int8_weights(network, weights)
        else:  # float16, as `moclink.codec.weights.write_weights` writes it
            network.load_weights(weights)
        return cls(network, description["config"])

    def __call__(self, estimate: Estimate) -> NDArray[np.float32]:
        """Restore pictures, in stripes that overlap by more than the network sees.

        Args:
            estimate: What a codec's `estimate` returned.

        Returns:
            float32 [B, H, W, 3] in [0, 1]; equal to the network on the whole picture. Pictures
            whose expected error is below SMALLEST_ERROR, where the network gains nothing, are
            returned as they are.
        """
        images = estimate.images
        _, height, width, _ = images.shape
        bottom, right = -height % BLOCK, -width % BLOCK
        padded = np.pad(images, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="edge")
        spread, condition, scale = conditions(estimate.errors, np.clip(estimate.snr_db, *SNR_RANGE))
        halo, found = _halo(self.config), np.empty_like(padded)
        for first in range(0, padded.shape[1], self.rows):
            last = min(first + self.rows, padded.shape[1])
            top, end = max(0, first - halo), min(padded.shape[1], last + halo)
            part = [padded[:, top:end], spread[:, top // BLOCK : end // BLOCK], condition, scale]
            output = self._compiled.run(*part)
            found[:, first:last] = output[:, first - top : last - top]
        left = estimate.errors.sum(-1).mean((1, 2)) / 3 < SMALLEST_ERROR
        return np.where(left[:, None, None, None], images, np.clip(found[:, :height, :width], 0, 1))

"""Frozen backbones of perceptual distances: AlexNet, SqueezeNet 1.1, VGG-16 and VGG-19 without their top.

    images -> [stage 1] -> tap -> [stage 2] -> tap -> ... -> [stage n] -> tap

A tap is the rectified output of a stage's last convolution. Shift-tolerant backbones are the same
ones with every stride of 2 spent in a low-pass filter: a maximum or a convolution runs at stride 1,
a [1 2 1] blur then halves its output (R. Zhang, "Making Convolutional Networks Shift-Invariant
Again", ICML 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from moclink import winograd
from moclink.host_functions import may_use_host_functions, on_host
from moclink.keras_device import on_tensorflow


@dataclass(frozen=True)
class Conv:
    """A convolution and its rectifier; `pad` zeros on each side."""

    filters: int
    kernel: int
    pad: int = 0
    stride: int = 1


@dataclass(frozen=True)
class MaxPool:
    """A maximum over a square window, stride 2; `ceil` keeps the last, partial window."""

    window: int
    ceil: bool = False


@dataclass(frozen=True)
class Fire:
    """SqueezeNet's module: a 1x1 convolution, then a 1x1 and a 3x3 one side by side."""

    squeeze: int
    expand: int


STAGES: dict[str, tuple[tuple[Conv | MaxPool | Fire, ...], ...]] = {
    "alex": (
        (Conv(64, 11, pad=2, stride=4),),
        (MaxPool(3), Conv(192, 5, pad=2)),
        (MaxPool(3), Conv(384, 3, pad=1)),
        (Conv(256, 3, pad=1),),
        (Conv(256, 3, pad=1),),
    ),
    "squeeze": (
        (Conv(64, 3, stride=2),),
        (MaxPool(3, ceil=True), Fire(16, 64), Fire(16, 64)),
        (MaxPool(3, ceil=True), Fire(32, 128), Fire(32, 128)),
        (MaxPool(3, ceil=True), Fire(48, 192)),
        (Fire(48, 192),),
        (Fire(64, 256),),
        (Fire(64, 256),),
    ),
    "vgg": (
        (Conv(64, 3, pad=1),) * 2,
        (MaxPool(2), *(Conv(128, 3, pad=1),) * 2),
        (MaxPool(2), *(Conv(256, 3, pad=1),) * 3),
        (MaxPool(2), *(Conv(512, 3, pad=1),) * 3),
        (MaxPool(2), *(Conv(512, 3, pad=1),) * 3),
    ),
    "vgg19": (
        (Conv(64, 3, pad=1),) * 2,
        (MaxPool(2), *(Conv(128, 3, pad=1),) * 2),
        (MaxPool(2), *(Conv(256, 3, pad=1),) * 4),
        (MaxPool(2), *(Conv(512, 3, pad=1),) * 4),
        (MaxPool(2), *(Conv(512, 3, pad=1),) * 4),
    ),
}
SHIFT_TOLERANT = ("alex", "vgg")
LARGEST_KERNEL = 320_000  # weights, 1.3 MB: what TensorFlow convolves by at once


def kernel_shapes(net: str) -> list[tuple[int, int, int, int]]:
    """Shapes [kernel, kernel, channels in, channels out] of a backbone's convolutions, in order."""
    shapes, channels = [], 3
    for step in (step for stage in STAGES[net] for step in stage):
        if isinstance(step, Conv):
            shapes.append((step.kernel, step.kernel, channels, step.filters))
            channels = step.filters
        elif isinstance(step, Fire):
            shapes.append((1, 1, channels, step.squeeze))
            shapes.append((1, 1, step.squeeze, step.expand))
            shapes.append((3, 3, step.squeeze, step.expand))
            channels = 2 * step.expand
    return shapes


def tap_channels(net: str) -> list[int]:
    """Channels of each tap of a backbone."""
    last = [stage[-1] for stage in STAGES[net]]
    return [
        2 * step.expand if isinstance(step, Fire) else step.filters
        for step in last
        if not isinstance(step, MaxPool)
    ]


class Backbone(keras.layers.Layer):
    """A frozen backbone: [B, H, W, 3] -> one feature map per stage, [B, H_i, W_i, C_i].

    Its input is normalised already; its weights are random until they are set.

    Args:
        net: "alex", "squeeze", "vgg" (VGG-16) or "vgg19".
        shift_tolerant: Whether strides of 2 are low-pass filtered; "alex" and "vgg" only.
        stages: How many stages to run; None for all.
        stem_pad: Zeros around the input of a first convolution that has none of its own. 1 makes
            the maps of "squeeze" exact fractions of the image, which its ImageNet weights (0) do
            not need.
        **kwargs: Of `keras.layers.Layer`. The default dtype is float32 whatever the global policy:
            in half precision the norms of features underflow.

    Raises:
        ValueError: there is no such backbone.
    """

    def __init__(
        self,
        net: str = "alex",
        shift_tolerant: bool = False,
        stages: int | None = None,
        stem_pad: int = 0,
        **kwargs: Any,
    ):
        kwargs.setdefault("dtype", "float32")
        kwargs.setdefault("trainable", False)
        super().__init__(**kwargs)
        if net not in STAGES:
            raise ValueError(f"net must be one of {', '.join(STAGES)}; got {net!r}.")
        if shift_tolerant and net not in SHIFT_TOLERANT:
            raise ValueError(
                f"a shift-tolerant net must be one of {', '.join(SHIFT_TOLERANT)}; got {net!r}."
            )
        if stages is not None and not 1 <= stages <= len(STAGES[net]):
            raise ValueError(
                f"stages of {net} must be 1 to {len(STAGES[net])}, or None; got {stages}."
            )
        self.net, self.shift_tolerant, self.stages, self.stem_pad = (
            net,
            shift_tolerant,
            stages,
            stem_pad,
        )
        self._steps = STAGES[net][:stages]
        convolutions = sum(
            {Conv: 1, Fire: 3, MaxPool: 0}[type(step)] for stage in self._steps for step in stage
        )
        self.kernels, self.biases = [], []
        for i, shape in enumerate(kernel_shapes(net)[:convolutions]):
            kernel = self.add_weight(
                name=f"kernel{i}", shape=shape, initializer="he_normal", trainable=False
            )
            self.kernels.append(kernel)
            self.biases.append(
                self.add_weight(
                    name=f"bias{i}", shape=shape[-1:], initializer="zeros", trainable=False
                )
            )

    def call(self, inputs: Any) -> list[Any]:
        """Run the backbone.

        Args:
            inputs: [B, H, W, 3], normalised images.

        Returns:
            The taps, each [B, H_i, W_i, C_i], not negative.
        """
        weights = iter(zip(self.kernels, self.biases, strict=True))
        x, taps = inputs, []
        for stage in self._steps:
            for step in stage:
                if isinstance(step, MaxPool):
                    x = self._pool(x, step)
                elif isinstance(step, Conv):
                    x = self._conv(x, step, *next(weights))
                else:
                    x = _rectified(x, *next(weights))
                    x = ops.concatenate(
                        [_rectified(x, *next(weights)), _rectified(x, *next(weights))], axis=-1
                    )
            taps.append(x)
        return taps

    def _conv(self, x: Any, step: Conv, kernel: Any, bias: Any) -> Any:
        if step.stride == 1:
            return _rectified(x, kernel, bias)
        pad = step.pad or self.stem_pad
        if pad:
            x = ops.pad(x, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
        if self.shift_tolerant:
            return ops.relu(_blurred_conv(x, kernel) + bias)
        return ops.relu(_conv(x, kernel, strides=step.stride, padding="valid") + bias)

    def _pool(self, x: Any, step: MaxPool) -> Any:
        if self.shift_tolerant:
            return _blur(_max_pool(x, step.window, strides=1, padding="valid"))
        if step.ceil:
            # One more row and column let the last partial window in, or are ignored. Zero is as
            # good as minus infinity here, since what is pooled has been rectified.
            x = ops.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]])
        return _max_pool(x, step.window, strides=2, padding="valid")

    def compute_output_spec(self, inputs: Any) -> list[Any]:
        """Channels of the taps; their heights and widths follow from the image."""
        return [
            keras.KerasTensor((inputs.shape[0], None, None, channels), dtype=self.compute_dtype)
            for channels in tap_channels(self.net)[: self.stages]
        ]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return super().get_config() | {
            "net": self.net,
            "shift_tolerant": self.shift_tolerant,
            "stages": self.stages,
            "stem_pad": self.stem_pad,
        }


def _conv(x: Any, kernel: Any, **options: Any) -> Any:
    """Convolution of [B, H, W, C], whatever image format the user's Keras is set to."""
    return ops.conv(x, kernel, data_format="channels_last", **options)


def _max_pool(x: Any, window: int, **options: Any) -> Any:
    """Largest values in windows of [B, H, W, C]; see `_conv`."""
    return ops.max_pool(x, window, data_format="channels_last", **options)


def _rectified(x: Any, kernel: Any, bias: Any) -> Any:
    """Convolution at stride 1 that keeps the size (every such one here is padded by half its kernel)."""
    if kernel.shape[0] in winograd.KERNELS and may_use_host_functions():
        arrays = (ops.convert_to_tensor(each) for each in (kernel, bias))
        return on_host(_rectified_on_host, (*x.shape[:-1], kernel.shape[-1]), x, *arrays)
    if not on_tensorflow():
        return ops.relu(_conv(x, kernel, padding="same") + bias)
    # Its convolutions on a CPU slow down by a third where the kernel overflows the second cache.
    parts = _parts(kernel.shape)
    pairs = zip(ops.split(kernel, parts, axis=-1), ops.split(bias, parts), strict=True)
    found = [_conv(x, part, padding="same") + shift for part, shift in pairs]
    return ops.relu(found[0] if parts == 1 else ops.concatenate(found, axis=-1))


def _rectified_on_host(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return winograd.convolve(x, kernel, bias, winograd.RELU)


def _parts(shape: tuple[int, ...]) -> int:
    """Into how many parts of as many outputs each a kernel is cut, so that none exceeds LARGEST_KERNEL."""
    least = -(-math.prod(shape) // LARGEST_KERNEL)
    return next(parts for parts in range(least, shape[-1] + 1) if shape[-1] % parts == 0)


def _blurred_conv(x: Any, kernel: Any) -> Any:
    """`_blur` of the convolution at stride 1, at a third of its cost and a quarter of its memory.

    Blur and convolution are both linear: away from the edges they are one convolution with the
    blurred kernel at stride 2. The first row of the blur, reflected, equals its second; so do the
    columns. The last ones depend on the parity of the size and are taken from a strip along the
    edge that is blurred in full.
    """
    size = kernel.shape[0]
    blurred = 0.0
    for row, column in ((i, j) for i in range(3) for j in range(3)):
        share = (0.25, 0.5, 0.25)[row] * (0.25, 0.5, 0.25)[column]
        blurred += share * ops.pad(kernel, [[row, 2 - row], [column, 2 - column], [0, 0], [0, 0]])
    inner = _conv(x, blurred, strides=2, padding="valid")
    height, width = ops.shape(x)[1:3]
    bottom = _blur(
        _conv(x[:, height - size - 3 - (height - size + 1) % 2 :], kernel, padding="valid")
    )
    right = _blur(
        _conv(x[:, :, width - size - 3 - (width - size + 1) % 2 :], kernel, padding="valid")
    )
    inner = ops.concatenate([inner[:, :1], inner], axis=1)
    inner = ops.concatenate([inner[:, :, :1], inner, right[:, :-1, -1:]], axis=2)
    return ops.concatenate([inner, bottom[:, -1:]], axis=1)


def _blur(x: Any) -> Any:
    """Low-pass by [1 2 1]/4 along rows and columns at stride 2, on a map reflected by 2 at its edges."""
    x = ops.pad(x, [[0, 0], [2, 2], [2, 2], [0, 0]], mode="reflect")
    x = 0.25 * (x[:, :-2:2] + x[:, 2::2]) + 0.5 * x[:, 1:-1:2]
    return 0.25 * (x[:, :, :-2:2] + x[:, :, 2::2]) + 0.5 * x[:, :, 1:-1:2]

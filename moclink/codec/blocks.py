"""Building blocks of encoder and decoder: residual block, pixel rearrangement, edge padding, cost.

Everything here is local in the picture unless `normalization="group"` is chosen, whose statistics
run over the whole picture.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from moclink import winograd
from moclink.host_functions import may_use_host_functions, on_host
from moclink.keras_device import on_torch
from moclink.matrix_products import convolves_in_bfloat16
from moclink.torch_device import convolve

NORMALIZATIONS = ("none", "rms", "group")


@keras.saving.register_keras_serializable(package="moclink")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`, on PyTorch without copies of [B, H, W, C]; see `torch_device.convolve`.

    Keras files weights under the class's name, which is therefore its own. Maps are [B, H, W, C]
    whatever image format the user's Keras is set to.
    """

    def __init__(self, *args: Any, data_format: str = "channels_last", **kwargs: Any):
        super().__init__(*args, data_format=data_format, **kwargs)

    def call(self, inputs: Any) -> Any:
        """The convolution, its bias and activation."""
        if self.activation is keras.activations.linear and self.on_host():
            return on_host(winograd.convolve, self._host_shape(inputs), inputs, *self.arrays())
        return super().call(inputs)

    def add_to(self, others: Any, inputs: Any) -> Any:
        """Others + the convolution of inputs, in one pass where moclink computes it itself."""
        if self.activation is keras.activations.linear and self.on_host():
            return on_host(_added, self._host_shape(inputs), others, inputs, *self.arrays())
        return others + self(inputs)

    def on_host(self) -> bool:
        """Whether moclink convolves itself here: see `winograd` and `host_functions`."""
        chosen = self.padding, self.strides, self.dilation_rate, self.groups, self.compute_dtype
        return (
            chosen == ("same", (1, 1), (1, 1), 1, "float32")
            and self.kernel_size in ((3, 3), (5, 5))
            and self.use_bias
            and self.data_format == "channels_last"
            and not convolves_in_bfloat16()
            and may_use_host_functions()
        )

    def arrays(self) -> tuple[Any, Any]:
        """Kernel and bias as tensors."""
        return ops.convert_to_tensor(self.kernel), ops.convert_to_tensor(self.bias)

    def _host_shape(self, inputs: Any) -> tuple[int | None, ...]:
        return (*inputs.shape[:-1], self.filters)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution without its bias."""
        if convolves_in_bfloat16():
            halves = (ops.cast(each, "bfloat16") for each in (inputs, kernel))
            return ops.cast(super().convolution_op(*halves), inputs.dtype)
        if not on_torch() or self.data_format != "channels_last":
            return super().convolution_op(inputs, kernel)
        return convolve(
            inputs,
            ops.convert_to_tensor(kernel),
            self.strides,
            self.padding == "same",
            self.dilation_rate,
            self.groups,
        )


def convolution(filters: int, kernel_size: int, **options: Any) -> Conv2D:
    """Convolution of [B, H, W, C] that keeps the size.

    Args:
        filters: Output channels.
        kernel_size: Side of the kernel.
        options: Further arguments of `Conv2D`.
    """
    return Conv2D(filters, kernel_size, padding="same", **options)


def make_normalization(
    kind: str, groups: int, name: str | None = None, dtype: Any = None
) -> keras.layers.Layer:
    """Build the normalisation layer that a block puts before its activation.

    Args:
        kind: "none", "rms" (over the channels of one position: local) or "group" (over the whole
            picture and a group of channels: crops and whole pictures differ).
        groups: Number of channel groups; read only by "group".
        name: Name of the layer.
        dtype: Its dtype or policy; None for Keras's default.

    Raises:
        ValueError: If `kind` is not one of the three.
    """
    if kind == "none":
        return keras.layers.Identity(name=name, dtype=dtype)
    if kind == "rms":
        return keras.layers.RMSNormalization(epsilon=1e-6, name=name, dtype=dtype)
    if kind == "group":
        return keras.layers.GroupNormalization(groups=groups, epsilon=1e-6, name=name, dtype=dtype)
    raise ValueError(f"normalization is {kind!r}; it must be one of {', '.join(NORMALIZATIONS)}")


@keras.saving.register_keras_serializable(package="moclink")
class ResidualBlock(keras.layers.Layer):
    """Pre-activation residual block of constant width: x + f(x).

    f is twice (normalisation, SiLU, 3x3 convolution). Without normalisation the second convolution
    starts small, so that a deep stack starts near the identity.

    Args:
        normalization: "none", "rms" or "group"; see `make_normalization`.
        groups: Channel groups of "group".

    Call Args:
        inputs: float [B, H, W, C].
        condition: Scale and shift, float [B, 1, 1, C] each: x + (1 + scale) f(x) + shift; None for
            neither.

    Returns:
        float [B, H, W, C].
    """

    def __init__(self, normalization: str = "none", groups: int = 32, **kwargs: Any):
        super().__init__(**kwargs)
        self.normalization = normalization
        self.groups = groups
        self.norms = [
            make_normalization(normalization, groups, f"norm_{i}", self.dtype_policy)
            for i in range(2)
        ]
        self.convs: list[Conv2D] = []

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the convolutions, as wide as the input."""
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(f"the input shape {input_shape} must name its channels")
        last = "glorot_uniform"
        if self.normalization == "none":
            last = keras.initializers.VarianceScaling(0.01, "fan_in", "uniform")
        self.convs = [
            convolution(channels, 3, dtype=self.dtype_policy, name="conv_0"),
            convolution(
                channels, 3, kernel_initializer=last, dtype=self.dtype_policy, name="conv_1"
            ),
        ]
        for layer in (*self.norms, *self.convs):
            layer.build(input_shape)

    def call(self, inputs: Any, condition: tuple[Any, Any] | None = None) -> Any:
        """Apply the block."""
        first, last = self.convs
        if self.normalization == "none" and condition is None and last.on_host():
            arrays = *first.arrays(), *last.arrays()
            return on_host(_residual_block, inputs.shape, inputs, *arrays)
        x = inputs
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = conv(ops.silu(norm(x)))
        if condition is not None:
            scale, shift = condition
            x = (1.0 + scale) * x + shift
        return inputs + x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape does not change."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "normalization": self.normalization, "groups": self.groups}


def _added(others: Any, inputs: Any, kernel: Any, bias: Any) -> Any:
    """`Conv2D.add_to` of NumPy arrays."""
    return winograd.convolve(inputs, kernel, bias, added=others)


def _residual_block(inputs: Any, kernel: Any, bias: Any, last_kernel: Any, last_bias: Any) -> Any:
    """`ResidualBlock` without normalisation, of NumPy arrays."""
    x = winograd.convolve(winograd.silu(inputs), kernel, bias, winograd.SILU)
    return winograd.convolve(x, last_kernel, last_bias, added=inputs)


def space_to_depth(images: Any, size: int) -> Any:
    """Rearrange [B, H, W, C] into [B, H/size, W/size, size*size*C]; H and W are multiples of size."""
    batch, height, width, channels = ops.shape(images)
    x = ops.reshape(images, (batch, height // size, size, width // size, size, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (batch, height // size, width // size, size * size * channels))


def depth_to_space(features: Any, size: int) -> Any:
    """Invert `space_to_depth`: [B, h, w, size*size*C] into [B, h*size, w*size, C]."""
    batch, height, width, channels = ops.shape(features)
    channels = channels // (size * size)
    x = ops.reshape(features, (batch, height, width, size, size, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (batch, height * size, width * size, channels))


def pad_to_multiple(images: Any, multiple: int) -> Any:
    """Extend [B, H, W, C] at the bottom and the right to multiples, repeating the last row and column."""
    x = images
    for axis in (1, 2):
        length = ops.shape(x)[axis]
        padded = -(-length // multiple) * multiple
        if isinstance(length, int) and length == padded:
            continue
        # A clipped gather repeats the edge and works for sizes known only at run time.
        x = ops.take(x, ops.minimum(ops.arange(padded, dtype="int32"), length - 1), axis=axis)
    return x


def kernel_macs(*layers: keras.layers.Layer) -> int:
    """Multiply-accumulates at one position: the kernel sizes of all convolutions and dense layers inside."""
    weights = (weight for layer in layers for weight in layer.weights)
    return sum(math.prod(weight.shape) for weight in weights if weight.name == "kernel")


def macs_per_pixel(*layers: Any) -> float:
    """Multiply-accumulates for each pixel of the picture, summed over built layers.

    Convolutions, dense layers, attention products and the nearest-vector search count; element-wise
    work does not. Each layer brings its own `macs_per_pixel()`.
    """
    return float(sum(layer.macs_per_pixel() for layer in layers))

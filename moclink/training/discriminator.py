"""A U-Net discriminator with spectral normalisation: one logit for each pixel.

    image -> 3x3 -> (4x4, stride 2) x 3 -> (x2, 3x3, + skip) x 3 -> 3x3, 3x3 -> logit per pixel

A logit per pixel tells the generator where a picture looks wrong, at the detail of the pixel and,
by the way down and up again, with the sight of a larger surrounding.

Reference: Schoenfeld et al., "A U-Net Based Discriminator for Generative Adversarial Networks",
CVPR 2020; Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="moclink")
class SpectralConv(keras.layers.Layer):
    """Convolution whose kernel, as a matrix [kh*kw*C_in, C_out], is divided by its largest singular value.

    The singular value is estimated by one power iteration a training step; the vector that is
    iterated is a weight, so that training resumes exactly. Gradients do not pass through
    the vectors.

    Args:
        filters: Output channels.
        kernel_size: Side of the kernel.
        strides: Step of the kernel.

    Call Args:
        inputs: float [B, H, W, C].
        training: Whether to advance the power iteration.

    Returns:
        float [B, ceil(H/strides), ceil(W/strides), filters].
    """

    def __init__(self, filters: int, kernel_size: int = 3, strides: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides = filters, kernel_size, strides

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create kernel, bias and the vector of the power iteration."""
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="he_normal")
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.vector = self.add_weight(
            name="vector", shape=(self.filters,), initializer="random_normal", trainable=False
        )

    def _sigma(self, training: bool) -> Any:
        """Estimate the largest singular value of the kernel."""
        matrix = ops.reshape(ops.cast(self.kernel, "float32"), (-1, self.filters))
        fixed = ops.stop_gradient(matrix)
        right = ops.cast(ops.convert_to_tensor(self.vector), "float32")
        left = ops.sum(fixed * right, axis=1)
        left = left / (ops.norm(left) + 1e-12)
        right = ops.sum(fixed * left[:, None], axis=0)
        right = right / (ops.norm(right) + 1e-12)
        if training:
            self.vector.assign(right)
        return ops.sum(left[:, None] * matrix * right)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Convolve with the normalised kernel."""
        kernel = ops.cast(self.kernel / (self._sigma(training) + 1e-12), inputs.dtype)
        out = ops.conv(inputs, kernel, self.strides, "same", data_format="channels_last")
        return out + ops.cast(self.bias, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the output."""
        rows, columns = (None if s is None else -(-s // self.strides) for s in input_shape[1:3])
        return (input_shape[0], rows, columns, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        sizes = {"filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides}
        return {**super().get_config(), **sizes}


@keras.saving.register_keras_serializable(package="moclink")
class Discriminator(keras.layers.Layer):
    """Real or decoded? One logit for each pixel of [B, H, W, 3], H and W multiples of 8.

    Args:
        width: Channels at full resolution; doubled at each of three halvings.

    Call Args:
        images: float [B, H, W, 3] in [0, 1].
        training: Whether to advance the power iterations.

    Returns:
        Logits, float [B, H, W, 1].
    """

    def __init__(self, width: int = 64, **kwargs: Any):
        super().__init__(**kwargs)
        if width < 1:
            raise ValueError(f"width must be at least 1, got {width}")
        self.width = width
        self.stem = SpectralConv(width, 3, name="stem")
        self.downs = [SpectralConv(width * 2**i, 4, 2, name=f"down_{i}") for i in (1, 2, 3)]
        self.ups = [SpectralConv(width * 2**i, 3, name=f"up_{i}") for i in (2, 1, 0)]
        self.mix = SpectralConv(width, 3, name="mix")
        self.head = SpectralConv(1, 3, name="head")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build every convolution; the picture size does not matter."""
        width = self.width
        self.stem.build((None, None, None, input_shape[-1]))
        for i, down in enumerate(self.downs):
            down.build((None, None, None, width * 2**i))
        for i, up in zip((3, 2, 1), self.ups, strict=True):
            up.build((None, None, None, width * 2**i))
        self.mix.build((None, None, None, width))
        self.head.build((None, None, None, width))

    def call(self, images: Any, training: bool = False) -> Any:
        """Judge every pixel."""
        x = ops.leaky_relu(self.stem(2.0 * images - 1.0, training=training), 0.2)
        skips = []
        for down in self.downs:
            skips.append(x)
            x = ops.leaky_relu(down(x, training=training), 0.2)
        for up in self.ups:
            x = ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)
            x = ops.leaky_relu(up(x, training=training), 0.2) + skips.pop()
        return self.head(ops.leaky_relu(self.mix(x, training=training), 0.2), training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the logits."""
        return (*input_shape[:-1], 1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "width": self.width}

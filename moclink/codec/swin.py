"""Swin Transformer layers for feature maps of any size: windows, shifts, masks, relative positions.

No size is baked into a weight. A map is padded at the bottom and the right to whole windows, every
second layer shifts its windows by half their side, and a label on each position says which others
it may attend to: those of the same region of the shifted map, and never padding.

Reference: Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
ICCV 2021.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from moclink.codec.swin_windows import SwinWeights, swin_layer
from moclink.host_functions import may_use_host_functions, on_host


def partition_windows(features: Any, window: int) -> Any:
    """Cut [B, H, W, C] into windows [B*H/window*W/window, window*window, C], row by row."""
    batch, height, width, channels = ops.shape(features)
    x = ops.reshape(features, (batch, height // window, window, width // window, window, channels))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, window * window, channels))


def merge_windows(windows: Any, window: int, height: Any, width: Any) -> Any:
    """Invert `partition_windows` for maps of height x width."""
    channels = windows.shape[-1]
    x = ops.reshape(windows, (-1, height // window, width // window, window, window, channels))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height, width, channels))


def _axis_labels(length: Any, padded: Any, window: int, shift: int) -> Any:
    """Region of each position of one axis after the shift: 0, 1 or 2, or 3 for padding; int32 [padded]."""
    i = ops.arange(padded, dtype="int32")
    region = ops.cast(i >= padded - window, "int32") + ops.cast(i >= padded - shift, "int32")
    source = (i + shift) % padded
    return ops.where(source < length, region if shift else ops.zeros_like(i), 3)


def region_labels(height: Any, width: Any, window: int, shift: int) -> Any:
    """Labels that attention compares: equal label means that two positions may see each other.

    Args:
        height: Rows of the map before padding.
        width: Columns of the map before padding.
        window: Side of a window.
        shift: By how much the map is rolled up and left; 0 for none.

    Returns:
        int32 [windows, window*window].
    """
    rows, columns = (-(-size // window) * window for size in (height, width))
    down = _axis_labels(height, rows, window, shift)
    across = _axis_labels(width, columns, window, shift)
    labels = 4 * down[:, None] + across[None, :]
    return partition_windows(labels[None, :, :, None], window)[:, :, 0]


def relative_positions(window: int) -> np.ndarray:
    """Row of the bias table for each pair of positions in a window: int32 [window**2, window**2]."""
    row, column = (axis.reshape(-1) for axis in np.mgrid[:window, :window])
    down = row[:, None] - row[None, :] + window - 1
    across = column[:, None] - column[None, :] + window - 1
    return (down * (2 * window - 1) + across).astype(np.int32)


@keras.saving.register_keras_serializable(package="moclink")
class WindowAttention(keras.layers.Layer):
    """Multi-head self-attention inside windows, with a learned bias for each relative position.

    Args:
        heads: Number of heads; must divide the channels.
        window: Side of a window.

    Call Args:
        windows: float [K, window*window, C].
        labels: int32 [k, window*window] with K a multiple of k; positions of unlike label do not
            see each other.

    Returns:
        float [K, window*window, C].

    Raises:
        ValueError: If `heads` does not divide the channels.
    """

    def __init__(self, heads: int, window: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.heads = heads
        self.window = window

    def build(self, windows_shape: tuple[int | None, ...], labels_shape: Any = None) -> None:
        """Create the projections and the table of biases."""
        channels = windows_shape[-1]
        if channels is None or channels % self.heads:
            raise ValueError(f"heads is {self.heads}; it must divide the {channels} channels")
        self.qkv = keras.layers.Dense(3 * channels, dtype=self.dtype_policy, name="qkv")
        self.projection = keras.layers.Dense(channels, dtype=self.dtype_policy, name="projection")
        self.qkv.build((None, None, channels))
        self.projection.build((None, None, channels))
        self.bias_table = self.add_weight(
            name="bias_table",
            shape=((2 * self.window - 1) ** 2, self.heads),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        )

    def call(self, windows: Any, labels: Any) -> Any:
        """Attend within each window."""
        count, tokens, channels = ops.shape(windows)
        width = channels // self.heads
        qkv = ops.reshape(self.qkv(windows), (count, tokens, 3, self.heads, width))
        q, k, v = ops.unstack(ops.transpose(qkv, (2, 0, 3, 1, 4)), 3, axis=0)
        scores = ops.matmul(q * width**-0.5, ops.transpose(k, (0, 1, 3, 2)))
        bias = ops.take(self.bias_table, relative_positions(self.window), axis=0)
        scores = scores + ops.cast(ops.transpose(bias, (2, 0, 1)), scores.dtype)
        # -1e4 stands for minus infinity within the range of float16 and without NaN.
        mask = ops.where(labels[:, :, None] == labels[:, None, :], 0.0, -1e4)
        kinds = ops.shape(labels)[0]
        scores = ops.reshape(scores, (-1, kinds, self.heads, tokens, tokens))
        scores = scores + ops.cast(mask, scores.dtype)[None, :, None]
        weights = ops.softmax(ops.reshape(scores, (count, self.heads, tokens, tokens)), axis=-1)
        mixed = ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3))
        return self.projection(ops.reshape(mixed, (count, tokens, channels)))

    def compute_output_shape(
        self, windows_shape: tuple[int | None, ...], labels_shape: Any = None
    ) -> tuple[int | None, ...]:
        """The shape does not change."""
        return tuple(windows_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "heads": self.heads, "window": self.window}


@keras.saving.register_keras_serializable(package="moclink")
class SwinLayer(keras.layers.Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)), in windows that may be shifted.

    Args:
        heads: Attention heads.
        window: Side of a window.
        shift: Shift of the windows in positions, 0 to window - 1.
        mlp_ratio: Hidden width of the MLP over the channels.

    Call Args:
        features: float [B, H, W, C], any H and W.

    Returns:
        float [B, H, W, C].

    Raises:
        ValueError: If `shift` is outside 0..window - 1.
    """

    def __init__(
        self, heads: int, window: int = 8, shift: int = 0, mlp_ratio: float = 4.0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        if not 0 <= shift < window:
            raise ValueError(
                f"shift is {shift}; it must be 0 to {window - 1} for a window of {window}"
            )
        self.heads = heads
        self.window = window
        self.shift = shift
        self.mlp_ratio = mlp_ratio

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create norms, attention and MLP."""
        channels, policy = input_shape[-1], self.dtype_policy
        if channels is None:
            raise ValueError(f"the input shape {input_shape} must name its channels")
        hidden = int(channels * self.mlp_ratio)
        self.norms = [
            keras.layers.LayerNormalization(epsilon=1e-5, dtype=policy, name=f"norm_{i}")
            for i in (0, 1)
        ]
        self.attention = WindowAttention(self.heads, self.window, dtype=policy, name="attention")
        self.expand = keras.layers.Dense(hidden, dtype=policy, name="expand")
        self.contract = keras.layers.Dense(channels, dtype=policy, name="contract")
        for layer in (*self.norms, self.attention, self.expand):
            layer.build((None, None, channels))
        self.contract.build((None, None, hidden))

    def call(self, features: Any) -> Any:
        """Apply the layer."""
        if self.compute_dtype == "float32" and may_use_host_functions():
            function = partial(_host_layer, self.window, self.shift)
            return on_host(function, features.shape, features, *self._arrays())
        height, width = ops.shape(features)[1:3]
        rows, columns = (-(-size // self.window) * self.window for size in (height, width))
        x = ops.pad(
            self.norms[0](features), ((0, 0), (0, rows - height), (0, columns - width), (0, 0))
        )
        x = ops.roll(x, (-self.shift, -self.shift), axis=(1, 2)) if self.shift else x
        labels = region_labels(height, width, self.window, self.shift)
        x = self.attention(partition_windows(x, self.window), labels)
        x = merge_windows(x, self.window, rows, columns)
        x = ops.roll(x, (self.shift, self.shift), axis=(1, 2)) if self.shift else x
        x = features + x[:, :height, :width]
        return x + self.contract(ops.gelu(self.expand(self.norms[1](x)), approximate=True))

    def _arrays(self) -> list[Any]:
        """Tensors of all weights, in the order in which `_host_layer` wants them."""
        positions = ops.take(self.attention.bias_table, relative_positions(self.window), axis=0)
        dense = (self.attention.qkv, self.attention.projection, self.expand, self.contract)
        parts = [(norm.gamma, norm.beta) for norm in self.norms]
        parts += [(each.kernel, each.bias) for each in dense]
        flat = [ops.convert_to_tensor(weight) for part in parts for weight in part]
        return [ops.transpose(positions, (2, 0, 1)), *flat]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape does not change."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "heads": self.heads,
            "window": self.window,
            "shift": self.shift,
            "mlp_ratio": self.mlp_ratio,
        }


def _host_layer(
    window: int, shift: int, features: np.ndarray, positions: np.ndarray, *others: np.ndarray
) -> np.ndarray:
    """`SwinLayer` of NumPy arrays."""
    norms, (qkv, qkv_bias), rest = others[:4], others[4:6], others[6:]
    gamma, beta = np.stack(norms[::2]), np.stack(norms[1::2])
    weights = SwinWeights(gamma, beta, qkv, qkv_bias, positions, *rest)
    return swin_layer(features, weights, window, shift)

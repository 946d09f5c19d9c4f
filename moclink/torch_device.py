"""What Keras on PyTorch lacks: convolutions without copies, and results that stay on the device.

Between the steps of a codec arrays are NumPy's, but on PyTorch they are tensors: to copy a map of
latents from a GPU and back takes longer than to compute it. Of a decoder's 71 ms on an H200 (eight
pictures of a megapixel) 61 were the copy of the pictures to new memory of the host.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def without_gradients() -> contextlib.AbstractContextManager[None]:
    """Where PyTorch keeps nothing for gradients."""
    import torch

    return torch.no_grad()


def to_numpy(values: Any) -> NDArray[Any]:
    """A result as an array of NumPy that may be written to.

    From a GPU it comes through memory that cannot be paged, which the driver writes to directly, and
    which PyTorch uses again once the array is gone.
    """
    if isinstance(values, np.ndarray):
        return values if values.flags.writeable else values.copy()
    import torch

    if values.device.type == "cpu":
        return values.detach().numpy()
    host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    return host.copy_(values.detach()).numpy()


def join(parts: Sequence[Any], axis: int = 0) -> Any:
    """Concatenate arrays or tensors."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts, axis=axis)
    import torch

    return torch.cat(list(parts), dim=axis)


def convolve(
    inputs: Any,
    kernel: Any,
    strides: Sequence[int],
    same: bool,
    dilation: Sequence[int],
    groups: int,
) -> Any:
    """Convolution of [B, H, W, C] by a kernel [h, w, C / groups, C'], without copies of the map.

    Keras copies each map to [B, C, H, W] and back. A view of [B, H, W, C] in that order is already
    what PyTorch calls the memory format `channels_last`, in which its convolutions compute.

    Args:
        inputs: Tensor [B, H, W, C].
        kernel: Tensor [h, w, C / groups, C'].
        strides: Of rows and columns.
        same: Whether the map is padded to ceil(length / stride), what is odd at the bottom and the
            right, as Keras does for "same"; if not, it is not padded.
        dilation: Of rows and columns.
        groups: Groups of channels.

    Returns:
        Tensor [B, H', W', C'].
    """
    import torch

    x, padding = inputs.permute(0, 3, 1, 2), [0, 0]
    if same:
        pads = [
            max((-(-length // stride) - 1) * stride + space * (size - 1) + 1 - length, 0)
            for length, stride, size, space in zip(
                x.shape[2:], strides, kernel.shape[:2], dilation, strict=True
            )
        ]
        padding = [pad // 2 for pad in pads]
        if any(pad % 2 for pad in pads):
            (top, left), (high, wide) = padding, pads
            x = torch.nn.functional.pad(x, (left, wide - left, top, high - top))
            padding = [0, 0]
    weight = kernel.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    found = torch.nn.functional.conv2d(x, weight, None, strides, padding, dilation, groups)
    return found.permute(0, 2, 3, 1)

"""In which precision networks multiply matrices: float32, TF32 or bfloat16.

A GPU multiplies matrices of TF32 (10 bits of mantissa) and of bfloat16 (7 bits) many times faster
than of float32, some processors those of bfloat16. Weights, sums and what lies between products stay
in float32 with TF32; under bfloat16 PyTorch's autocast decides what is computed in it, and on
TensorFlow convolutions are (`moclink.codec.blocks.Conv2D`) and nothing else. What either does to PSNR
is in docs/engines.md.

MOCLINK_PRODUCTS names the precision of the learned codecs; without it TF32 is taken on a GPU of
PyTorch, and float32 elsewhere. JAX is left as it is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar

from moclink.keras_device import on_tensorflow, on_torch, on_torch_gpu

KINDS = ("float32", "tf32", "bfloat16")
VARIABLE = "MOCLINK_PRODUCTS"
# Whether a graph of TensorFlow that is traced here convolves in bfloat16.
_CONVOLVES_IN_BFLOAT16 = ContextVar("convolves_in_bfloat16", default=False)


def asked_products() -> str | None:
    """What MOCLINK_PRODUCTS names, or None.

    Raises:
        ValueError: If there is no such precision.
    """
    asked = os.environ.get(VARIABLE) or None
    if asked not in (None, *KINDS):
        raise ValueError(f"{VARIABLE} is {asked!r}; there are: {', '.join(KINDS)}")
    return asked


def codec_products(coarse: bool = False) -> contextlib.AbstractContextManager[None]:
    """Where the products of a learned codec have the precision that is chosen for them.

    Args:
        coarse: Whether they may be in bfloat16; if not, TF32 is taken instead.

    Raises:
        ValueError: If MOCLINK_PRODUCTS names no precision.
    """
    kind = asked_products()
    if not on_torch():
        return _convolutions_in_bfloat16(kind == "bfloat16" and coarse and on_tensorflow())
    if kind is None:
        kind = "tf32" if on_torch_gpu() else "float32"
    return products("tf32" if kind == "bfloat16" and not coarse else kind)


def convolves_in_bfloat16() -> bool:
    """Whether convolutions here are to be in bfloat16; on PyTorch autocast does it instead."""
    return _CONVOLVES_IN_BFLOAT16.get()


@contextlib.contextmanager
def _convolutions_in_bfloat16(chosen: bool) -> Iterator[None]:
    token = _CONVOLVES_IN_BFLOAT16.set(chosen)
    try:
        yield
    finally:
        _CONVOLVES_IN_BFLOAT16.reset(token)


def float32_products() -> contextlib.AbstractContextManager[None]:
    """Where products are in float32, whatever PyTorch is set to, as metrics want them."""
    return products("float32") if on_torch() else contextlib.nullcontext()


@contextlib.contextmanager
def products(kind: str) -> Iterator[None]:
    """Products of float32 matrices on PyTorch in one of `KINDS`, and afterwards as they were.

    TF32 is known to GPUs alone; elsewhere float32 stays.
    """
    import torch

    on_gpu = on_torch_gpu()
    convolutions = torch.backends.cudnn
    before = torch.get_float32_matmul_precision(), convolutions.allow_tf32
    torch.set_float32_matmul_precision("high" if kind == "tf32" and on_gpu else "highest")
    convolutions.allow_tf32 = kind == "tf32"
    try:
        device = "cuda" if on_gpu else "cpu"
        with torch.autocast(device, torch.bfloat16, enabled=kind == "bfloat16"):
            yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        convolutions.allow_tf32 = before[1]

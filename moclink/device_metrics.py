"""PSNR, SSIM and MS-SSIM of `moclink.metrics` on a PyTorch device, in float64.

Definitions, arguments and errors are those of the functions of the same names there; sums are taken in
another order, so figures agree to about 1e-12. A processor is faster with those.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from moclink.metrics import MS_SSIM_SIZE, check_size, checked_pair
from moclink.structural_similarity import (
    MS_SSIM_WEIGHTS,
    SSIM_K1,
    SSIM_K2,
    SSIM_WINDOW,
    in_decibels,
    window,
)

Tensor = Any  # of PyTorch


def functions(device: str | torch.device = "cuda") -> dict[str, Callable[..., np.ndarray]]:
    """The metrics by the names that sweeps know them by, each called as (images, reference)."""
    ms = partial(ms_ssim, device=device)
    return {
        "psnr": partial(psnr, device=device),
        "ssim": partial(ssim, device=device),
        "ms-ssim": ms,
        "ms-ssim-db": lambda images, reference: in_decibels(ms(images, reference)),
    }


def psnr(images: np.ndarray, reference: np.ndarray, device: str | torch.device) -> np.ndarray:
    """See `moclink.metrics.psnr`."""
    mse = _each(images, reference, device, lambda x, y: (x - y).square().mean())
    with np.errstate(divide="ignore"):
        return -10.0 * np.log10(mse)


def ssim(images: np.ndarray, reference: np.ndarray, device: str | torch.device) -> np.ndarray:
    """See `moclink.metrics.ssim`."""
    check_size("SSIM", checked_pair(images, reference)[0], SSIM_WINDOW, "its window")
    return _each(images, reference, device, lambda x, y: mean_similarities(x, y)[0].mean())


def ms_ssim(images: np.ndarray, reference: np.ndarray, device: str | torch.device) -> np.ndarray:
    """See `moclink.metrics.ms_ssim`."""
    checked = checked_pair(images, reference)[0]
    check_size("MS-SSIM", checked, MS_SSIM_SIZE, "its window at the coarsest of five scales")

    def one(x: Tensor, y: Tensor) -> Tensor:
        product, last = x.new_ones(len(x)), len(MS_SSIM_WEIGHTS) - 1
        for scale, exponent in enumerate(MS_SSIM_WEIGHTS):
            similarity, structure = mean_similarities(x, y)
            term = similarity if scale == last else structure
            product = product * term.clamp(min=0.0) ** exponent
            x, y = halved(x), halved(y)
        return product.mean()

    return _each(images, reference, device, one)


def halved(x: Tensor) -> Tensor:
    """Channels [C, H, W] averaged over 2 x 2 pixels; an odd last row or column is repeated."""
    height, width = x.shape[1:]
    x = torch.cat([x, x[:, -1:]], 1) if height % 2 else x
    x = torch.cat([x, x[:, :, -1:]], 2) if width % 2 else x
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def mean_similarities(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Means of SSIM and of its contrast-structure term of channels [C, H, W], float64 [C] each.

    Local means are under the window where it lies inside.
    """
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    maps = torch.stack([x, y, x * x, y * y, x * y])
    mean_x, mean_y, xx, yy, xy = _filtered(_filtered(maps, 2), 3)
    product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    structure = (2 * (xy - product) + c2) / (xx + yy - squares + c2)
    similarity = (2 * product + c1) / (squares + c1) * structure
    return similarity.mean((1, 2)), structure.mean((1, 2))


def _filtered(maps: Tensor, axis: int) -> Tensor:
    """The window's means along an axis, where it lies inside; always added up in the same order."""
    length = maps.shape[axis] - SSIM_WINDOW + 1
    total = None
    for place, weight in enumerate(window().tolist()):
        part = maps.narrow(axis, place, length)
        total = part * weight if total is None else total.add_(part, alpha=weight)
    return total


@torch.no_grad()
def _each(
    images: np.ndarray,
    reference: np.ndarray,
    device: str | torch.device,
    measure: Callable[[Tensor, Tensor], Tensor],
) -> np.ndarray:
    """A measure of each image and its reference, [C, H, W] in float64 on the device: float64 [B]."""
    images, reference = checked_pair(images, reference)

    def sent(image: np.ndarray) -> Tensor:
        there = torch.from_numpy(np.ascontiguousarray(image)).to(device)
        return there.permute(2, 0, 1).to(torch.float64).contiguous()

    originals = [sent(image) for image in reference] if len(reference) == 1 else None
    values = [
        measure(sent(image), originals[0] if originals else sent(reference[b]))
        for b, image in enumerate(images)
    ]
    return np.array([float(value) for value in values])

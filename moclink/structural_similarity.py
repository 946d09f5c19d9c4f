"""Structural similarity of single channels: what `moclink.metrics` makes SSIM and MS-SSIM of."""

from __future__ import annotations

import numpy as np

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
SSIM_K1 = 0.01
SSIM_K2 = 0.03
# Exponents of the scales, from the finest to the coarsest (Wang et al. 2003, section 3.2).
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def pyramid(x: np.ndarray) -> list[np.ndarray]:
    """A channel [H, W] at the five scales of MS-SSIM, from the finest to the coarsest."""
    scales = [x]
    for _ in MS_SSIM_WEIGHTS[1:]:
        height, width = x.shape
        x = np.pad(x, ((0, height % 2), (0, width % 2)), mode="edge")
        x = (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4
        scales.append(x)
    return scales


def moments(y: np.ndarray) -> tuple[np.ndarray, ...]:
    """A channel [H, W] with its local means of y and y^2, for `mean_similarity`."""
    return (y, *local_means(y, y * y))


def mean_similarity(
    x: np.ndarray, y: np.ndarray, mean_y: np.ndarray, mean_yy: np.ndarray
) -> tuple[float, float]:
    """Means of SSIM and of its contrast-structure term, of the channel x [H, W] against y."""
    mean_x, mean_xx, mean_xy = local_means(x, x * x, x * y)
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    product = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    luminance = (2 * product + c1) / (squares + c1)
    structure = (2 * (mean_xy - product) + c2) / (mean_xx + mean_yy - squares + c2)
    contrast_structure = float(structure.mean())
    return float(np.multiply(luminance, structure, out=luminance).mean()), contrast_structure


def local_means(*maps: np.ndarray) -> tuple[np.ndarray, ...]:
    """Gaussian local means of maps [H, W], each [H - 10, W - 10].

    Not matrix products: their last bits depend on the number of threads that the BLAS takes.
    """
    from scipy.ndimage import correlate1d

    inside = slice(SSIM_WINDOW // 2, -(SSIM_WINDOW // 2))
    return tuple(
        correlate1d(
            correlate1d(x, _window(), axis=0, mode="constant"), _window(), axis=1, mode="constant"
        )[inside, inside]
        for x in maps
    )


def _window() -> np.ndarray:
    """The gaussian window [11], of sum 1."""
    window = np.exp(-0.5 * ((np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2) / SSIM_SIGMA) ** 2)
    return window / window.sum()

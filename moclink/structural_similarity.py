"""Structural similarity of single channels, for SSIM and MS-SSIM of `moclink.metrics`."""

from __future__ import annotations

import numpy as np

from moclink.numba_cache import compiled, inlined

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
SSIM_K1 = 0.01
SSIM_K2 = 0.03
LANES = 112  # positions of a row that are filtered side by side, and rows of them: see `_sums`
ROWS = 32
WIDTH = LANES + 16  # of what they see: the window reaches 10 further
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


def mean_similarity(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Means of SSIM and of its contrast-structure term, of the channels x and y [H, W].

    Local means are under the window where it lies inside, in float64. One pass over the picture:
    twenty times as fast as SciPy's filters of five maps, and the same whatever threads there are.
    """
    weights = tuple(float(weight) for weight in window()[: SSIM_WINDOW // 2 + 1])
    similarity, structure = _sums(x, y, weights)
    count = (x.shape[0] - SSIM_WINDOW + 1) * (x.shape[1] - SSIM_WINDOW + 1)
    return float(similarity.sum() / count), float(structure.sum() / count)


def in_decibels(similarity: np.ndarray) -> np.ndarray:
    """-10 log10(1 - s) of figures s that are 1 for identical images, `inf` there."""
    # Rounding puts MS-SSIM of identical images up to 1e-15 off 1.
    distance = 1.0 - similarity
    with np.errstate(divide="ignore"):
        return -10.0 * np.log10(np.where(distance < 1e-14, 0.0, distance))


@inlined
def _filtered(values: np.ndarray, place: int, step: int, weights: tuple) -> float:
    """The window's mean of 11 values, `step` apart; weights are the first six, its other half the same."""
    return (
        weights[5] * values[place + 5 * step]
        + weights[4] * (values[place + 4 * step] + values[place + 6 * step])
        + weights[3] * (values[place + 3 * step] + values[place + 7 * step])
        + weights[2] * (values[place + 2 * step] + values[place + 8 * step])
        + weights[1] * (values[place + step] + values[place + 9 * step])
        + weights[0] * (values[place] + values[place + 10 * step])
    )


@inlined
def _maps(x: np.ndarray, y: np.ndarray, maps: np.ndarray) -> None:
    """The four maps that are filtered, of one row of x and y: x, y, x^2 + y^2 and x y."""
    for i in range(x.size):
        a, b = np.float64(x[i]), np.float64(y[i])
        maps[i] = a
        maps[WIDTH + i] = b
        maps[2 * WIDTH + i] = a * a + b * b
        maps[3 * WIDTH + i] = a * b


@inlined
def _add_similarities(down: np.ndarray, weights: tuple, sums: np.ndarray) -> None:
    """Filter maps [4 * WIDTH] along the row, and add SSIM and its other term to sums [2 * LANES]."""
    for i in range(LANES):
        a = _filtered(down, i, 1, weights)
        b = _filtered(down, WIDTH + i, 1, weights)
        both = _filtered(down, 2 * WIDTH + i, 1, weights)
        product, squares = a * b, a * a + b * b
        covariance = _filtered(down, 3 * WIDTH + i, 1, weights) - product
        term = (2 * covariance + SSIM_K2**2) / (both - squares + SSIM_K2**2)
        sums[LANES + i] += term
        sums[i] += (2 * product + SSIM_K1**2) / (squares + SSIM_K1**2) * term


@compiled(nogil=True, error_model="numpy", fastmath={"contract"})
def _sums(x: np.ndarray, y: np.ndarray, weights: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Sums over rows of SSIM and of its contrast-structure term, by column.

    The picture is worked through in columns of LANES positions and there ROWS at a time, so that
    what is filtered stays in the caches, in one flat array: the compiler then knows the distances
    and filters several positions at once.
    """
    height, width = x.shape
    rows, columns = height - SSIM_WINDOW + 1, width - SSIM_WINDOW + 1
    similarity, structure = np.empty(columns), np.empty(columns)
    size = 4 * WIDTH
    maps, down = np.zeros((ROWS + SSIM_WINDOW - 1) * size), np.zeros(size)
    for left in range(0, columns, LANES):
        count = min(LANES, columns - left)
        right = left + count + SSIM_WINDOW - 1
        sums = np.zeros(2 * LANES)
        for top in range(0, rows, ROWS):
            bottom = min(top + ROWS, rows)
            for row in range(top, bottom + SSIM_WINDOW - 1):
                place = (row - top) * size
                _maps(x[row, left:right], y[row, left:right], maps[place : place + size])
            for row in range(bottom - top):
                seen = maps[row * size : (row + SSIM_WINDOW) * size]
                for i in range(size):
                    down[i] = _filtered(seen, i, size, weights)
                _add_similarities(down, weights, sums)
        similarity[left : left + count] = sums[:count]
        structure[left : left + count] = sums[LANES : LANES + count]
    return similarity, structure


def window() -> np.ndarray:
    """The gaussian window [11], of sum 1."""
    weights = np.exp(-0.5 * ((np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2) / SSIM_SIGMA) ** 2)
    return weights / weights.sum()

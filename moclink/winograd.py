"""Convolutions of 3x3 and 5x5 with a quarter of the products, for NumPy arrays, compiled for the CPU.

    Y = A^T [ sum over channels of (G g G^T) * (B^T d B) ] A

Tiles d of 6x6 inputs give Y of 4x4 outputs (3x3 kernels; 2x2 outputs of 5x5 kernels) by 36 products
for each pair of channels, where the definition takes 144 (100). All positions of a tile are
polynomials' values at the points 0, +-sqrt(1/2), +-sqrt(2) and infinity, of which these give the
least rounding: twice that of a plain convolution in float32, half that of the points 0, +-1, +-2.

The 36 products are products of matrices, of 32 tiles each, by SciPy's BLAS. They are below the size
(10^6 multiplications) up to which OpenBLAS neither copies the factors nor starts threads; at once
the tiles stay in the second cache.

Reference: Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy.typing import NDArray

from moclink.elementary import silu as _silu
from moclink.numba_cache import compiled, inlined

SIDE = 6  # of a tile of inputs
KERNELS = (3, 5)
TILES = 32  # that are multiplied at a time
WIDEST = 64  # outputs that are multiplied at a time
NONE, SILU, RELU = range(3)
_NOTHING = np.zeros((0, 0, 0), np.float32)
_A2, _B2 = np.float32(0.5), np.float32(2.0)  # squares of the points a and b
_A, _B = np.sqrt(_A2), np.sqrt(_B2)
_A3, _B3 = _A * _A2, _B * _B2
_SUM = _A2 + _B2
_ZERO = np.float32(0)


def convolve(
    x: NDArray[np.float32],
    kernel: NDArray[np.float32],
    bias: NDArray[np.float32],
    activation: int = NONE,
    added: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """activation(x * kernel + bias) + added, with zeros around x, so that the size stays.

    Threads share the tiles, as many as Numba is set to; the result is the same for any number.

    Args:
        x: float32 [B, H, W, C].
        kernel: float32 [k, k, C, K], k of 3 or 5.
        bias: float32 [K].
        activation: NONE, SILU or RELU.
        added: float32 [B, H, W, K]; None for nothing.

    Returns:
        float32 [B, H, W, K].

    Raises:
        ValueError: If the kernel has another size.
    """
    if kernel.shape[0] not in KERNELS or kernel.shape[0] != kernel.shape[1]:
        raise ValueError(f"the kernel has shape {kernel.shape}; its sides must both be 3 or 5")
    size = kernel.shape[0]
    across, down = (-(-side // (SIDE + 1 - size)) for side in (x.shape[2], x.shape[1]))
    factors = transformed(kernel)
    x, out = np.ascontiguousarray(x), np.empty((*x.shape[:3], kernel.shape[-1]), np.float32)
    parts = -(-across * down // TILES)
    allowed: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    threads = min(allowed, parts)

    def share(first: int) -> None:
        for place, picture in enumerate(x):
            other = _NOTHING if added is None else added[place]
            parts = first * TILES, threads * TILES
            _convolve(picture, factors, bias, activation, other, size, *parts, out[place])

    if threads == 1:
        share(0)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(share, range(threads)))  # hands on any exception
    return out


def silu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """SiLU, x / (1 + exp(-x)), float32 of any shape."""
    out = np.empty(x.shape, np.float32)
    _each_silu(x.reshape(-1), out.reshape(-1))
    return out


def transformed(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """G g G^T of kernels [k, k, C, K], by parts of the outputs: float32 [36, K/width, C, width]."""
    size, _, channels, outputs = kernel.shape
    a, b = float(_A2) ** 0.5, float(_B2) ** 0.5
    points = np.array([0.0, a, -a, b, -b])
    norms = [np.prod([p - q for q in points if p != q]) for p in points]
    rows = np.zeros((SIDE, size))
    rows[:-1] = points[:, None] ** np.arange(size) / np.array(norms)[:, None]
    rows[-1, -1] = 1.0  # infinity: the highest power
    both = np.einsum("pi,qj->pqij", rows, rows).reshape(SIDE**2, size**2).astype(np.float32)
    width = max(width for width in range(1, WIDEST + 1) if outputs % width == 0)
    flat = both @ kernel.reshape(size**2, -1)
    parts = flat.reshape(SIDE**2, channels, outputs // width, width)
    return np.ascontiguousarray(parts.transpose(0, 2, 1, 3))


@inlined
def _inputs(x: tuple, y: tuple) -> None:
    """B^T d along one axis: six rows of channels to six others."""
    x0, x1, x2, x3, x4, x5 = x
    y0, y1, y2, y3, y4, y5 = y
    for c in range(
        x0.size
    ):  # all are read before any is written: these may be the same, for all it knows
        d0, d1, d2, d3, d4, d5 = x0[c], x1[c], x2[c], x3[c], x4[c], x5[c]
        even_a, odd_a = d4 - _B2 * d2, _A * (d3 - _B2 * d1)
        even_b, odd_b = d4 - _A2 * d2, _B * (d3 - _A2 * d1)
        y0[c] = d0 - _SUM * d2 + d4  # a^2 b^2 = 1
        y1[c], y2[c] = even_a + odd_a, even_a - odd_a
        y3[c], y4[c] = even_b + odd_b, even_b - odd_b
        y5[c] = d1 - _SUM * d3 + d5


@inlined
def _outputs(x: tuple, y: tuple, four: bool) -> None:
    """A^T m along one axis: six rows of channels to four others, or to two of these."""
    x0, x1, x2, x3, x4, x5 = x
    y0, y1, y2, y3 = y
    for c in range(x0.size):
        sum_a, odd_a = x1[c] + x2[c], x1[c] - x2[c]
        sum_b, odd_b = x3[c] + x4[c], x3[c] - x4[c]
        first, last = x0[c] + sum_a + sum_b, x5[c]
        if four:
            y0[c], y1[c] = first, _A * odd_a + _B * odd_b
            y2[c], y3[c] = _A2 * sum_a + _B2 * sum_b, _A3 * odd_a + _B3 * odd_b + last
        else:
            y0[c], y1[c] = first, _A * odd_a + _B * odd_b + last


@compiled(nogil=True, error_model="numpy", fastmath={"contract"})
def _convolve(
    x: np.ndarray,
    factors: np.ndarray,
    bias: np.ndarray,
    activation: int,
    added: np.ndarray,
    size: int,
    start: int,
    step: int,
    out: np.ndarray,
) -> None:
    """Tiles start, start + 1, ..., start + TILES - 1, and so many again after each step, of one picture."""
    across = -(-x.shape[1] // (SIDE + 1 - size))
    count = across * -(-x.shape[0] // (SIDE + 1 - size))
    blocks, channels, width = factors.shape[1:]
    seen = np.empty((SIDE * SIDE, TILES, channels), np.float32)
    products = np.empty((SIDE * SIDE, TILES, width), np.float32)
    for first in range(start, count, step):
        tiles = min(TILES, count - first)
        _see(x, size, across, first, tiles, seen)
        for block in range(blocks):
            for k in range(SIDE * SIDE):
                np.dot(seen[k, :tiles], factors[k, block], products[k, :tiles])
            place = size, across, first, tiles, block * width
            _finish(products, place, bias, activation, added, out)


@compiled(nogil=True, error_model="numpy", fastmath={"contract"})
def _see(x: np.ndarray, size: int, across: int, first: int, tiles: int, seen: np.ndarray) -> None:
    """B^T d B of tiles: [36, tiles, C]."""
    height, width, channels = x.shape
    side = SIDE + 1 - size
    nothing, half = np.zeros(channels, np.float32), np.empty((SIDE * SIDE, channels), np.float32)
    for tile in range(tiles):
        down, right = divmod(first + tile, across)
        top, left = down * side - size // 2, right * side - size // 2
        for j in range(SIDE):
            w, outside = left + j, not 0 <= left + j < width
            d0 = nothing if outside or not 0 <= top < height else x[top, w]
            d1 = nothing if outside or not 0 <= top + 1 < height else x[top + 1, w]
            d2 = nothing if outside or not 0 <= top + 2 < height else x[top + 2, w]
            d3 = nothing if outside or not 0 <= top + 3 < height else x[top + 3, w]
            d4 = nothing if outside or not 0 <= top + 4 < height else x[top + 4, w]
            d5 = nothing if outside or not 0 <= top + 5 < height else x[top + 5, w]
            y = half[j], half[6 + j], half[12 + j], half[18 + j], half[24 + j], half[30 + j]
            _inputs((d0, d1, d2, d3, d4, d5), y)
        for k in range(0, SIDE * SIDE, SIDE):
            row = half[k], half[k + 1], half[k + 2], half[k + 3], half[k + 4], half[k + 5]
            y0, y1, y2 = seen[k, tile], seen[k + 1, tile], seen[k + 2, tile]
            y3, y4, y5 = seen[k + 3, tile], seen[k + 4, tile], seen[k + 5, tile]
            _inputs(row, (y0, y1, y2, y3, y4, y5))


@compiled(nogil=True, error_model="numpy", fastmath={"contract"})
def _finish(
    products: np.ndarray,
    place: tuple,
    bias: np.ndarray,
    activation: int,
    added: np.ndarray,
    out: np.ndarray,
) -> None:
    """A^T m A of tiles, and what follows a convolution."""
    size, across, first, tiles, low = place
    height, width, channels = out.shape[0], out.shape[1], products.shape[2]
    side = SIDE + 1 - size
    shift = bias[low : low + channels]
    half = np.empty((4 * SIDE, channels), np.float32)
    whole = np.empty((4, 4, channels), np.float32)
    for tile in range(tiles):
        down, right = divmod(first + tile, across)
        top, left = down * side, right * side
        for j in range(SIDE):
            x0, x1, x2 = products[j, tile], products[6 + j, tile], products[12 + j, tile]
            x3, x4, x5 = products[18 + j, tile], products[24 + j, tile], products[30 + j, tile]
            column = half[j], half[6 + j], half[12 + j], half[18 + j]
            _outputs((x0, x1, x2, x3, x4, x5), column, side == 4)
        for i in range(side):
            k = SIDE * i
            row = half[k], half[k + 1], half[k + 2], half[k + 3], half[k + 4], half[k + 5]
            _outputs(row, (whole[i, 0], whole[i, 1], whole[i, 2], whole[i, 3]), side == 4)
        for i in range(min(side, height - top)):
            for j in range(min(side, width - left)):
                _activate(whole[i, j], shift, activation)
                y = out[top + i, left + j, low : low + channels]
                if added.size:
                    other = added[top + i, left + j, low : low + channels]
                    for c in range(channels):
                        y[c] = whole[i, j, c] + other[c]
                else:
                    y[:] = whole[i, j]


@inlined
def _activate(x: np.ndarray, bias: np.ndarray, activation: int) -> None:
    """activation(x + bias), in place."""
    if activation == SILU:
        for c in range(x.size):
            x[c] = _silu(x[c] + bias[c])
    elif activation == RELU:
        for c in range(x.size):
            x[c] = max(x[c] + bias[c], _ZERO)
    else:
        for c in range(x.size):
            x[c] += bias[c]


@compiled(nogil=True, error_model="numpy", fastmath={"contract"})
def _each_silu(x: np.ndarray, out: np.ndarray) -> None:
    """`silu` of [M]."""
    for i in range(x.size):
        out[i] = _silu(x[i])

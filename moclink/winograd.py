"""Convolutions of 3x3 and 5x5 with a fifth of the products, for NumPy arrays, compiled for the CPU.

    Y = A^T [ sum over channels of (G g G^T) * (B^T d B) ] A

Tiles d of 8x8 inputs give Y of 6x6 outputs (3x3 kernels; 4x4 outputs of 5x5 kernels) by 64 products
for each pair of channels, where the definition takes 324 (400). All positions of a tile are
polynomials' values at the points 0, +-1/2, +-1, +-2 and infinity, of which these give the least
rounding: 3e-6 of the outputs' standard deviation in float32, with 64 channels.

The 64 products are products of matrices, of TILES tiles each, by SciPy's BLAS. They are below the
size (10^6 multiplications) up to which OpenBLAS neither copies the factors nor starts threads,
where it knows AVX-512; at once the tiles stay in the second cache.

Reference: Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moclink.elementary import silu as _silu
from moclink.numba_cache import compiled, inlined
from moclink.reused_memory import empty
from moclink.thread_shares import work_in_shares

SIDE = 8  # of a tile of inputs
KERNELS = (3, 5)
TILES = 32  # that are multiplied at a time
WIDEST = 64  # outputs that are multiplied at a time, at most LANES
MOST_PRODUCTS = 1_000_000  # of two matrices
# Channels that are transformed side by side, in one flat array: the compiler then knows all distances.
# Indices are unsigned, since negative ones would count from the end, which is no vector code.
LANES = np.uint64(64)
NONE, SILU, RELU = range(3)
_NOTHING = np.zeros((0, 0, 0), np.float32)
_A, _A2, _A3, _A4, _A5 = (np.float32(0.5**power) for power in range(1, 6))  # of the point a; b is 1
_C, _C2, _C3, _C4, _C5 = (np.float32(2.0**power) for power in range(1, 6))  # of the point c
_SUM_BC, _SUM_AC, _SUM_AB, _SUM = 1 + _C2, _A2 + _C2, _A2 + 1, _A2 + 1 + _C2  # of the squares
_ZERO = np.float32(0)
_ROW, _HALF = np.uint64(8) * LANES, np.uint64(64) * LANES  # of a tile; between its two states
_2, _3, _4, _5, _6, _7 = (np.uint64(k) for k in range(2, 8))


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
    x, out = np.ascontiguousarray(x), empty((*x.shape[:3], kernel.shape[-1]))

    def work(first: int, step: int) -> None:
        for place, picture in enumerate(x):
            other = _NOTHING if added is None else added[place]
            tiles = first * TILES, step * TILES
            _convolve(picture, factors, bias, activation, other, size, *tiles, out[place])

    work_in_shares(work, -(-across * down // TILES))
    return out


def silu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """SiLU, x / (1 + exp(-x)), float32 of any shape."""
    x, out = np.ascontiguousarray(x), empty(x.shape)
    _each_silu(x.reshape(-1), out.reshape(-1))
    return out


def transformed(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """G g G^T of kernels [k, k, C, K], by parts of the outputs: float32 [64, K/width, C, width]."""
    size, _, channels, outputs = kernel.shape
    points = np.array([0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0])
    norms = [np.prod([p - q for q in points if p != q]) for p in points]
    rows = np.zeros((SIDE, size))
    rows[:-1] = points[:, None] ** np.arange(size) / np.array(norms)[:, None]
    rows[-1, -1] = 1.0  # infinity: the highest power
    both = np.einsum("pi,qj->pqij", rows, rows).reshape(SIDE**2, size**2).astype(np.float32)
    widest = max(1, min(WIDEST, MOST_PRODUCTS // (TILES * channels)))
    width = max(width for width in range(1, widest + 1) if outputs % width == 0)
    factors = np.empty((SIDE**2, outputs // width, channels, width), np.float32)
    _transform(np.ascontiguousarray(kernel).reshape(size**2, channels, outputs), both, factors)
    return factors


@compiled(nogil=True, error_model="numpy", fastmath={"contract"})
def _transform(kernel: np.ndarray, both: np.ndarray, factors: np.ndarray) -> None:
    """Both [64, k^2] times the kernel [k^2, C, K], by parts of the outputs. BLAS would start threads."""
    positions, blocks, channels, width = factors.shape
    for k in range(positions):
        for block in range(blocks):
            for c in range(channels):
                found, low = factors[k, block, c], block * width
                found[:] = _ZERO
                for j in range(kernel.shape[0]):
                    factor, values = both[k, j], kernel[j, c]
                    for o in range(width):
                        found[o] += factor * values[low + o]


@inlined
def _inputs(s: np.ndarray, x: np.uint64, apart: np.uint64, y: np.uint64) -> None:
    """B^T d along one axis: eight values of LANES channels, `apart` from each other, to eight others."""
    for c in range(LANES):
        i = x + c
        d0, d1, d2, d3 = s[i], s[i + apart], s[i + _2 * apart], s[i + _3 * apart]
        i += _4 * apart
        d4, d5, d6, d7 = s[i], s[i + apart], s[i + _2 * apart], s[i + _3 * apart]
        even_a, odd_a = d6 - _SUM_BC * d4 + _C2 * d2, _A * (d5 - _SUM_BC * d3 + _C2 * d1)
        even_b, odd_b = d6 - _SUM_AC * d4 + d2, d5 - _SUM_AC * d3 + d1  # a^2 c^2 = 1
        even_c, odd_c = d6 - _SUM_AB * d4 + _A2 * d2, _C * (d5 - _SUM_AB * d3 + _A2 * d1)
        i = y + c
        s[i] = d6 - d0 + _SUM * (d2 - d4)  # the squares of two have this sum too
        s[i + apart], s[i + _2 * apart] = even_a + odd_a, even_a - odd_a
        s[i + _3 * apart], s[i + _4 * apart] = even_b + odd_b, even_b - odd_b
        s[i + _5 * apart], s[i + _6 * apart] = even_c + odd_c, even_c - odd_c
        s[i + _7 * apart] = d7 - d1 + _SUM * (d3 - d5)


@inlined
def _outputs(s: np.ndarray, x: np.uint64, apart: np.uint64, y: np.uint64, six: bool) -> None:
    """A^T m along one axis: eight values to six others, or to four, the first of these."""
    for c in range(LANES):
        i = x + c
        m0, m1, m2, m3 = s[i], s[i + apart], s[i + _2 * apart], s[i + _3 * apart]
        i += _4 * apart
        m4, m5, m6, m7 = s[i], s[i + apart], s[i + _2 * apart], s[i + _3 * apart]
        sum_a, odd_a, sum_b, odd_b = m1 + m2, m1 - m2, m3 + m4, m3 - m4
        sum_c, odd_c = m5 + m6, m5 - m6
        i = y + c
        s[i] = m0 + sum_a + sum_b + sum_c
        s[i + apart] = _A * odd_a + odd_b + _C * odd_c
        s[i + _2 * apart] = _A2 * sum_a + sum_b + _C2 * sum_c
        s[i + _3 * apart] = _A3 * odd_a + odd_b + _C3 * odd_c + (_ZERO if six else m7)
        s[i + _4 * apart] = _A4 * sum_a + sum_b + _C4 * sum_c
        s[i + _5 * apart] = _A5 * odd_a + odd_b + _C5 * odd_c + m7


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


@inlined
def _see(x: np.ndarray, size: int, across: int, first: int, tiles: int, seen: np.ndarray) -> None:
    """B^T d B of tiles: [64, TILES, C], LANES channels at a time."""
    height, width, channels = x.shape
    side = SIDE + 1 - size
    s = np.zeros(2 * SIDE * SIDE * LANES, np.float32)  # a tile before and after the first axis
    values, found = x.reshape(-1), seen.reshape(-1)
    for tile in range(tiles):
        down, right = divmod(first + tile, across)
        top, left = down * side - size // 2, right * side - size // 2
        for low in range(0, channels, LANES):
            count = np.uint64(min(LANES, channels - low))
            for k in range(SIDE * SIDE):
                i, j, place = top + k // SIDE, left + k % SIDE, np.uint64(k) * LANES
                if 0 <= i < height and 0 <= j < width:
                    start = np.uint64((i * width + j) * channels + low)
                    for c in range(count):
                        s[place + c] = values[start + c]
                else:
                    for c in range(LANES):
                        s[place + c] = _ZERO
            for k in range(SIDE):
                _inputs(s, np.uint64(k) * LANES, _ROW, _HALF + np.uint64(k) * LANES)
            for k in range(SIDE):
                _inputs(s, _HALF + np.uint64(k) * _ROW, LANES, np.uint64(k) * _ROW)
            for k in range(SIDE * SIDE):
                start = np.uint64((k * TILES + tile) * channels + low)
                place = np.uint64(k) * LANES
                for c in range(count):
                    found[start + c] = s[place + c]


@inlined
def _finish(
    products: np.ndarray,
    place: tuple,
    bias: np.ndarray,
    activation: int,
    added: np.ndarray,
    out: np.ndarray,
) -> None:
    """A^T m A of tiles, [64, TILES, width], and what follows a convolution."""
    size, across, first, tiles, low = place
    (height, width, channels), side = out.shape, SIDE + 1 - size
    count, shift = np.uint64(products.shape[2]), np.uint64(low)
    s = np.zeros(2 * SIDE * SIDE * LANES, np.float32)
    values, others, found = products.reshape(-1), added.reshape(-1), out.reshape(-1)
    for tile in range(tiles):
        down, right = divmod(first + tile, across)
        for k in range(SIDE * SIDE):
            start, at = np.uint64(k * TILES + tile) * count, np.uint64(k) * LANES
            for c in range(count):
                s[at + c] = values[start + c]
        for k in range(SIDE):
            _outputs(s, np.uint64(k) * LANES, _ROW, _HALF + np.uint64(k) * LANES, side == 6)
        for k in range(side):
            _outputs(s, _HALF + np.uint64(k) * _ROW, LANES, np.uint64(k) * _ROW, side == 6)
        for k in range(side * side):
            i, j = down * side + k // side, right * side + k % side
            if i < height and j < width:
                at = np.uint64(k // side) * _ROW + np.uint64(k % side) * LANES
                _activate(s, at, bias, shift, count, activation)
                start = np.uint64((i * width + j) * channels + low)
                if others.size:
                    for c in range(count):
                        s[at + c] += others[start + c]
                for c in range(count):
                    found[start + c] = s[at + c]


@inlined
def _activate(
    s: np.ndarray,
    at: np.uint64,
    bias: np.ndarray,
    shift: np.uint64,
    count: np.uint64,
    activation: int,
) -> None:
    """activation(x + bias) of one position's outputs, in place."""
    for c in range(count):
        s[at + c] += bias[shift + c]
    if activation == SILU:
        for c in range(LANES):
            s[at + c] = _silu(s[at + c])
    elif activation == RELU:
        for c in range(LANES):
            s[at + c] = max(s[at + c], _ZERO)


@compiled(nogil=True, error_model="numpy", fastmath={"contract"})
def _each_silu(x: np.ndarray, out: np.ndarray) -> None:
    """`silu` of [M]."""
    for i in range(x.size):
        out[i] = _silu(x[i])

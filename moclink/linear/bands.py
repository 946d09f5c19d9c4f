"""Frequency bands that grow with frequency, and the mean energies of coefficients in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FIRST_EDGES = (0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 26, 34, 44, 56, 72, 92, 116, 146)
_GROWTH = 1.26
RADIAL_EDGES = (1e-9, 0.06, 0.12, 0.25, 0.5, 0.75)  # of the length of the normalised frequency
RADIAL_BANDS = len(RADIAL_EDGES) + 1


def band_edges(size: int) -> NDArray[np.int64]:
    """Edges of bands along one axis of a DCT: 0 1 2 3 4 6 8 11 15 20 ..., growing by about a quarter.

    Args:
        size: Number of frequencies, at least 1.

    Returns:
        int64 from 0 to `size`, ascending.
    """
    if size < 1:
        raise ValueError(f"size is {size}; an axis has at least one frequency")
    edges = list(_FIRST_EDGES)
    while edges[-1] < size:
        edges.append(round(edges[-1] * _GROWTH))
    edges = [edge for edge in edges if edge < size]
    if len(edges) > 5 and size - edges[-1] <= 2:
        edges.pop()
    return np.array([*edges, size], dtype=np.int64)


def axis_bands(size: int) -> NDArray[np.int64]:
    """Band of each frequency along one axis, int64 [size]."""
    edges = band_edges(size)
    return np.repeat(np.arange(len(edges) - 1), np.diff(edges))


def band_map(height: int, width: int) -> tuple[NDArray[np.int64], int, int]:
    """Band of each coefficient of an [height, width] DCT.

    Returns:
        (int64 [height, width] with values below rows * columns, band rows, band columns).
    """
    vertical, horizontal = axis_bands(height), axis_bands(width)
    rows, columns = int(vertical[-1]) + 1, int(horizontal[-1]) + 1
    return vertical[:, None] * columns + horizontal[None, :], rows, columns


def radial_map(height: int, width: int) -> NDArray[np.int64]:
    """Ring of each coefficient by the length of its normalised frequency, int64 [height, width].

    Ring 0 is the mean; the others end at RADIAL_EDGES of (u / height, v / width).
    """
    vertical, horizontal = np.arange(height) / height, np.arange(width) / width
    return np.digitize(np.hypot(vertical[:, None], horizontal[None, :]), RADIAL_EDGES)


def mean_energies(
    values: NDArray[np.floating], index: NDArray[np.integer], count: int
) -> NDArray[np.float64]:
    """Mean square of the values of each index in 0..count-1; 0 where there is none."""
    number = np.bincount(index.ravel(), minlength=count)
    energy = np.bincount(
        index.ravel(), np.square(values, dtype=np.float64).ravel(), minlength=count
    )
    return energy / np.maximum(number, 1)

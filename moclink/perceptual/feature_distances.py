"""What LPIPS does before and behind its network, in one pass each over what is in memory.

As graphs of array operations these steps write the features, ten times as large as the picture, to
memory eight times over, which takes as long as half of the convolutions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moclink.numba_cache import compiled


@compiled(nogil=True, error_model="numpy")
def standardized(image: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(2 x - 1 - shift) / scale of an image [H, W, C] in [0, 1], with float32 [C] both: float32 [H, W, C]."""
    height, width, channels = image.shape
    out = np.empty((height, width, channels), np.float32)
    for row in range(height):
        for column in range(width):
            for c in range(channels):
                value = np.float32(2) * np.float32(image[row, column, c]) - np.float32(1)
                out[row, column, c] = (value - shift[c]) / scale[c]
    return out


def embedded(
    features: NDArray[np.float32], head: NDArray[np.float32], least: float
) -> NDArray[np.float32]:
    """Features [H, W, C] of unit norm along C, times the square roots of the head [C].

    Args:
        features: Output of a stage.
        head: Weights of the channels, not negative.
        least: The smallest square of a norm that is divided by.
    """
    flat = features.reshape(-1, features.shape[-1])
    return _embedded(flat, np.sqrt(head), np.float32(least)).reshape(features.shape)


def mean_distance(
    features: NDArray[np.float32],
    reference: NDArray[np.float32],
    head: NDArray[np.float32],
    least: float,
) -> float:
    """Mean over positions of the squared distance of `embedded` features from a reference's.

    Args:
        features: Output of a stage, [H, W, C].
        reference: What `embedded` made of the original's, [H, W, C].
        head: See `embedded`.
        least: See `embedded`.
    """
    channels = features.shape[-1]
    total = _distance(
        features.reshape(-1, channels),
        reference.reshape(-1, channels),
        np.sqrt(head),
        np.float32(least),
    )
    return float(total) / (features.size // channels)


@compiled(nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _embedded(features: np.ndarray, roots: np.ndarray, least: np.float32) -> np.ndarray:
    """`embedded` of [M, C]."""
    out = np.empty_like(features)
    for m in range(features.shape[0]):
        row, square = features[m], np.float32(0)
        for c in range(row.size):
            square += row[c] * row[c]
        factor = np.float32(1) / np.sqrt(max(square, least))
        for c in range(row.size):
            out[m, c] = row[c] * (roots[c] * factor)
    return out


@compiled(nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _distance(
    features: np.ndarray, reference: np.ndarray, roots: np.ndarray, least: np.float32
) -> float:
    """Sum over positions of squared distances, of [M, C]; over channels in float32, else in float64."""
    total = 0.0
    for m in range(features.shape[0]):
        row, other = features[m], reference[m]
        square, distance = np.float32(0), np.float32(0)
        for c in range(row.size):
            square += row[c] * row[c]
        factor = np.float32(1) / np.sqrt(max(square, least))
        for c in range(row.size):
            difference = row[c] * (roots[c] * factor) - other[c]
            distance += difference * difference
        total += np.float64(distance)
    return total

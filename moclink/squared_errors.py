"""The mean squared error of two images, for PSNR of `moclink.metrics`."""

from __future__ import annotations

import numpy as np

from moclink.numba_cache import compiled


def mean_squared_error(x: np.ndarray, y: np.ndarray) -> float:
    """Mean of (x - y)^2 over images [H, W, C], floating point; differences and sums in float64.

    One pass, without the maps of errors that NumPy would write. Row by row, and not a dot product
    of BLAS, whose last bits depend on the number of threads.
    """
    rows = (len(x), -1)
    return float(_sums(x.reshape(rows), y.reshape(rows)).sum() / x.size)


@compiled(nogil=True, error_model="numpy")
def _sums(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sums of squared differences of each row [H]."""
    sums = np.zeros(x.shape[0])
    for row in range(x.shape[0]):
        a, b, total = x[row], y[row], 0.0
        for i in range(a.size):
            error = np.float64(a[i]) - np.float64(b[i])
            total += error * error
        sums[row] = total
    return sums

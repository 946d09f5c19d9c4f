"""The error of a channel that is estimated from pilots: least squares, interpolated linearly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sionna.phy.ofdm import ResourceGrid

from moclink.phy import tensors

OFDM_SYMBOLS = 14  # of a slot in 5G
PILOT_SYMBOLS = (2, 11)


def error_gain(grid: ResourceGrid) -> Any:
    """Noise variance of an interpolated channel estimate over that of the received signal.

    The estimate is linear in the received pilots, so the variances add up with the squared weights:
    1/2 to 1 between two pilots, 1.54 at the borders of the slot. (The `err_var` of Sionna's linear
    interpolator has the variances interpolated instead: 1 everywhere.)

    Args:
        grid: A resource grid with pilots in `PILOT_SYMBOLS`.

    Returns:
        float32 [1, 1, 1, 1, K, 14, fft_size].
    """
    streams, subcarriers = grid.num_streams_per_tx, grid.fft_size
    shape = streams, len(PILOT_SYMBOLS), subcarriers
    energies = np.abs(np.reshape(tensors.to_numpy(grid.pilot_pattern.pilots), shape)) ** 2
    times = interpolation_weights(np.array(PILOT_SYMBOLS), OFDM_SYMBOLS) ** 2  # [14, 2]
    gain = np.zeros((streams, OFDM_SYMBOLS, subcarriers))
    for stream, energy in enumerate(energies):
        for number, of_symbol in enumerate(energy):  # in frequency first, then in time
            places = np.flatnonzero(of_symbol)
            weights = interpolation_weights(places, subcarriers) ** 2
            in_frequency = weights @ (1 / of_symbol[places])
            gain[stream] += times[:, number, None] * in_frequency
    return tensors.tensor(gain[None, None, None, None], "float32")


def interpolation_weights(places: NDArray[np.integer], count: int) -> NDArray[np.float64]:
    """Weights of values at some places in a linear interpolation at 0 .. count - 1.

    Beyond the first and last place the line through the nearest two is extended; a single value is
    constant.

    Args:
        places: Ascending, [P].
        count: Places wanted.

    Returns:
        float64 [count, P].
    """
    if len(places) == 1:
        return np.ones((count, 1))
    wanted = np.arange(count)
    right = np.clip(np.searchsorted(places, wanted), 1, len(places) - 1)
    share = (wanted - places[right - 1]) / (places[right] - places[right - 1])
    weights = np.zeros((count, len(places)))
    weights[wanted, right - 1] = 1 - share
    weights[wanted, right] = share
    return weights

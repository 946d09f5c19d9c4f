"""The error of estimated channels against Sionna's estimator and by hand."""

import itertools

import numpy as np
import pytest
from sionna.phy.ofdm import LSChannelEstimator, ResourceGrid

from moclink.phy.channel_estimation import error_gain, interpolation_weights
from moclink.phy.tensors import tensor, to_numpy


def test_a_line_is_interpolated_and_goes_on_beyond_its_places():
    weights = interpolation_weights(np.array([2, 6]), 8)
    values = weights @ np.array([10.0, 18.0])  # of 6 + 2 n
    np.testing.assert_allclose(values, 6 + 2 * np.arange(8))
    np.testing.assert_array_equal(interpolation_weights(np.array([3]), 4), np.ones((4, 1)))


@pytest.mark.parametrize("streams", [1, 2, 3])
@pytest.mark.parametrize("pilots", [1, 2, 4])
def test_the_error_of_an_estimated_channel_follows_from_sionnas_weights(streams, pilots):
    """Sionna's estimator gives its own weights away when it is fed with impulses."""
    subcarriers = streams * pilots
    grid = ResourceGrid(
        14,
        subcarriers,
        30e3,
        num_streams_per_tx=streams,
        pilot_pattern="kronecker",
        pilot_ofdm_symbol_indices=[2, 11],
    )
    impulses = np.zeros((2 * subcarriers, 1, 1, 14, subcarriers), np.complex64)
    for number, (place, subcarrier) in enumerate(itertools.product((2, 11), range(subcarriers))):
        impulses[number, 0, 0, place, subcarrier] = 1
    estimator = LSChannelEstimator(grid, interpolation_type="lin")
    weights, _ = estimator(tensor(impulses), tensor(np.ones(2 * subcarriers, np.float32)))
    expected = np.sum(np.abs(to_numpy(weights)) ** 2, axis=0)[0, 0, 0]
    assert np.allclose(error_gain(grid)[0, 0, 0, 0], expected, rtol=1e-4)

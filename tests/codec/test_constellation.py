"""Labels and energy of an axis, against 3GPP and Sionna."""

import numpy as np
import pytest

from moclink.codec.constellation import amplitudes, axis_labels


def test_labels_along_the_axis_are_those_of_3gpp():
    assert axis_labels(8).tolist() == [7, 6, 4, 5, 1, 0, 2, 3]
    np.testing.assert_allclose(
        amplitudes(8)[axis_labels(8)] * np.sqrt(42), np.arange(-7, 8, 2), atol=1e-5
    )


@pytest.mark.parametrize("states", [2, 4, 8, 16])
def test_amplitudes_have_unit_energy_per_symbol_and_gray_labels(states):
    assert 2 * np.mean(amplitudes(states).astype(float) ** 2) == pytest.approx(1, abs=1e-6)
    labels = axis_labels(states)
    assert all(bin(a ^ b).count("1") == 1 for a, b in zip(labels[:-1], labels[1:], strict=True))


@pytest.mark.parametrize("states", [4, 8, 16])
def test_amplitudes_are_an_axis_of_sionnas_constellation(states):
    from sionna.phy.mapping import Constellation

    bits = states.bit_length() - 1
    points = Constellation("qam", 2 * bits).points.numpy()
    label = np.arange(states)
    first = sum(((label >> (bits - 1 - b)) & 1) << (2 * bits - 1 - 2 * b) for b in range(bits))
    # bits 0, 2, 4 of a point's number are the I axis, 1, 3, 5 the Q axis
    np.testing.assert_allclose(
        points[first + first[3 % states] // 2].real, amplitudes(states), atol=1e-6
    )
    np.testing.assert_allclose(points[first[1] + first // 2].imag, amplitudes(states), atol=1e-6)


@pytest.mark.parametrize("states", [0, 1, 6])
def test_other_numbers_of_states_are_refused(states):
    with pytest.raises(ValueError, match=f"states is {states}; it must be a power of two"):
        amplitudes(states)

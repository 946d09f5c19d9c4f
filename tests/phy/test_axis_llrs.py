import math

import numpy as np
import pytest
from scipy.special import log_softmax
from sionna.phy.mapping import Constellation, Demapper, Mapper, SymbolDemapper

from moclink.phy.axis_llrs import axis_llrs, axis_log_likelihoods
from moclink.phy.modems import pam_amplitudes
from moclink.phy.tensors import tensor


@pytest.mark.parametrize("bits_per_symbol", [2, 4, 6, 8])
@pytest.mark.parametrize("snr_db", [-5.0, 8.0, 25.0])
def test_equals_sionnas_app_demapper(bits_per_symbol, snr_db):
    rng = np.random.default_rng(bits_per_symbol)
    constellation = Constellation("qam", bits_per_symbol)
    bits = tensor(rng.integers(0, 2, (3, 101 * bits_per_symbol)), "float32")
    symbols = Mapper(constellation=constellation)(bits).numpy()
    no = np.float32(10 ** (-snr_db / 10)) * np.array([0.5, 1, 2], np.float32)
    noise = rng.normal(size=(2, *symbols.shape)) * np.sqrt(no / 2)[:, None]
    received = (symbols + noise[0] + 1j * noise[1]).astype(np.complex64)
    expected = Demapper("app", constellation=constellation)(tensor(received), tensor(no[:, None]))
    llr = axis_llrs(received, no, pam_amplitudes(2 ** (bits_per_symbol // 2)))
    np.testing.assert_allclose(llr, expected.numpy(), atol=1e-3, rtol=1e-5)
    every = np.repeat(no[:, None], received.shape[1], axis=1)
    np.testing.assert_array_equal(
        axis_llrs(received, every, pam_amplitudes(2 ** (bits_per_symbol // 2))), llr
    )


def test_very_large_llrs_are_exact():
    # At 50 dB the far sum is below any float32; in float64, by the equation, it is not.
    amplitudes = pam_amplitudes(8)
    no = 1e-5
    received = np.linspace(-1.5, 1.5, 41, dtype=np.float32)[None] * np.complex64(1 + 1j)
    llr = axis_llrs(received, np.array([no], np.float32), amplitudes).reshape(41, 3, 2)
    no = float(np.float32(no))
    y = received[0].real.astype(np.float64)
    exponents = -((y[:, None] - amplitudes.astype(np.float64)) ** 2) / no
    for place in range(3):
        ones = (np.arange(8) >> (2 - place)) & 1 == 1
        expected = np.logaddexp.reduce(exponents[:, ones], 1) - np.logaddexp.reduce(
            exponents[:, ~ones], 1
        )
        # Two exponents of up to (1.5 + 1.08)^2 / no = 6.7e5, each with four float32 roundings.
        np.testing.assert_allclose(llr[:, place, 0], expected, atol=2 * 4 * 6.7e5 * 2.0**-24)
    np.testing.assert_array_equal(llr[..., 0], llr[..., 1])
    assert math.isfinite(llr.sum())


@pytest.mark.parametrize("states", [2, 4, 8, 16])
@pytest.mark.parametrize("snr_db", [-5.0, 8.0, 25.0])
def test_log_likelihoods_equal_sionnas_symbol_demapper(states, snr_db):
    """An axis is PAM of half the energy and half the noise; Sionna's are normalised, ln P(k | y)."""
    rng = np.random.default_rng(states)
    received = (0.8 * (rng.normal(size=(3, 101)) + 1j * rng.normal(size=(3, 101)))).astype(
        np.complex64
    )
    no = np.float32(10 ** (-snr_db / 10)) * np.array([0.5, 1, 2], np.float32)
    ours = axis_log_likelihoods(received, no, pam_amplitudes(states))
    axes = np.stack([received.real, received.imag], axis=-1).reshape(3, -1)
    pam = SymbolDemapper(constellation=Constellation("pam", states.bit_length() - 1))
    expected = pam(tensor(math.sqrt(2) * axes + 0j, "complex64"), tensor(2 * no[:, None])).numpy()
    np.testing.assert_allclose(log_softmax(ours, axis=-1), expected, atol=1e-3, rtol=1e-5)
    every = np.repeat(no[:, None], received.shape[1], axis=1)
    np.testing.assert_array_equal(
        axis_log_likelihoods(received, every, pam_amplitudes(states)), ours
    )

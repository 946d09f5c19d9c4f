import numpy as np
import pytest

from moclink.phy.axis_llrs import axis_llrs
from moclink.phy.engine import ON_TORCH
from moclink.phy.ldpc import get_code
from moclink.phy.modems import BitModem, pam_amplitudes

if not ON_TORCH:
    pytest.skip("of torch only: this receiver runs on PyTorch", allow_module_level=True)

import torch
from sionna.phy.mapping import Demapper

from moclink.phy import device_receiver
from moclink.phy.device_decoder import DeviceDecoder
from moclink.phy.device_receiver import DeviceReceiver


def noisy(modem, code, snrs, blocks, seed):
    """Bits [B, blocks k], what arrives of them [B, S] and its noise variances [B]."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (len(snrs), blocks * code.k), dtype=np.uint8)
    symbols = modem.modulate(bits)
    no = np.array([10 ** (-snr / 10) for snr in snrs], np.float32)
    noise = rng.normal(size=(2, *symbols.shape)) * np.sqrt(no / 2)[:, None]
    return bits, (symbols + noise[0] + 1j * noise[1]).astype(np.complex64), no


@pytest.fixture
def receiver(standard_code):
    def make(bits_per_symbol, code=standard_code):
        amplitudes = pam_amplitudes(2 ** (bits_per_symbol // 2))
        return DeviceReceiver(DeviceDecoder(code.graph), code.n, amplitudes)

    return make


@pytest.mark.parametrize("snr_db", [-10.0, 8.0, 40.0])
@pytest.mark.parametrize("bits_per_symbol", [2, 4, 6, 8])
def test_llrs_are_those_of_the_cpu_and_of_sionnas_demapper(bits_per_symbol, snr_db, receiver):
    rng = np.random.default_rng(3)
    y = (rng.normal(size=(2, 500)) * 0.8).astype(np.float32)
    y, no = y[0] + 1j * y[1], np.float32(10 ** (-snr_db / 10))
    ours = receiver(bits_per_symbol).demap(y, no).numpy()
    theirs = axis_llrs(y[None], np.array([no]), pam_amplitudes(2 ** (bits_per_symbol // 2)))[0]
    # Squares of distances reach 10, and are rounded before they are divided by no.
    atol = 1e-5 + 4e-6 / no
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=atol)
    stock = Demapper("app", "qam", bits_per_symbol)(torch.from_numpy(y), torch.tensor(no))
    np.testing.assert_allclose(ours, stock.numpy(), rtol=1e-5, atol=atol)


def test_a_variance_for_each_symbol(receiver):
    rng = np.random.default_rng(4)
    y = rng.normal(size=(2, 64)).astype(np.float32)
    y, no = y[0] + 1j * y[1], rng.uniform(0.1, 2, 64).astype(np.float32)
    theirs = axis_llrs(y[None], no[None], pam_amplitudes(8))[0]
    np.testing.assert_allclose(receiver(6).demap(y, no).numpy(), theirs, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("interleaved", [6, None])
def test_rows_are_those_of_the_cpu_and_do_not_depend_on_the_batch(interleaved, monkeypatch):
    code = get_code("ldpc5g", 324, 648, interleaved)
    here, there = BitModem(6, code, "fast"), BitModem(6, code, "device")
    bits, received, no = noisy(here, code, [5.0, 11.5, 12.5, 20.0], 20, seed=8)
    expected, found = here.demodulate(received, no), there.demodulate(received, no)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.iterations, expected.iterations)
    assert found.values.dtype == np.float32 and found.iterations.shape == (4, 20)
    np.testing.assert_array_equal(found.values[3] > 0, bits[3])
    monkeypatch.setattr(device_receiver, "MOST_LLRS", {"cpu": 1})  # row by row
    again = there.demodulate(received, no)
    np.testing.assert_array_equal(again.values, found.values)
    one = there.demodulate(received[1:2], np.full((1, received.shape[1]), no[1], np.float32))
    np.testing.assert_array_equal(one.values[0], found.values[1])
    np.testing.assert_array_equal(one.iterations[0], found.iterations[1])


def test_symbols_that_hold_no_whole_codeword(standard_code):
    modem = BitModem(6, standard_code, "device")
    got = modem.demodulate(np.ones((2, 107), np.complex64), np.ones(2, np.float32))
    assert got.values.shape == (2, 0) and got.iterations.shape == (2, 0)

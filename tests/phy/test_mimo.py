"""MIMO-OFDM against a direct computation, and the distribution of the SINR behind LMMSE receivers."""

import numpy as np
import pytest
from sionna.phy import config
from sionna.phy.mapping import Mapper

from moclink.phy.mimo import MIMOOverOFDM
from moclink.phy.ofdm import OFDMLink
from moclink.phy.tensors import tensor


def matrix(receive: int, transmit: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    return (
        rng.normal(size=(receive, transmit)) + 1j * rng.normal(size=(receive, transmit))
    ) / np.sqrt(2)


def symbols(count: int) -> np.ndarray:
    bits = np.random.default_rng(1).integers(0, 2, (1, 2 * count)).astype(np.float32)
    return Mapper("qam", 2)(bits).numpy()


@pytest.mark.parametrize("snr_db", [-40.0, 0.0, 15.0, 80.0])
@pytest.mark.parametrize("shape", [(2, 2), (4, 4), (4, 2)], ids=str)
def test_the_noise_left_is_that_of_a_direct_computation(fixed_channel, shape, snr_db):
    """Error of unbiased LMMSE: m / (1 - m) with m the diagonal of (I + H^H H / no)^-1."""
    h, no = matrix(*shape), 10 ** (-snr_db / 10)
    streams = shape[1]
    block = OFDMLink(fixed_channel(h), streams, fft_size=4)
    config.seed = 1
    x = symbols(streams * 48 * 250)
    x_hat, no_eff = (np.asarray(out)[0] for out in block(x, tensor([no], "float32")))
    m = np.real(np.diag(np.linalg.inv(np.eye(streams) + h.conj().T @ h / no)))
    expected = m / (1 - m)
    # Symbols are dealt to the streams in turn.
    assert np.allclose(no_eff.reshape(-1, streams), expected, rtol=2e-4)
    measured = np.mean(np.abs((x_hat - x[0]).reshape(-1, streams)) ** 2, axis=0)
    # 12,000 errors a stream; what other streams leave is not Gaussian, but of no larger spread.
    assert np.allclose(measured, expected, rtol=5 / np.sqrt(12000))


@pytest.mark.parametrize("snr", [1.0, 100.0])
@pytest.mark.parametrize("antennas", [2, 4])
def test_the_sinr_is_distributed_as_theory_says(theory, antennas, snr):
    config.seed = 2
    block = MIMOOverOFDM(antennas, delay_spread=0.0, fft_size=antennas)
    slots = 1000
    x = tensor(np.ones([1, slots * block.symbols_per_slot], np.complex64))
    sinr = 1 / np.asarray(block(x, tensor([1 / snr], "float32"))[1]).reshape(slots, -1)
    assert np.allclose(sinr[:, 0], sinr[:, antennas], rtol=1e-2)  # flat over the slot
    distance = theory.ks_distance(sinr[:, 0], theory.mmse_cdf(antennas, antennas, snr))
    assert distance < theory.ks_bound(slots)


@pytest.mark.parametrize("model", ["tdl-a", "cdl-c"])
@pytest.mark.parametrize(("csi", "no"), [("perfect", 0.1), ("ls", 0.003)])
def test_the_noise_left_has_the_variance_that_is_claimed(model, csi, no):
    config.seed = 3
    block = MIMOOverOFDM(2, model, 10e-9, csi=csi)
    x = symbols(8640)
    x_hat, no_eff = block(x, tensor([no]))
    normal = np.asarray(np.abs(x_hat - x) ** 2 / no_eff)
    # An estimated pilot serves up to 2 x 12 symbols of both streams.
    together = 48 if csi == "ls" else 1
    assert abs(normal.mean() - 1) < 5 * np.sqrt(together / 8640)


def test_any_length_is_carried():
    block = MIMOOverOFDM(4, fft_size=12)
    for count in (1, 3, 575, 577):
        x_hat, no_eff = block(symbols(count), tensor([1e-6]))
        assert x_hat.shape == no_eff.shape == (1, count)
        assert np.median(np.abs(x_hat - symbols(count))) < 0.1

"""OFDM over channel models against TR 38.901, closed forms and fixed channels."""

import numpy as np
import pytest
from scipy.special import j0
from sionna.phy import config
from sionna.phy.channel.tr38901 import TDL
from sionna.phy.mapping import Mapper

from moclink.phy.channels import get_channel, noise_variance
from moclink.phy.modems import BitModem
from moclink.phy.ofdm import CDLOverOFDM, OFDMLink, TDLOverOFDM, channel_model
from moclink.phy.tensors import tensor, to_numpy

SPEED_OF_LIGHT = 299_792_458.0


def symbols(batch: int, count: int):
    bits = np.random.default_rng(1).integers(0, 2, (batch, 6 * count)).astype(np.float32)
    return Mapper("qam", 6)(bits)


def slot_gains(block: OFDMLink, slots: int) -> np.ndarray:
    """|h|^2 of every data resource element: [slots, 12, subcarriers]."""
    no_eff = block(
        tensor(np.ones([1, slots * block.symbols_per_slot], np.complex64)), tensor([0.01])
    )[1]
    return 0.01 / np.asarray(no_eff).reshape(slots, 12, -1)


@pytest.mark.parametrize("profile", "abcde")
@pytest.mark.parametrize("block", [TDLOverOFDM, CDLOverOFDM])
def test_without_delay_spread_a_slot_is_one_rayleigh_or_rician_fade(theory, block, profile):
    config.seed = 1
    flat = block(profile.upper(), delay_spread=0.0, fft_size=2)
    gains = np.concatenate([slot_gains(flat, 500) for _ in range(2)])
    assert np.allclose(gains, gains[:, :1, :1], rtol=1e-3)
    distance = theory.ks_distance(gains[:, 0, 0], theory.rician_cdf(theory.K_FACTORS[profile]))
    assert distance < theory.ks_bound(len(gains))


@pytest.mark.parametrize("bits_per_symbol", [2, 6])
def test_a_single_tap_has_the_bit_error_rate_of_rayleigh_fading(theory, bits_per_symbol):
    channel, modem, slots = (
        get_channel("tdl-a?delay_spread=0&subcarriers=12"),
        BitModem(bits_per_symbol),
        1130,
    )
    bits = np.random.default_rng(2).integers(0, 2, (1, slots * 144 * bits_per_symbol), np.uint8)
    output = channel(modem.modulate(bits), noise_variance([15.0]), [("ber", 15.0)])
    wrong = modem.demodulate(output.received, output.no).hard() != bits
    rates = wrong.reshape(slots, -1).mean(axis=1)  # slots are independent
    expected = theory.qam_ber(bits_per_symbol, 15.0, theory.tail_rayleigh)
    assert abs(rates.mean() - expected) < 4.5 * rates.std() / np.sqrt(slots)


def test_subcarriers_are_correlated_as_the_power_delay_profile_says():
    """Of Rayleigh gains with correlation rho, those of the powers are |rho|^2."""
    config.seed = 2
    gains = slot_gains(TDLOverOFDM("C", 300e-9, fft_size=42), 2000)[:, 0]
    tdl = TDL("C", 300e-9, 3.5e9)
    powers, delays = to_numpy(tdl.mean_powers), to_numpy(tdl.delays)
    for apart in (5, 15, 40):
        rho = np.sum(powers * np.exp(-2j * np.pi * apart * 30e3 * delays))
        products = (gains[:, 0] - 1) * (gains[:, apart] - 1)
        assert abs(products.mean() - abs(rho) ** 2) < 4.5 * products.std() / np.sqrt(len(products))


def test_ofdm_symbols_are_correlated_as_jakes_says():
    """J0(2 pi f_d t)^2, with f_d = v f / c and a symbol of 1 / 30 kHz and its cyclic prefix."""
    config.seed = 3
    gains = slot_gains(TDLOverOFDM("A", 0.0, speed=60.0, fft_size=14), 3000)[:, :, 0]
    times = (
        np.array([0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13]) * (15 / 14) / 30e3
    )  # of the data symbols
    for place in (3, 6, 11):
        rho = j0(2 * np.pi * 60.0 * 3.5e9 / SPEED_OF_LIGHT * times[place])
        products = (gains[:, 0] - 1) * (gains[:, place] - 1)
        assert abs(products.mean() - rho**2) < 4.5 * products.std() / np.sqrt(len(products))


@pytest.mark.parametrize("csi", ["perfect", "ls"])
@pytest.mark.parametrize(
    "make",
    [
        lambda csi: TDLOverOFDM("A", 30e-9, fft_size=24, csi=csi),
        lambda csi: TDLOverOFDM("C", 300e-9, speed=3.0, fft_size=24, csi=csi),
        lambda csi: CDLOverOFDM("B", csi=csi),
    ],
    ids=["tdl-a", "tdl-c", "cdl-b"],
)
def test_the_noise_left_has_the_variance_that_is_claimed(make, csi):
    config.seed = 4
    x, no = symbols(3, 3000), tensor([0.03, 0.01, 0.003])
    x_hat, no_eff = make(csi)(x, no)
    assert x_hat.shape == no_eff.shape == (3, 3000)
    x_hat, no_eff, x = to_numpy(x_hat), to_numpy(no_eff), to_numpy(x)
    assert (x_hat.dtype, no_eff.dtype) == (np.complex64, np.float32)
    normal = np.asarray(np.abs(x_hat - x) ** 2 / no_eff)
    # |CN(0, 1)|^2 has mean and deviation 1. Errors of one estimated pilot spoil up to 12 symbols
    # alike.
    together = 12 if csi == "ls" else 1
    assert np.all(np.abs(normal.mean(axis=1) - 1) < 5 * np.sqrt(together / 3000))


def test_the_error_of_an_estimated_channel_is_that_of_linear_interpolation(fixed_channel):
    """Two pilots with weights (11 - s) / 9 and (s - 2) / 9, each with the noise of a resource element."""
    block = OFDMLink(fixed_channel([[1.0]]), fft_size=6, csi="ls")
    s = np.arange(14)
    expected = ((11 - s) / 9) ** 2 + ((s - 2) / 9) ** 2
    data = [place for place in s if place not in (2, 11)]
    gain = np.asarray(block.error_gain)[0, 0, 0, 0, 0]
    assert np.allclose(gain, expected[:, None], rtol=1e-5)
    # And it is what happens: with h = 1 and a weak signal error, x_hat = x + w - e x to first
    # order.
    config.seed = 5
    x = tensor(np.ones([1, 4000 * 72], np.complex64))
    x_hat, no_eff = map(to_numpy, block(x, tensor([1e-4])))
    measured = np.mean(np.abs(np.reshape(x_hat, (4000, 12, 6)) - 1) ** 2, axis=(0, 2)) / 1e-4
    assert np.allclose(measured, 1 + expected[data], rtol=5 * np.sqrt(1 / 24000))
    claimed = np.mean(np.reshape(no_eff, (4000, 12, 6)), axis=(0, 2)) / 1e-4
    assert np.allclose(claimed, 1 + expected[data], rtol=0.01)


@pytest.mark.parametrize("gain", [1.0, 0.5j, 2.0 - 1.0j])
@pytest.mark.parametrize("snr_db", [-60.0, 0.0, 60.0, 120.0])
def test_one_antenna_is_divided_by_its_gain_at_any_snr(fixed_channel, gain, snr_db):
    block, no = OFDMLink(fixed_channel([[gain]]), fft_size=2), 10 ** (-snr_db / 10)
    no_eff = block(symbols(1, 24), tensor([no], "float32"))[1]
    assert np.allclose(no_eff, no / abs(gain) ** 2, rtol=1e-4)


def test_speed_and_estimation_can_be_combined_with_any_length():
    block = TDLOverOFDM("B", speed=30.0, csi="ls", fft_size=12)
    for count in (1, 143, 144, 145):
        x_hat, no_eff = block(symbols(2, count), tensor([0.1, 0.01]))
        assert x_hat.shape == no_eff.shape == (2, count)
        assert np.isfinite(x_hat).all() and np.all(np.asarray(no_eff) > 0)


def test_errors_name_what_was_given(fixed_channel):
    with pytest.raises(ValueError, match="csi is 'mmse'"):
        TDLOverOFDM(csi="mmse")
    with pytest.raises(ValueError, match="channel model 'tdl-f'"):
        channel_model("tdl-f")
    with pytest.raises(ValueError, match="7 subcarriers: a multiple of the 2 streams"):
        OFDMLink(fixed_channel(np.eye(2)), streams=2, fft_size=7)

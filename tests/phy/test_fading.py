"""Flat fading as a block: error rates and noise variances against theory."""

import keras
import numpy as np
import pytest
from sionna.phy import config
from sionna.phy.mapping import Demapper, Mapper

from moclink.phy.fading import RayleighFading, divide_out
from moclink.phy.layer import SionnaLayer
from moclink.phy.modems import IndexModem
from moclink.phy.ofdm import TDLOverOFDM
from moclink.phy.tensors import tensor

BLOCKS = {
    "block-rayleigh": RayleighFading(),
    "rayleigh": RayleighFading(coherence=7),
    "tdl-a": TDLOverOFDM("A", fft_size=24),
    "tdl-c-moving": TDLOverOFDM("C", 300e-9, speed=30.0, fft_size=24),
}


def symbols(batch: int, count: int):
    bits = np.random.default_rng(1).integers(0, 2, (batch, 6 * count)).astype(np.float32)
    return Mapper("qam", 6)(bits)


@pytest.mark.parametrize("name", BLOCKS)
def test_the_noise_left_has_the_variance_that_is_claimed(name):
    config.seed = 2
    x, no = symbols(3, 2000), tensor([0.3, 0.03, 0.003])
    x_hat, no_eff = BLOCKS[name](x, no)
    assert x_hat.shape == no_eff.shape == (3, 2000)
    normal = np.asarray(np.abs(x_hat - x) ** 2 / no_eff)
    # |CN(0, 1)|^2 has mean and deviation 1; 5 deviations of the mean of 2000.
    assert np.all(np.abs(normal.mean(axis=1) - 1) < 5 / np.sqrt(2000))


@pytest.mark.parametrize("name", ["rayleigh", "tdl-a"])
def test_a_functional_model_demaps_what_they_give(name):
    config.seed = 7
    bits, no = keras.Input((600,)), keras.Input(())
    y, no_eff = SionnaLayer(BLOCKS[name])(SionnaLayer(Mapper("qam", 6))(bits), no)
    model = keras.Model([bits, no], SionnaLayer(Demapper("app", "qam", 6))(y, no_eff))
    sent = np.random.default_rng(2).integers(0, 2, (2, 600)).astype(np.float32)
    # At 60 dB a bit fails only in a fade of 40 dB.
    assert np.array_equal(np.asarray(model([sent, np.float32([1e-6, 1e-6])])) > 0, sent > 0.5)


@pytest.mark.parametrize("snr_db", [10.0, 25.0])
def test_index_error_rate_on_fast_rayleigh_fading(snr_db):
    """Mean of 1.75 Q(sqrt(g SNR / 21)) over g ~ Exp(1): 0.875 (1 - sqrt(a / (1 + a))), a = SNR / 42."""
    config.seed = 3
    x, no = symbols(1, 60000), np.float32([10 ** (-snr_db / 10)])
    x_hat, no_eff = RayleighFading(coherence=1)(x, no)
    modem = IndexModem()
    decided = modem.demodulate(x_hat.numpy(), no_eff.numpy()).hard()
    sent = modem.demodulate(x.numpy(), np.float32([1e-3])).hard()
    a = 10 ** (snr_db / 10) / 42
    expected = 0.875 * (1 - np.sqrt(a / (1 + a)))
    # The two axes of a symbol share its gain, so symbols are counted as the independent trials.
    assert abs((decided != sent).mean() - expected) < 5 * np.sqrt(expected * (1 - expected) / 60000)


def test_gains_last_as_long_as_the_coherence():
    config.seed = 4
    x, no = symbols(2, 20), tensor([0.1, 0.1])
    one = np.asarray(RayleighFading()(x, no)[1])
    assert np.all(one == one[:, :1]) and one[0, 0] != one[1, 0]
    some = np.asarray(RayleighFading(coherence=8)(x, no)[1])
    assert [len(np.unique(row)) for row in some] == [3, 3]


def test_dividing_a_dead_symbol_stays_finite():
    y, no = divide_out(
        tensor(np.zeros((1, 2), np.complex64)), tensor(np.complex64([[0, 2j]])), tensor([0.4])
    )
    assert np.all(np.isfinite(y.numpy())) and np.allclose(no[0], [0.4 / 1e-12, 0.1])


def test_errors_name_what_was_given():
    with pytest.raises(ValueError, match="coherence is 0"):
        RayleighFading(coherence=0)


@pytest.mark.parametrize("name", ["rayleigh", "tdl-a"])
def test_a_noise_variance_may_be_a_number_as_for_awgn(name):
    x, found = symbols(2, 30), []
    for no in (0.1, np.float32(0.1), tensor(0.1), tensor([0.1, 0.1])):
        config.seed = 5
        x_hat, no_eff = BLOCKS[name](x, no)
        assert x_hat.shape == no_eff.shape == (2, 30)
        found.append(np.asarray(no_eff))
    assert all(np.allclose(each, found[-1], rtol=1e-5) for each in found)


def test_a_noise_variance_may_differ_from_symbol_to_symbol():
    x, each = symbols(2, 30), np.linspace(0.1, 1, 60, dtype=np.float32).reshape(2, 30)
    config.seed = 6
    whole = np.asarray(RayleighFading()(x, tensor(each))[1])
    config.seed = 6
    ones = np.asarray(RayleighFading()(x, tensor(np.ones((2, 1), np.float32)))[1])
    assert whole.shape == ones.shape == (2, 30) and np.allclose(whole, ones * each, rtol=1e-5)


@pytest.mark.parametrize("name", ["rayleigh", "tdl-a"])
def test_other_inputs_of_a_block_are_named(name):
    x = symbols(2, 30)
    with pytest.raises(ValueError, match=r"no has the shape \(2, 1, 1\); a number"):
        BLOCKS[name](x, tensor(np.ones((2, 1, 1), np.float32)))
    with pytest.raises(ValueError, match=r"x is .*complex64.* of shape .*complex symbols \[B, S\]"):
        BLOCKS[name](x[:, :, None], 0.1)
    with pytest.raises(ValueError, match="x is .*float32"):
        BLOCKS[name](tensor(np.ones((2, 30), np.float32)), 0.1)
    with pytest.raises(ValueError, match=r"coherence is 1.5 symbols; it must be a whole number"):
        RayleighFading(1.5)

"""Indices over Sionna blocks: unit power, channel codes of any size, gradients through the code."""

from math import erfc, sqrt

import numpy as np
import pytest
from sionna.phy import Block, config
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder

from moclink.phy.layer import SionnaLayer
from moclink.phy.qam_link import LDPCReceiver, QAMLink, equivalent_snr, interleave_axes
from moclink.phy.tensors import tensor, to_numpy

AWGN_PATH = "sionna.phy.channel.AWGN"


class Measured(Block):
    """No channel; keeps the mean energy of what each row sent."""

    def call(self, x, no):
        self.energy = np.mean(np.abs(to_numpy(x)) ** 2, axis=1)
        return x


@pytest.mark.parametrize("code", [None, (100, 204)])
def test_every_row_is_sent_with_unit_power_and_received_in_its_own_units(code):
    indices = np.random.default_rng(0).integers(0, 8, (3, 200))
    indices[0] = 7  # the outermost amplitude
    indices[1, ::2] = 4
    channel = SionnaLayer(Measured())
    path = QAMLink(
        8, channel, None if code is None else LDPC5GEncoder(*code, num_bits_per_symbol=6)
    )
    likelihoods, no = map(to_numpy, path(indices, np.full(3, 30.0, np.float32)))
    np.testing.assert_allclose(channel.block.energy, 1, atol=1e-5)
    np.testing.assert_array_equal(np.argmax(likelihoods, -1), indices)
    if (
        code is None
    ):  # what is told is relative to the constellation: 1e-3 times the energy that it had
        amplitude = np.array([3, 1, 5, 7, -3, -1, -5, -7])[indices] / sqrt(42)
        energy = 2 * np.mean(amplitude**2, axis=1)
        np.testing.assert_allclose(no, 1e-3 * energy, rtol=1e-4)


@pytest.mark.parametrize("code", [(720, 3600), (3840, 19200), (324, 648)])
@pytest.mark.parametrize("training", [False, True])
def test_codes_that_sionnas_decoder_cannot_reshape_are_decoded(code, training):
    config.seed = 17
    path = QAMLink(8, SionnaLayer(AWGN_PATH), LDPC5GEncoder(*code, num_bits_per_symbol=6))
    indices = np.random.default_rng(9).integers(0, 8, (1, 1300))
    snr_db = np.float32([5.0 if code[1] > 5 * code[0] - 1 else 16.0])
    likelihoods, no = map(to_numpy, path(indices, snr_db, training=training))
    np.testing.assert_array_equal(np.argmax(likelihoods, -1), indices)
    assert no[0] < 0.01


@pytest.mark.tensorflow_only("XLA is TensorFlow's; the gradient on PyTorch has a test of its own")
def test_in_training_the_decoder_is_sionnas_and_xla_compiles_its_gradient():
    import tensorflow as tf

    code = LDPC5GEncoder(100, 204)
    # Few iterations: LLRs stay below their limit, where gradients are zero.
    sionnas = LDPC5GDecoder(code, cn_update="boxplus-phi", num_iter=2, hard_out=False)
    decoder = LDPCReceiver(code, num_iter=2)
    bits = np.random.default_rng(1).integers(0, 2, (3, 100)).astype(np.float32)
    noise = np.random.default_rng(2).normal(size=(3, 204)).astype(np.float32)
    llr = tensor(2 * code(bits) - 1 + noise)
    np.testing.assert_allclose(decoder(llr, training=True), sionnas(llr), atol=1e-3)

    @tf.function(jit_compile=True)
    def gradient(llr):
        with tf.GradientTape() as tape:
            tape.watch(llr)
            total = tf.reduce_sum(decoder(llr, training=True))
        return tape.gradient(total, llr)

    with tf.GradientTape() as tape:
        tape.watch(llr)
        total = tf.reduce_sum(sionnas(llr))
    expected = tape.gradient(total, llr)
    found = gradient(llr)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-2 * np.abs(expected).max())


@pytest.mark.torch_only("the gradient of a tape has a test of its own")
def test_in_training_the_gradient_on_pytorch_is_that_of_sionnas_decoder():
    code = LDPC5GEncoder(100, 204)
    stock = LDPC5GDecoder(code, cn_update="boxplus-phi", num_iter=2, hard_out=False)
    decoder = LDPCReceiver(code, num_iter=2)
    bits = np.random.default_rng(1).integers(0, 2, (3, 100)).astype(np.float32)
    noise = np.random.default_rng(2).normal(size=(3, 204)).astype(np.float32)
    sent = 2 * to_numpy(code(bits)) - 1 + noise
    gradients = []
    for decode in (stock, lambda llr: decoder(llr, training=True)):
        llr = tensor(sent).requires_grad_()
        decode(llr).sum().backward()
        gradients.append(llr.grad.numpy())
    expected, found = gradients
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-2 * np.abs(expected).max())


def test_bits_of_pairs_interleave_on_the_axes():
    bits = np.arange(12).reshape(1, 4, 3)
    assert np.array_equal(
        to_numpy(interleave_axes(bits)), [[[0, 3, 1, 4, 2, 5], [6, 9, 7, 10, 8, 11]]]
    )


def test_equivalent_snr_inverts_the_error_rate():
    for states, snr_db in ((4, 9.0), (8, 14.0), (16, 22.0)):
        snr = 10 ** (snr_db / 10)
        rate = 2 * (1 - 1 / states) * 0.5 * erfc(sqrt(3 * snr / (states**2 - 1) / 2))
        assert abs(float(equivalent_snr(np.float32([rate]), states)[0]) - snr_db) < 0.11
    assert np.array_equal(to_numpy(equivalent_snr(np.float32([0, 1]), 8)), [40, -10])

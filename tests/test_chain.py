"""Chains: what is sent has unit power, and what arrives is decoded."""

import numpy as np
import pytest

from moclink.chain import AnalogChain, DigitalChain, IdealChain, capacity_bits
from moclink.images import read_image, sample_paths, to_float
from moclink.metrics import psnr
from moclink.phy.modems import BitModem, IndexModem, pam_amplitudes
from moclink.sources.file_source import FileSource
from moclink.sources.pillow_codecs import JPEG
from moclink.sources.rate import semantic_symbols
from moclink.types import ChannelState, Decoded, Demodulated, Header, Payload


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return to_float(read_image(sample_paths()[0])[None, 60:188, 100:292])


def fixed_budget(bits):
    return lambda height, width, csi: bits


class OuterIndices:
    """A source whose indices sit on the outer amplitudes."""

    alphabet = 8

    def encode(self, images, csi=None):
        rng = np.random.default_rng(1)
        outer = np.argsort(-np.abs(pam_amplitudes(8)))[:4]
        indices = rng.choice(outer, (len(images), 4000)).astype(np.uint8)
        return Payload(indices, Header(*images.shape[1:3], (4000,) * len(images)))

    def decode(self, demodulated, header):
        self.got = demodulated
        shape = (len(demodulated.values), header.height, header.width, 3)
        return Decoded(np.zeros(shape, np.float32), np.ones(shape[0], bool))


def test_parts_of_different_alphabets_do_not_join():
    source = FileSource(JPEG, fixed_budget(10_000))
    with pytest.raises(ValueError, match="alphabet of 2, the modem one of 8"):
        DigitalChain("wrong", source, IndexModem(8))


def test_a_picture_crosses_a_clean_channel_as_its_file():
    rng = np.random.default_rng(1)
    image = np.cumsum(rng.normal(size=(1, 40, 56, 3)), axis=2).astype(np.float32)
    image = (image - image.min()) / np.ptp(image)
    source = FileSource(JPEG, fixed_budget(20_000))
    chain = DigitalChain("jpeg", source, BitModem(6))
    sent = chain.transmit(image)
    no = np.float32([1e-3, 1e-3])
    got = chain.receive(np.repeat(sent.symbols, 2, 0), no, sent.header)
    expected = source.decode(Demodulated(2.0 * sent.payload.indices - 1, no[:1]), sent.header)
    assert got.decoded.all()
    assert np.array_equal(got.images[0], expected.images[0])
    assert np.array_equal(got.bits, [sent.payload.rate_fits[0].file_bits] * 2)
    assert chain.count_errors(sent, got).ber.tolist() == [0, 0]


def test_indices_on_outer_amplitudes_are_sent_with_unit_power():
    """The receiver's log-likelihoods are those of the scaled constellation."""
    source, no = OuterIndices(), np.float32([0.01])
    chain = DigitalChain("outer", source, IndexModem(8))
    sent = chain.transmit(np.zeros((1, 8, 8, 3), np.float32))
    unscaled = IndexModem(8).modulate(sent.payload.indices)
    assert np.mean(np.abs(unscaled) ** 2) > 1.5 and np.allclose(sent.energy, 1, rtol=1e-6)
    chain.receive(sent.symbols, no, sent.header)
    scale = sent.header.scale[0]
    y = sent.symbols.view(np.float32)[0]
    expected = -((y[:, None] - scale * pam_amplitudes(8)) ** 2) / no
    assert np.allclose(source.got.values[0], expected, rtol=1e-3, atol=1e-3)
    assert np.allclose(source.got.snr_db, 20 + 20 * np.log10(scale), atol=1e-4)


class Reals:
    """An analog codec that sends the pixels of cells as they are."""

    def encode(self, images):
        batch, height, width, _ = images.shape
        return (
            images.reshape(batch, height // 8, 8, width // 8, 8, 3)
            .swapaxes(2, 3)
            .reshape(batch, height // 8, width // 8, 192)
        )

    def decode(self, received, height=None, width=None, snr_db=None):
        self.snr_db = snr_db
        cells = received.reshape(len(received), height // 8, width // 8, 8, 8, 3)
        return cells.swapaxes(2, 3).reshape(len(received), height, width, 3)


def test_an_analog_codec_of_any_power_is_sent_with_unit_power(photo):
    codec = Reals()
    chain = AnalogChain("reals", codec, 192)
    sent = chain.transmit(photo)
    assert np.allclose(sent.energy, 1, rtol=1e-5)
    got = chain.receive(sent.symbols, np.float32([0.1]), sent.header)
    assert np.allclose(got.images, photo, atol=1e-5)
    assert codec.snr_db == pytest.approx(10, abs=1e-5)


@pytest.fixture(scope="module")
def ideal() -> IdealChain:
    def budget(height, width, csi):
        return capacity_bits(semantic_symbols(height, width), csi)

    return IdealChain("jpeg-capacity", FileSource(JPEG, budget), semantic_symbols)


def test_an_ideal_code_carries_what_shannon_allows(ideal, photo):
    symbols, quality = semantic_symbols(*photo.shape[1:3]), []
    for snr_db in (0.0, 10.0, 20.0):
        sent = ideal.transmit(photo, ChannelState(snr_db))
        assert sent.symbols.shape == (1, symbols) and sent.energy == pytest.approx(1, rel=1e-6)
        (fit,) = sent.payload.rate_fits
        assert fit.budget_bits == int(
            symbols * np.log2(1 + 1 / np.float64(np.float32(10 ** (-snr_db / 10))))
        )
        got = ideal.receive(sent.symbols, np.float32([10 ** (-snr_db / 10)]), sent.header)
        assert got.decoded.tolist() == [fit.fits] and got.bits.tolist() == [
            min(fit.file_bits, fit.budget_bits)
        ]
        quality.append(psnr(got.images, photo)[0])
    assert quality[0] < quality[1] < quality[2]


def test_an_ideal_code_fails_below_its_rate(ideal, photo):
    """The sender was told 10 dB. Half of the symbols may fade if the others make up for it."""
    sent = ideal.transmit(photo, ChannelState(10.0))
    symbols = sent.symbols.shape[1]
    (used,) = sent.header.lengths
    need = 2 ** (used / symbols) - 1  # the SNR whose capacity is the rate
    no = np.full((4, symbols), 1 / need, np.float32)
    no[0] *= 1.01
    no[1] *= 0.99
    no[2, ::2] *= 4
    no[3, ::2], no[3, 1::2] = no[3, ::2] * 4, no[3, 1::2] / 5
    got = ideal.receive(np.repeat(sent.symbols, 4, 0), no, sent.header)
    assert got.decoded.tolist() == [False, True, False, True]
    assert (got.images[0] == 0.5).all()


def test_an_ideal_chain_says_what_it_needs(ideal, photo):
    with pytest.raises(ValueError, match="give it csi"):
        ideal.transmit(photo)
    with pytest.raises(ValueError, match="only what an ideal chain has sent"):
        ideal.receive(np.zeros((1, 4), np.complex64), np.float32([1]), Header(8, 8, (0,)))

"""Chains as two joined parts, and the one place where errors are counted."""

import numpy as np
import pytest

from moclink.chain import DigitalChain, count_letter_errors, hard_letters
from moclink.phy.modems import BitModem, IndexModem
from moclink.sources.file_source import FileSource
from moclink.sources.pillow_codecs import JPEG


def test_bit_and_block_errors_are_counted_by_hand():
    sent = np.array([[1, 0, 1, 1, 0, 1, 0]], np.uint8)
    got = np.array([[1, 0, 1, 1, 0, 1, 0, 0], [0, 0, 1, 1, 0, 1, 0, 0], [1, 0, 1, 1, 0, 0, 1, 1]], np.uint8)
    rates = count_letter_errors(sent, got, (7,), 2, 4)
    assert np.allclose(rates.ber, [0, 1 / 7, 2 / 7])  # the padding bit is no bit of the file
    assert np.allclose(rates.bler, [0, 0.5, 0.5])  # but belongs to the block
    assert rates.ier is None


def test_index_errors_count_label_bits():
    sent = np.array([[0, 7, 3, 5]], np.uint8)
    got = np.array([[0, 7, 3, 5], [1, 0, 3, 5]], np.uint8)
    rates = count_letter_errors(sent, got, (4,), 8, None)
    assert np.allclose(rates.ier, [0, 0.5])
    assert np.allclose(rates.ber, [0, (1 + 3) / 12])
    assert rates.bler is None


def test_hard_letters():
    assert hard_letters(np.array([[-1.0, 2.0, 0.0]])).tolist() == [[0, 1, 0]]
    assert hard_letters(np.array([[[0.0, 3.0, 1.0], [5.0, 3.0, 1.0]]])).tolist() == [[1, 0]]


def test_parts_of_different_alphabets_do_not_join():
    source = FileSource(JPEG, lambda height, width: 10_000)
    with pytest.raises(ValueError, match="alphabet of 2, the modem one of 8"):
        DigitalChain("wrong", source, IndexModem(8))


def test_a_picture_crosses_a_clean_channel_as_its_file():
    rng = np.random.default_rng(1)
    image = np.cumsum(rng.normal(size=(1, 40, 56, 3)), axis=2).astype(np.float32)
    image = (image - image.min()) / np.ptp(image)
    source = FileSource(JPEG, lambda height, width: 20_000)
    chain = DigitalChain("jpeg", source, BitModem(6))
    sent = chain.transmit(image)
    got = chain.receive(np.repeat(sent.symbols, 2, 0), np.float32([1e-3, 1e-3]), sent.header)
    expected = source.decode(2.0 * sent.payload.letters - 1, sent.header)
    assert got.decoded.all()
    assert np.array_equal(got.images[0], expected.images[0])
    assert np.array_equal(got.bits, [sent.payload.rate_fits[0].file_bits] * 2)
    assert chain.count_errors(sent, got).ber.tolist() == [0, 0]

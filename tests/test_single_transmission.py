"""Chains that send once: the channel is used once for all realisations, whatever arrives."""

import numpy as np

from moclink.chain_factory import make_chain
from moclink.images import read_image, sample_paths, to_float
from moclink.snr import noise_variance
from moclink.types import ChannelState

PHOTO = to_float(read_image(sample_paths()[0])[80:112, 100:148])[None]


def test_every_realisation_is_received_once_in_its_place():
    chain = make_chain("softcast@1/24")
    sent = chain.transmit(PHOTO, ChannelState(10.0))
    no = np.float32([noise_variance(snr_db) for snr_db in (-10.0, 40.0, 10.0)])
    noise = np.random.default_rng(3).standard_normal((3, sent.symbols.shape[1], 2)) @ [1, 1j]
    arrived = (sent.symbols + noise * np.sqrt(no[:, None] / 2)).astype(np.complex64)
    uses = []

    def channel(number, rows, symbols):
        uses.append((number, rows.tolist(), symbols))
        return arrived, no

    reception = chain.exchange(sent, 3, channel)
    ((number, rows, symbols),) = uses
    assert (number, rows) == (0, [0, 1, 2]) and symbols is sent.symbols
    expected = chain.receive(arrived, no, sent.header)
    assert np.array_equal(reception.images, expected.images) and reception.transmissions is None
    errors = ((reception.images - PHOTO) ** 2).mean((1, 2, 3))
    assert errors[1] < errors[2] < errors[0]


def test_a_lost_picture_is_not_sent_again():
    chain, uses = make_chain("jpeg-ldpc"), []
    sent = chain.transmit(PHOTO)

    def only_noise(number, rows, symbols):
        uses.append(number)
        noise = np.random.default_rng(1).standard_normal((len(rows), symbols.shape[1], 2))
        return (noise @ [1, 1j]).astype(np.complex64), np.full(len(rows), 2, np.float32)

    assert not chain.exchange(sent, 2, only_noise).decoded.any() and uses == [0]

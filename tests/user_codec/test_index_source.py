"""Codecs of bits and indices of a user's own: what is sent, and what their decoders are given."""

import numpy as np
import pytest

from moclink.types import Decoded, Header, Payload


def test_indices_are_sent_as_those_of_the_semantic_chains(photo, fixed_codec, build_chain):
    indices = np.arange(60, dtype=np.int64)[None] % 8
    codec = fixed_codec(indices, lambda received: photo, alphabet=8)
    chain = build_chain(codec)
    sent = chain.transmit(photo)
    assert sent.symbols.shape == (1, 30)  # two indices are a 64-QAM symbol
    chain.receive(sent.symbols, np.float32([1e-4]), sent.header)
    assert np.array_equal(codec.received, indices)


@pytest.mark.parametrize("alphabet", [2, 8])
def test_decisions_have_the_shape_of_what_was_sent(alphabet, photo, fixed_codec, build_chain):
    indices = np.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3) % alphabet
    codec = fixed_codec(indices, lambda received: photo[[0] * len(received)], alphabet=alphabet)
    chain = build_chain(codec)
    sent = chain.transmit(photo[[0, 0]])
    chain.receive(sent.symbols, np.float32([1e-4, 1e-4]), sent.header)
    assert np.array_equal(codec.received, indices)


def test_a_source_of_records_gets_log_likelihoods(photo, build_chain):
    class Records:
        alphabet = 8

        def encode(self, images):
            return Payload(np.uint8([[1, 2, 3, 4]]), Header(64, 96, (4,)))

        def decode(self, demodulated, header):
            assert demodulated.values.shape[1:] == (4, 8)
            return Decoded(
                photo.repeat(len(demodulated.values), 0), np.ones(len(demodulated.values), bool)
            )

    chain = build_chain(Records())
    sent = chain.transmit(photo)
    got = chain.receive(sent.symbols, np.float32([1e-4]), sent.header)
    assert np.array_equal(got.images, photo) and not got.problems


def test_rows_of_different_lengths_come_back_without_their_padding(photo, fixed_codec, build_chain):
    rows = [np.arange(12) % 8, np.arange(20) % 8]
    codec = fixed_codec(rows, lambda received: photo[[0] * len(received)], alphabet=8)
    chain = build_chain(codec)
    sent = chain.transmit(photo[[0, 0]])
    assert sent.header.lengths == (12, 20) and sent.symbols.shape == (2, 10)
    got = chain.receive(sent.symbols, np.float32([1e-4, 1e-4]), sent.header)
    assert [row.tolist() for row in codec.received] == [row.tolist() for row in rows]
    assert got.bits.tolist() == [36, 60]


def test_a_codec_of_payloads_answers_with_records(photo, build_chain):
    class Careless:
        alphabet = 8

        def encode(self, images):
            return Payload(np.uint8([[1, 2, 3, 4]]), Header(64, 96, (4,)))

        def decode(self, demodulated, header):
            return photo

    chain = build_chain(Careless())
    sent = chain.transmit(photo)
    (problem,) = chain.receive(sent.symbols, np.float32([0.1]), sent.header).problems
    assert "decode returned ndarray; a Decoded is wanted" in problem

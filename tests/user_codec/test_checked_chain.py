"""Whole chains of a user's own: sent at unit power, and checked in what they return."""

import re

import numpy as np
import pytest

from moclink.errors import ChainError
from moclink.types import ErrorRates, Header, Reception, Transmission


class Loud:
    """A chain whose symbols have energy 4."""

    name, adaptive, modem = "loud", False, None

    def transmit(self, images):
        return Transmission(np.full((1, 10), 2, np.complex64), Header(64, 96, (0,)))

    def receive(self, received, no, header):
        images = np.full((len(received), 64, 96, 3), received.real.mean() / 4, np.float32)
        return Reception(images, np.ones(len(received), bool))

    def count_errors(self, transmission, reception):
        return ErrorRates()


def test_a_whole_chain_is_brought_to_unit_power_and_back(photo, build_chain):
    chain = build_chain(Loud(), "loud")
    sent = chain.transmit(photo)
    assert sent.energy == pytest.approx(1, abs=1e-6)
    got = chain.receive(sent.symbols, np.float32([0.1]), sent.header)
    assert np.allclose(got.images, 0.5)


def test_symbols_of_unit_power_and_their_header_pass_as_they_are(photo, build_chain):
    class Quiet(Loud):
        def transmit(self, images):
            sent = super().transmit(images)
            return Transmission(sent.symbols / 2, sent.header)

    sent = build_chain(Quiet()).transmit(photo)
    assert np.array_equal(sent.symbols, np.ones((1, 10))) and type(sent.header) is Header


def test_rows_that_fail_are_outages_and_have_no_error_rates(photo, build_chain):
    class Deaf(Loud):
        def receive(self, received, no, header):
            if (received.real < 0).any():
                raise RuntimeError("negative")
            return super().receive(received, no, header)

        def count_errors(self, transmission, reception):
            return ErrorRates(ber=np.zeros(len(reception.images)))

    chain = build_chain(Deaf())
    sent = chain.transmit(photo)
    received = sent.symbols * np.float32([[1], [-1], [1]])
    got = chain.receive(received, np.full(3, 0.1, np.float32), sent.header)
    assert got.decoded.tolist() == [True, False, True]
    assert got.problems == ("", "decode failed: RuntimeError: negative", "")
    assert np.array_equal(chain.count_errors(sent, got).ber, [0, np.nan, 0], equal_nan=True)


@pytest.mark.parametrize(
    "method,returned,message",
    [
        ("transmit", np.ones((1, 8)), "transmit returned ndarray; a moclink.types.Transmission"),
        ("transmit", Transmission(np.ones((2, 8), complex), Header(64, 96, (0,))), r"\[2, 8\]"),
        ("receive", np.ones((1, 64, 96, 3)), "receive returned ndarray; a moclink"),
    ],
    ids=["no-record", "two-rows", "no-reception"],
)
def test_what_a_chain_returns_is_checked(method, returned, message, photo, build_chain):
    inner = Loud()
    setattr(inner, method, lambda *given: returned)
    chain = build_chain(inner)
    if method == "transmit":
        with pytest.raises(ChainError, match=message):
            chain.transmit(photo)
    else:
        sent = chain.transmit(photo)
        (problem,) = chain.receive(sent.symbols, np.float32([0.1]), sent.header).problems
        assert re.search(message, problem)

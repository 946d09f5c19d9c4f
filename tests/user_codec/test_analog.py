"""What a codec's methods may ask for, and what they are told that there is."""

import numpy as np
import pytest

from moclink.errors import ChainError
from moclink.types import ChannelState

OUT = np.full((1, 64, 96, 3), 0.25, np.float32)


def with_methods(encode, decode, adaptive=False):
    """A codec of these functions."""
    methods = {"encode": staticmethod(encode), "decode": staticmethod(decode)}
    return type("Mine", (), {**methods, "adaptive": adaptive})()


def sends(images):
    return np.ones((len(images), 8))


def shows(received):
    return OUT


@pytest.mark.parametrize(
    "codec,message",
    [
        (
            with_methods(sends, lambda received, snr: OUT),
            "decode failed: .*asks for snr; after what is received there are height, width, snr_db",
        ),
        (with_methods(sends, lambda received, h, w: OUT), "decode failed: .*asks for h, w; after"),
        (
            with_methods(lambda images, snr_db: 1, shows),
            r"encode failed: .*asks for snr_db; .* has adaptive = True and encode\(images, csi\)",
        ),
        (
            with_methods(lambda images, snr_db: 1, shows, adaptive=True),
            r"encode failed: .*adaptive is set; encode\(images, csi\) is wanted",
        ),
        (with_methods(sends, shows, adaptive=True), r"adaptive is set; encode\(images, csi\)"),
    ],
)
def test_parameters_that_there_are_not_are_answered_with_those_there_are(
    codec, message, photo, build_chain
):
    chain = build_chain(codec)
    with pytest.raises(ChainError, match=message):
        sent = chain.transmit(photo, ChannelState(7.0))
        raise ChainError("mine", chain.receive(sent.symbols, np.ones(1), sent.header).problems[0])


def test_a_compiled_encoder_that_does_not_tell_its_parameters_is_called(photo, build_chain):
    class Compiled:
        __signature__ = "none"  # as of compiled code: inspect.signature fails

        def __call__(self, images):
            return np.ones((len(images), 8))

    codec = type("Mine", (), {"encode": Compiled(), "decode": staticmethod(shows)})()
    assert build_chain(codec).transmit(photo).symbols.shape == (1, 4)

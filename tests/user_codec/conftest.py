"""What the tests of users' codecs share: a photograph, and codecs that return what they are given."""

import pytest

from moclink.chain_factory import ChainFactory
from moclink.images import read_image, sample_paths, to_float


class FixedCodec:
    """A codec that returns what it is given to return."""

    def __init__(self, sent, got=None, **attributes):
        self.sent, self.got = sent, got
        self.__dict__.update(attributes)

    def encode(self, images):
        return self.sent

    def decode(self, received):
        self.received = received
        return self.got(received) if callable(self.got) else self.got


@pytest.fixture
def fixed_codec():
    return FixedCodec


@pytest.fixture
def build_chain():
    return lambda codec, name="mine": ChainFactory().from_object(name, codec)


@pytest.fixture(scope="module")
def photo():
    return to_float(read_image(sample_paths()[0])[None, 60:124, 100:196])

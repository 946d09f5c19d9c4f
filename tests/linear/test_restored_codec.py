"""A codec with restoration: the same symbols, and the network's picture of the codec's estimate."""

import numpy as np

from moclink.linear.restored_codec import RestoredCodec
from moclink.types import ChannelState


class Darker:
    """Subtracts the root of the expected error, block by block; keeps what it was given."""

    def __call__(self, estimate):
        self.estimate = estimate
        error = np.sqrt(estimate.errors.sum(-1) / 3).repeat(32, axis=1).repeat(32, axis=2)
        height, width = estimate.images.shape[1:3]
        return np.clip(estimate.images - error[:, :height, :width, None], 0, 1)


def test_what_is_sent_is_the_codecs_and_what_is_received_the_networks(codecs, photo, over_awgn):
    inner, network = codecs["linear"], Darker()
    codec, images = RestoredCodec(inner, network), photo[None, :90, :70]
    symbols, header = codec.encode(images, ChannelState(5.0))
    expected, expected_header = inner.encode(images, ChannelState(5.0))
    np.testing.assert_array_equal(symbols, expected)
    np.testing.assert_array_equal(header.bits[0], expected_header.bits[0])
    received, no = over_awgn(symbols, 5.0)
    found, plain = codec.decode(received, no, header), inner.estimate(received, no, header)
    np.testing.assert_array_equal(network.estimate.images, plain.images)
    np.testing.assert_array_equal(network.estimate.errors, plain.errors)
    np.testing.assert_array_equal(found, network(plain))
    assert found.mean() < plain.images.mean() - 0.005

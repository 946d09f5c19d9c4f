"""The semantic codec with codebooks of its channel as chains: energy, knowledge, quality, repeats."""

import numpy as np
import pytest

from moclink.chain_factory import ChainFactory
from moclink.images import read_image, sample_paths
from moclink.metrics import psnr
from moclink.phy.channels import get_channel, noise_variance
from moclink.sources.channel_optimized_source import ChannelOptimizedSource
from moclink.types import ChannelState, Demodulated, Header


@pytest.fixture(scope="module")
def photo():
    return read_image(sample_paths()[0])[None, 60:181, 100:237].astype(np.float32) / 255


@pytest.fixture(scope="module")
def chains():
    return ChainFactory()


def quality(chain, image, snr_db):
    sent = chain.transmit(image, ChannelState(snr_db))
    assert sent.energy[0] == pytest.approx(1, rel=1e-5)
    output = get_channel("awgn")(sent.symbols, noise_variance([snr_db]), keys=[("t", 1)])
    got = chain.receive(output.received, output.no, sent.header)
    assert got.decoded.all() and chain.count_errors(sent, got).ier.shape == (1,)
    return float(psnr(got.images, image)[0])


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_symbols_are_those_of_the_levels(chains, photo, levels):
    chain = chains.make(f"moc-rvq-adaptive-l{levels}")
    assert chain.adaptive
    for snr_db in (-7.0, 3.0, 40.0):
        sent = chain.transmit(photo, ChannelState(snr_db))
        assert sent.symbols.shape == (1, 2 * levels * 16 * 18)


def test_told_or_not_it_is_above_the_chain_made_for_no_channel(chains, photo):
    adaptive, robust, plain = (
        chains.make(name) for name in ("moc-rvq-adaptive-l4", "moc-rvq-robust-l4", "moc-rvq-l4")
    )
    assert not robust.adaptive
    for snr_db in (0.0, 5.0, 10.0, 15.0):
        best = quality(adaptive, photo, snr_db)
        # 3 dB and more in docs/adaptive-codecs.md; a small picture varies by a fraction of that.
        assert best > quality(plain, photo, snr_db) + 2
        assert best > quality(robust, photo, snr_db) - 0.3
        assert quality(robust, photo, snr_db) > quality(plain, photo, snr_db) + 1


def test_without_noise_it_is_the_plain_chain(chains, photo):
    adaptive, plain = chains.make("moc-rvq-adaptive-l2"), chains.make("moc-rvq-l2-no-nrb")
    a, b = (chain.transmit(photo, ChannelState(50.0)) for chain in (adaptive, plain))
    assert np.array_equal(a.payload.indices, b.payload.indices)
    assert np.array_equal(a.symbols, b.symbols)


def test_an_index_that_is_repeated_adds_up(chains, photo):
    """Uses of one index at noise variances no and 3 no are one at 3/4 no."""
    codec = chains.make("moc-rvq-adaptive-l4").source.codec
    budget, snr_db = next(
        (n, s) for n in (4, 3, 2) for s in codec.grid.snr_db if codec.grid.sending(n, s).repeats > 1
    )
    source = ChannelOptimizedSource(codec, budget)
    payload = source.encode(photo, ChannelState(snr_db))
    sending = codec.grid.sending(budget, snr_db)
    count, repeats = sending.books.codebooks.shape[0], sending.repeats
    indices = payload.indices.reshape(16, 18, repeats, count, 4)
    assert np.array_equal(indices[:, :, 0], indices[:, :, 1])
    values = np.random.default_rng(0).normal(size=(1, indices.size, 8)).astype(np.float32)
    got = source.decode(Demodulated(values, np.float32([1.0])), payload.header)
    together = values.reshape(1, 16, 18, repeats, count, 4, 8).sum(3)
    expected = codec.decode(together, sending.books, 121, 137)
    np.testing.assert_allclose(got.images, expected, atol=1e-5)


def test_what_has_to_be_known_is_asked_for(chains, photo):
    codec = chains.make("moc-rvq-adaptive-l4").source.codec
    with pytest.raises(ValueError, match=r"give encode the channel state \(csi\)"):
        ChannelOptimizedSource(codec, 4).encode(photo)
    with pytest.raises(ValueError, match="5 levels: this codec has codebooks for"):
        ChannelOptimizedSource(codec, 5)
    with pytest.raises(ValueError, match="not told the SNR has 4 levels"):
        ChannelOptimizedSource(codec, 2, sender_knows_snr=False)
    with pytest.raises(ValueError, match="a SenderSNRHeader does"):
        got = Demodulated(np.zeros((1, 64, 8), np.float32), np.float32([1.0]))
        ChannelOptimizedSource(codec, 4).decode(got, Header(8, 8, (16,)))

"""The semantic link: against the codec, against the simulator's chain on the same noise, against theory."""

from math import erfc, sqrt

import keras
import numpy as np
import pytest
from sionna.phy import Block, config
from sionna.phy.channel import AWGN
from sionna.phy.fec.ldpc import LDPC5GEncoder

from moclink.chain import DigitalChain
from moclink.codec.index_channel import IndexChannel
from moclink.codec.semantic_codec import SemanticCodec
from moclink.link import SemanticLink
from moclink.phy import tensors
from moclink.phy.fading import RayleighFading
from moclink.phy.layer import SionnaLayer
from moclink.phy.modems import IndexModem
from moclink.phy.ofdm import TDLOverOFDM
from moclink.phy.tensors import to_numpy
from moclink.sources.semantic import SemanticSource

AWGN_PATH = "sionna.phy.channel.AWGN"


@pytest.fixture
def codec(link_codec):
    return link_codec


def decibels(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


class Clean(Block):
    """No channel at all."""

    def call(self, x, no):
        return x


class GivenNoise(Block):
    """Adds noise that was drawn elsewhere: standard complex normal [B, S]."""

    def __init__(self, noise):
        super().__init__()
        self._noise = tensors.tensor(noise)

    def call(self, x, no):
        return x + self._noise * tensors.astype(no**0.5, x.dtype)[:, None]


class KnownGain(Block):
    """A constant complex gain, given to the receiver: (y, h)."""

    def call(self, x, no):
        h = 0 * x + (0.3 - 0.4j)
        return AWGN()(h * x, no), h


@pytest.mark.parametrize(("receiver", "levels"), [("soft", 4), ("hard", 1)])
def test_without_noise_it_is_the_codec(codec, receiver, levels, pictures):
    images, snr = pictures(2), decibels(30, 40)
    indices = codec.encode(images, levels)[:, :, :, :levels]
    link = SemanticLink(codec, Clean(), levels, receiver, use_nrb=False)
    assert np.array_equal(to_numpy(link.encode(images)), indices)
    plain = codec.decode(indices, height=37, width=50)
    assert np.allclose(to_numpy(link((images, snr))), plain, atol=1e-6)
    link = SemanticLink(codec, Clean(), levels, receiver)
    full = codec.decode(indices, None, snr, 37, 50)
    assert np.allclose(to_numpy(link((images, snr))), full, atol=1e-5)


@pytest.mark.parametrize(("receiver", "levels"), [("soft", 4), ("soft", 2), ("hard", 3)])
def test_on_the_same_noise_it_is_the_simulators_chain(codec, receiver, levels, pictures):
    images, snr = pictures(3), decibels(2, 11, 19)
    chain = DigitalChain("chain", SemanticSource(codec, levels, receiver), IndexModem())
    sent = chain.transmit(images)
    rng = np.random.default_rng(6)
    noise = rng.normal(scale=sqrt(0.5), size=(2, *sent.symbols.shape)).astype(np.float32)
    noise = noise[0] + 1j * noise[1]
    no = (10 ** (-snr / 10)).astype(np.float32)
    got = chain.receive(sent.symbols + np.sqrt(no)[:, None] * noise, no, sent.header)

    link = SemanticLink(codec, GivenNoise(noise), levels, receiver)
    likelihoods, variance = map(to_numpy, link.transport(link.encode(images), snr))
    assert np.array_equal(np.argmax(np.reshape(likelihoods, (3, -1, 8)), -1), got.indices)
    assert (got.indices != sent.payload.indices).mean() > 0.1
    # Both send each picture with mean energy 1 and undo that at the receiver, with its noise.
    assert np.allclose(variance, no / np.square(sent.header.scale), rtol=1e-4)
    assert np.allclose(to_numpy(link((images, snr))), got.images, atol=2e-5)


@pytest.mark.parametrize(
    "channel", [AWGN_PATH, IndexChannel(8, seed=2), KnownGain()], ids=["awgn", "training", "gain"]
)
@pytest.mark.parametrize("snr_db", [10.0, 20.0])
def test_index_error_rate_is_the_theory_of_64_qam(codec, channel, snr_db):
    config.seed = 11
    link = SemanticLink(codec, channel)
    indices = np.random.default_rng(8).integers(0, 8, (2, 60, 60, 4, 4))
    likelihoods = to_numpy(link.transport(indices, decibels(snr_db, snr_db))[0])
    errors = (np.argmax(likelihoods, -1) != indices).mean()
    snr = 10 ** (snr_db / 10) * (0.25 if isinstance(channel, KnownGain) else 1)
    expected = 1.75 * 0.5 * erfc(sqrt(snr / 21) / sqrt(2))
    # Five standard deviations of a binomial share.
    assert abs(errors - expected) < 5 * sqrt(expected * (1 - expected) / indices.size)


CHANNELS = {
    "path": AWGN_PATH,
    "class": AWGN,
    "layer": SionnaLayer(AWGN),
    "block-rayleigh": RayleighFading(),
    "rayleigh": RayleighFading(coherence=16),
    "tdl": TDLOverOFDM(fft_size=24),
    "training": IndexChannel(8, seed=1),
    "training-hard": IndexChannel(8, "hard", seed=1),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_the_channel_is_swapped_by_one_argument(codec, name, pictures):
    config.seed = 12
    images, link = pictures(2), SemanticLink(codec, CHANNELS[name])
    received = to_numpy(link((images, decibels(5, 60))))
    # At 60 dB only a gain of 1/1000 could hurt; and NRB and receiver know of the noise.
    clean = to_numpy(SemanticLink(codec, Clean())((images, decibels(5, 60))))
    assert np.allclose(received[1], clean[1], atol=1e-4)
    assert not np.allclose(received[0], clean[0], atol=1e-2)
    assert received.min() >= 0 and received.max() <= 1


def test_a_code_removes_the_errors_that_uncoded_indices_have(codec, pictures):
    config.seed = 15
    images, snr = pictures(2, 64, 96), decibels(14, 16)
    code = LDPC5GEncoder(324, 648, num_bits_per_symbol=6)
    plain, coded = SemanticLink(codec, AWGN_PATH), SemanticLink(codec, AWGN_PATH, code=code)
    indices = to_numpy(plain.encode(images))
    wrong = [
        np.mean(np.argmax(to_numpy(link.transport(indices, snr)[0]), -1) != indices)
        for link in (plain, coded)
    ]
    assert wrong[0] > 0.1 and wrong[1] == 0
    # The NRB is told of a channel as good as what the decoder leaves of it.
    snr_found = -10 * np.log10(to_numpy(coded.transport(indices, snr)[1]))
    assert np.all(
        snr_found > 20
    )  # a codeword is left as soon as its checks hold, hardly more certain than that
    expected = codec.decode(indices, None, snr_found, 64, 96)
    assert np.allclose(to_numpy(coded((images, snr))), expected, atol=1e-4)


def test_below_the_waterfall_decoded_indices_still_say_something(codec):
    config.seed = 16
    code = LDPC5GEncoder(100, 204)
    link = SemanticLink(codec, AWGN_PATH, receiver="hard", code=code)
    indices = np.random.default_rng(8).integers(0, 8, (2, 20, 20, 4, 4))
    likelihoods, no = map(to_numpy, link.transport(indices, decibels(2, 5)))
    snr_found = -10 * np.log10(no)
    wrong = (np.argmax(likelihoods, -1) != indices).mean(axis=(1, 2, 3, 4))
    assert np.all((0.5 < wrong) & (wrong < 0.8))  # chance is 7/8
    assert wrong[1] < wrong[0] and snr_found[0] < snr_found[1] < 20


@pytest.mark.parametrize("snr_db", [np.inf, -np.inf, 400.0, -400.0])
@pytest.mark.parametrize(
    ("channel", "code"),
    [
        *((AWGN_PATH, None), (RayleighFading(), None), (IndexChannel(8, seed=1), None)),
        *((AWGN_PATH, (100, 204)), (RayleighFading(), (324, 648))),
    ],
)
def test_any_snr_gives_a_picture(codec, channel, code, snr_db, pictures):
    config.seed = 19
    link = SemanticLink(codec, channel, code=code)
    received = to_numpy(link((pictures(1), decibels(snr_db))))
    assert np.all((received >= 0) & (received <= 1))
    if snr_db > 0:
        clean = to_numpy(SemanticLink(codec, Clean())((pictures(1), decibels(60))))
        assert np.allclose(received, clean, atol=1e-4)


def test_other_alphabets_ride_on_their_constellation(codec, pictures):
    parts = {**codec.config, "quantizer": {**codec.config["quantizer"], "states": 16}}
    keras.utils.set_random_seed(9)
    wide = SemanticCodec(parts)
    images, snr = pictures(2), decibels(60, 60)
    link = SemanticLink(wide, AWGN_PATH, use_nrb=False)
    expected = wide.decode(wide.encode(images), height=37, width=50)
    assert np.allclose(to_numpy(link((images, snr))), expected, atol=1e-5)


def test_errors_name_what_was_given(codec, monkeypatch):
    with pytest.raises(ValueError, match="levels is 5; it must be a whole number from 1 to 4"):
        SemanticLink(codec, AWGN_PATH, levels=5)
    with pytest.raises(ValueError, match="receiver is 'mild'"):
        SemanticLink(codec, AWGN_PATH, receiver="mild")
    with pytest.raises(ValueError, match="train is .*'generator'"):
        SemanticLink(codec, AWGN_PATH, train=("generator",))
    with pytest.raises(ValueError, match="channel is 3; it must be a Sionna block"):
        SemanticLink(codec, 3)
    with pytest.raises(ValueError, match=r"GaussianNoise.*or a Keras layer that turns \(indices"):
        SemanticLink(codec, keras.layers.GaussianNoise(0.1))
    for name in ("rayleigh", "tdl-c?delay_spread=300e-9"):
        with pytest.raises(ValueError, match="a name for moclink.run; .*'sionna.phy.channel.AWGN'"):
            SemanticLink(codec, name)
    with pytest.raises(ValueError, match="IndexChannel carries indices"):
        SemanticLink(codec, IndexChannel(8), code=LDPC5GEncoder(100, 204))
    with pytest.raises(ValueError, match="n = 200 bits do not fill whole symbols of 6"):
        SemanticLink(codec, AWGN_PATH, code=LDPC5GEncoder(100, 200))
    for code in ((100, 200), (3841, 19200), (8449, 25344), (100,), (0.5, 600)):
        with pytest.raises(ValueError, match=r"code is \(.*\): .*n a multiple of 6, the bits"):
            SemanticLink(codec, AWGN_PATH, code=code)
    for code in (648, "ldpc"):
        with pytest.raises(ValueError, match=r"code is .*; give \(k, n\) of a 5G LDPC code"):
            SemanticLink(codec, AWGN_PATH, code=code)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="Keras runs on jax"):
        SemanticLink(codec, AWGN_PATH)

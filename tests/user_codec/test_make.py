"""Codecs of a user's own as chains: what they are told, what they may be, and what is checked."""

import numpy as np
import pytest

from moclink.chain_factory import ChainFactory, make_chain
from moclink.presets import ChainOptions
from moclink.sources.rate import semantic_bits, semantic_symbols
from moclink.types import ChannelState

OUT = np.full((1, 64, 96, 3), 0.25, np.float32)
FILE = '''
import numpy as np

class Pixels:
    """Sends every eighth pixel as it is."""
    cbr = 1 / 128

    def __init__(self, options=None, gain=1.0, step=8):
        self.options, self.gain, self.step = options, gain, step

    def encode(self, images):
        return self.gain * (images[:, :: self.step, :: self.step] - 0.5)

    def decode(self, received, height, width):
        large = received.repeat(self.step, 1).repeat(self.step, 2) / self.gain + 0.5
        return large[:, :height, :width]

def fails(options):
    raise KeyError("weights")

class Bits:
    alphabet = 2

    def __init__(self, options):
        self.options = options

    def encode(self, images):
        self.size = images.shape[1:3]
        return np.tile(np.uint8([[1, 0, 1]]), (len(images), 40))

    def decode(self, bits):
        shade = (bits == np.tile(np.uint8([1, 0, 1]), 40)).mean(axis=1)
        return [np.full((*self.size, 3), s) if s == 1 else None for s in shade]

pixels = Pixels()
number = 3
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize("suffix", ["Pixels", "Pixels?gain=30.0", "pixels"])
def test_amplitudes_of_any_power_are_sent_at_unit_power_and_come_back(file, photo, suffix):
    chain = make_chain(f"{file}:{suffix}")
    sent = chain.transmit(photo)
    assert chain.name == f"{file}:{suffix}" and not chain.adaptive
    assert sent.symbols.shape == (1, 8 * 12 * 3 // 2) and sent.energy == pytest.approx(1, abs=1e-5)
    got = chain.receive(sent.symbols.repeat(2, 0), np.float32([1e-6, 1e-6]), sent.header)
    expected = photo[:, ::8, ::8].repeat(8, 1).repeat(8, 2)
    assert np.allclose(got.images, expected, atol=1e-5) and got.decoded.all()
    # Noise of variance N0 a symbol is N0 / 2 a real at unit power, E[(gain (x - 1/2))^2] = 1/2.
    rng, no = np.random.default_rng(0), 0.01
    noise = rng.standard_normal((100, sent.symbols.shape[1], 2)) @ [1, 1j] * np.sqrt(no / 2)
    noisy = (sent.symbols + noise).astype(np.complex64)
    got = chain.receive(noisy, np.full(100, no, np.float32), sent.header)
    inside = np.abs(expected - 0.5) < 0.3  # away from where pictures are clipped
    error = (got.images - expected)[:, inside[0]]
    power = 2 * np.mean((photo[:, ::8, ::8] - 0.5) ** 2)
    assert np.mean(error**2) == pytest.approx(power * no / 2, rel=0.05)


def test_complex_amplitudes_and_an_odd_number_of_reals(photo, fixed_codec, build_chain):
    values = (photo[:, 0, :, 0] + 1j * photo[:, 0, :, 1]).astype(np.complex128)
    codec = fixed_codec(values, photo)
    sent = build_chain(codec).transmit(photo)
    assert sent.symbols.shape == (1, 96)
    build_chain(codec).receive(sent.symbols, np.float32([0.1]), sent.header)
    assert np.allclose(codec.received, values, atol=1e-5)
    odd = fixed_codec(photo[:, 0, :5, 0], photo)
    sent = build_chain(odd).transmit(photo)
    assert sent.symbols.shape == (1, 3)
    build_chain(odd).receive(sent.symbols, np.float32([0.1]), sent.header)
    assert np.allclose(odd.received, photo[:, 0, :5, 0], atol=1e-5)


def test_a_factory_is_told_the_options_of_the_run(file):
    options = ChainOptions(match="symbols", seed=7)
    codec = ChainFactory(options).make(f"{file}:Bits-ldpc-16qam-r12@1/12").source.codec
    given = codec.options
    assert (str(given.cbr), given.match, given.code, given.seed) == ("1/12", "symbols", "ldpc5g", 7)
    assert given.symbols(64, 96) == 64 * 96 * 3 // 12
    assert given.bits(64, 96) == 1536 * 4 // 648 * 324  # whole codewords of rate 1/2
    given = ChainFactory().make(f"{file}:Bits").source.codec.options
    assert given.cbr is None and given.bits(64, 96) == semantic_bits(64, 96)
    assert given.symbols(64, 96) == 2 * semantic_symbols(64, 96)
    assert ChainFactory().make(f"{file}:Pixels?step=4").codec.step == 4


@pytest.mark.parametrize(
    "scheme,order", [("", 3), ("-ldpc-qpsk-r12", 1), ("-qpsk", 2), ("-ldpc-mcs5", 0.74)]
)
def test_bits_are_sent_behind_every_modulation_and_code(file, photo, scheme, order):
    chain = make_chain(f"{file}:Bits{scheme}")
    sent = chain.transmit(photo)
    assert 120 / order <= sent.symbols.shape[1] < 120 / order + 325
    no = np.float32([1e-4, 100.0])
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((2, sent.symbols.shape[1], 2)) @ [1, 1j] * np.sqrt(no[:, None] / 2)
    got = chain.receive((sent.symbols + noise).astype(np.complex64), no, sent.header)
    assert got.decoded.tolist() == [True, False] and (got.images[0] == 1).all()
    assert (
        got.images[1] == 0.5
    ).all() and not got.problems  # an outage that the codec has declared
    rates = chain.count_errors(sent, got)
    assert rates.ber[0] == 0 and rates.ber[1] > 0.1 and got.bits.tolist() == [120, 120]


@pytest.mark.parametrize(
    "suffix,message",
    [
        ("Pixel", "has no Pixel .did you mean pixels"),
        ("number", "3 is no codec"),
        ("fails", "making it failed: KeyError: 'weights'"),
        ("Pixels?depth=3", "unexpected keyword argument 'depth'"),
        ("pixels?gain=3", "a made Pixels takes no arguments: gain"),
        ("Pixels@1/24", "declares CBR 0.0078125; leave out @1/24"),
        ("Pixels-qpsk", "qpsk sends the bits of a codec with alphabet = 2"),
        ("Bits-capacity", "capacity sends the bits of a codec of files"),
        ("np", "has no encode and decode|is no codec"),
    ],
)
def test_what_cannot_be_made_is_one_line(file, suffix, message):
    with pytest.raises(ValueError, match=message) as error:
        make_chain(f"{file}:{suffix}")
    assert "\n" not in str(error.value) and str(file) in str(error.value)


@pytest.mark.parametrize(
    "attributes,message",
    [
        ({"alphabet": 1}, "alphabet is 1; one of 2, 4, 8"),
        ({"alphabet": 6}, "alphabet is 6; one of 2, 4, 8"),
        ({"cbr": True}, "its cbr is True"),
        ({"cbr": "1/0"}, "its cbr is '1/0'"),
        ({"cbr": 2}, "2"),
        ({"multiple": 0}, "multiple is 0; a whole number of pixels from 1 up"),
        ({"multiple": -16}, "multiple is -16"),
        ({"multiple": 16.5}, "multiple is 16.5"),
        ({"multiple": None}, "multiple is None"),
    ],
)
def test_attributes_are_checked(attributes, message, fixed_codec, build_chain):
    with pytest.raises(ValueError, match=message):
        build_chain(fixed_codec(np.ones((1, 8)), OUT, **attributes))


def test_a_codec_that_adapts_is_told_the_state(photo, fixed_codec, build_chain):
    class Adapting(fixed_codec):
        adaptive = True

        def encode(self, images, csi):
            self.csi = csi
            return self.sent

    codec = Adapting(np.ones((1, 8)), OUT)
    chain = build_chain(codec)
    assert chain.adaptive
    chain.transmit(photo, ChannelState(7.0))
    assert codec.csi == ChannelState(7.0)


@pytest.mark.parametrize("value", ["no", "False", 2, None, lambda: False])
def test_adaptive_is_true_or_false_and_no_text(value):
    """Of "no" Python thinks that it is true."""

    class Mine:
        adaptive = value

        def encode(self, images):
            return images

        def decode(self, received):
            return received

    with pytest.raises(ValueError, match="chain Mine: adaptive .*: True or False is needed"):
        ChainFactory(ChainOptions()).from_object("Mine", Mine())
    Mine.adaptive = np.bool_(False)
    assert ChainFactory(ChainOptions()).from_object("Mine", Mine()).adaptive is False

"""Codecs of a user's own as chains: what they are told, what they may be, and what is checked."""

import inspect
import re

import numpy as np
import pytest

from moclink.chain_factory import ChainFactory, make_chain
from moclink.errors import ChainError
from moclink.images import read_image, sample_paths, to_float
from moclink.metrics import psnr
from moclink.presets import ChainOptions
from moclink.sources.rate import semantic_bits, semantic_symbols
from moclink.types import (
    ChannelState,
    Decoded,
    ErrorRates,
    Header,
    Payload,
    Reception,
    Transmission,
)

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


@pytest.fixture(scope="module")
def photo():
    return to_float(read_image(sample_paths()[0])[None, 60:124, 100:196])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


class Codec:
    """A codec that returns what it is given to return."""

    def __init__(self, sent, got=None, **attributes):
        self.sent, self.got = sent, got
        self.__dict__.update(attributes)

    def encode(self, images):
        return self.sent

    def decode(self, received):
        self.received = received
        return self.got(received) if callable(self.got) else self.got


def build_chain(codec, name="mine"):
    return ChainFactory().given(name, codec)


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


def test_complex_amplitudes_and_an_odd_number_of_reals(photo):
    values = (photo[:, 0, :, 0] + 1j * photo[:, 0, :, 1]).astype(np.complex128)
    codec = Codec(values, photo)
    sent = build_chain(codec).transmit(photo)
    assert sent.symbols.shape == (1, 96)
    build_chain(codec).receive(sent.symbols, np.float32([0.1]), sent.header)
    assert np.allclose(codec.received, values, atol=1e-5)
    odd = Codec(photo[:, 0, :5, 0], photo)
    sent = build_chain(odd).transmit(photo)
    assert sent.symbols.shape == (1, 3)
    build_chain(odd).receive(sent.symbols, np.float32([0.1]), sent.header)
    assert np.allclose(odd.received, photo[:, 0, :5, 0], atol=1e-5)


def test_a_factory_is_told_the_options_of_the_run(file):
    options = ChainOptions(match="symbols", seed=7)
    codec = ChainFactory(options).make(f"{file}:Bits-ldpc-16qam-r12@1/12").source.codec
    options = codec.options
    assert (str(options.cbr), options.match, options.code, options.seed) == (
        "1/12",
        "symbols",
        "ldpc5g",
        7,
    )
    assert options.symbols(64, 96) == 64 * 96 * 3 // 12
    assert options.bits(64, 96) == 1536 * 4 // 648 * 324  # whole codewords of rate 1/2
    options = ChainFactory().make(f"{file}:Bits").source.codec.options
    assert options.cbr is None and options.bits(64, 96) == semantic_bits(64, 96)
    assert options.symbols(64, 96) == 2 * semantic_symbols(64, 96)
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


def test_indices_are_sent_as_those_of_the_semantic_chains(photo):
    indices = np.arange(60, dtype=np.int64)[None] % 8
    codec = Codec(indices, lambda received: photo, alphabet=8)
    chain = build_chain(codec)
    sent = chain.transmit(photo)
    assert sent.symbols.shape == (1, 30)  # two indices are a 64-QAM symbol
    chain.receive(sent.symbols, np.float32([1e-4]), sent.header)
    assert np.array_equal(codec.received, indices)


def test_a_source_of_records_gets_log_likelihoods(photo):
    class Records:
        alphabet = 8

        def encode(self, images):
            return Payload(np.uint8([[1, 2, 3, 4]]), Header(64, 96, (4,)))

        def decode(self, got, header):
            assert got.values.shape[1:] == (4, 8)
            return Decoded(photo.repeat(len(got.values), 0), np.ones(len(got.values), bool))

    chain = build_chain(Records())
    sent = chain.transmit(photo)
    got = chain.receive(sent.symbols, np.float32([1e-4]), sent.header)
    assert np.array_equal(got.images, photo) and not got.problems


class Halving:
    """A file codec: every n-th line and column, uncompressed."""

    qualities = (16, 8, 4)

    def encode_file(self, image, quality):
        return image[::quality, ::quality].tobytes()

    def decode_file(self, data, max_pixels):
        quality = {72: 16, 288: 8, 1152: 4}[len(data)]
        small = np.frombuffer(data, np.uint8).reshape(64 // quality, 96 // quality, 3)
        return small.repeat(quality, 0).repeat(quality, 1)


@pytest.mark.parametrize("scheme", ["ldpc", "ldpc-adaptive", "capacity"])
def test_a_file_codec_has_every_scheme_of_files(photo, scheme, tmp_path):
    (tmp_path / "halving.py").write_text("import numpy as np\n" + inspect.getsource(Halving))
    chain = make_chain(f"{tmp_path / 'halving.py'}:Halving-{scheme}@1/6")
    sent = chain.transmit(photo, ChannelState(30.0))
    assert sent.symbols.shape[1] <= photo.size / 6
    got = chain.receive(sent.symbols, np.float32([1e-3]), sent.header)
    assert got.decoded.all() and psnr(got.images, photo)[0] > 12
    (fit,) = sent.payload.rate_fits
    assert fit.file_bits in (72 * 8, 288 * 8, 1152 * 8)


class Loud:
    """A chain whose symbols have energy 4."""

    name, adaptive, modem = "loud", False, None

    def transmit(self, images):
        return Transmission(np.full((1, 10), 2, np.complex64), Header(64, 96, (0,)))

    def receive(self, received, no, header):
        images = np.full((len(received), 64, 96, 3), received.real.mean() / 4, np.float32)
        return Reception(images, np.ones(len(received), bool))

    def count_errors(self, sent, got):
        return ErrorRates()


def test_a_whole_chain_is_brought_to_unit_power_and_back(photo):
    chain = build_chain(Loud(), "loud")
    sent = chain.transmit(photo)
    assert sent.energy == pytest.approx(1, abs=1e-6)
    got = chain.receive(sent.symbols, np.float32([0.1]), sent.header)
    assert np.allclose(got.images, 0.5)


OUT = np.full((1, 64, 96, 3), 0.25, np.float32)


@pytest.mark.parametrize(
    "sent,attributes,message",
    [
        (np.uint8([[1, 2]]), {}, "encode returned uint8; real or complex floats"),
        (np.float32([1, 2]), {}, r"encode returned \[2\]; \[1, ...\]"),
        (np.ones((2, 5)), {}, r"encode returned \[2, 5\]"),
        (np.float32([[1, np.nan]]), {}, "NaN or infinite"),
        (np.float32([[np.inf, 1]]), {}, "NaN or infinite"),
        (np.zeros((1, 8)), {}, "zeros alone, which have no power"),
        (np.ones((1, 4000)), {"cbr": "1/96"}, "made 2000 symbols of 64 x 96 pixels.* allows 192"),
        ([[0, 1, 2]], {"alphabet": 2}, "indices from 0 to 2; its alphabet is 2: 0 to 1"),
        ([[0.0, 1.0]], {"alphabet": 2}, "indices of float64; whole numbers"),
        (np.zeros((1, 0), int), {"alphabet": 2}, "0 indices"),
        (3, {"alphabet": 2}, r"encode returned 3; \[1, K\]"),
        (np.zeros((1, 9999), int), {"alphabet": 2, "cbr": 1 / 96}, "symbols of 64 x 96 pixels"),
    ],
)
def test_what_encode_returns_is_checked(photo, sent, attributes, message):
    with pytest.raises(ChainError, match=f"^chain mine: .*{message}") as error:
        build_chain(Codec(sent, OUT, **attributes)).transmit(photo)
    assert "\n" not in str(error.value)


def test_padding_is_allowed_for_if_it_is_stated():
    """A picture of 65 x 97 pixels becomes 72 x 104 cells of 8 pixels."""
    image = np.full((1, 65, 97, 3), 0.5, np.float32)
    reals = np.ones((1, 9 * 13 * 2 * 8))  # eight symbols a cell, CBR 1/24
    with pytest.raises(ChainError, match="936 symbols of 65 x 97 pixels.*multiple"):
        build_chain(Codec(reals, OUT, cbr=1 / 24)).transmit(image)
    assert (
        build_chain(Codec(reals, OUT, cbr=1 / 24, multiple=8)).transmit(image).symbols.size == 936
    )


@pytest.mark.parametrize(
    "got,message",
    [
        (OUT[0], "decode returned 64 pictures of 1"),
        (OUT[:, :32], r"decode returned a picture \[32, 96, 3\]; \[64, 96, 3\]"),
        ((OUT * 255).astype(np.uint8), "decode returned uint8; floats"),
        (OUT * np.nan, "NaN or infinite"),
        (OUT * 255, "values from 63.8 to 63.8; .*divide by 255"),
        (3, "decode returned 3; pictures"),
        (lambda received: 1 / 0, "decode failed: ZeroDivisionError: division by zero"),
    ],
)
def test_what_decode_returns_is_checked_row_by_row(photo, got, message):
    chain = build_chain(Codec(np.ones((1, 8)), got))
    sent = chain.transmit(photo)
    got = chain.receive(sent.symbols, np.float32([0.1]), sent.header)
    assert got.decoded.tolist() == [False] and (got.images == 0.5).all()
    assert len(got.problems) == 1 and np.char.find(got.problems[0], "decode") == 0
    assert re.search(message, got.problems[0])


@pytest.mark.parametrize("alphabet", [None, 8])
def test_one_row_that_fails_leaves_the_others(photo, alphabet):
    def decode(received):
        if (
            (np.asarray(received)[:, 0] < 0).any()
            if alphabet is None
            else (received[:, 0] == 7).any()
        ):
            raise RuntimeError("first value")
        return OUT.repeat(len(received), 0)

    attributes = {} if alphabet is None else {"alphabet": alphabet}
    values = np.ones((1, 8), np.float32) if alphabet is None else np.full((1, 8), 3)
    chain = build_chain(Codec(values, decode, **attributes))
    sent = chain.transmit(photo)
    received = sent.symbols.repeat(3, 0)
    other = Codec(np.array([[7] * 8]), decode, alphabet=8)
    received[1] = -received[1] if alphabet is None else build_chain(other).transmit(photo).symbols
    if alphabet:  # the scale is that of the first transmission
        scale = sent.header.scale[0] / build_chain(other).transmit(photo).header.scale[0]
        received[1] *= np.float32(scale)
    got = chain.receive(received, np.float32([1e-3] * 3), sent.header)
    assert got.decoded.tolist() == [True, False, True]
    assert got.problems == ("", "decode failed: RuntimeError: first value", "")
    assert np.allclose(got.images[[0, 2]], 0.25) and (got.images[1] == 0.5).all()
    if alphabet:
        assert chain.count_errors(sent, got).ier.tolist() == [0, 1, 0]


def test_noise_that_overshoots_is_clipped_and_a_scale_of_minus_one_to_one_is_not(photo):
    chain = build_chain(
        Codec(np.ones((1, 8)), OUT * 4 * np.where(np.arange(96) % 2, 1, -1)[:, None])
    )
    sent = chain.transmit(photo)
    noisy = chain.receive(sent.symbols, np.float32([1.0]), sent.header)
    assert noisy.decoded.all() and set(np.unique(noisy.images)) == {0, 1}
    clean = chain.receive(sent.symbols, np.float32([1e-6]), sent.header)
    assert "values from -1 to 1" in clean.problems[0]


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
        ({"alphabet": 1}, "alphabet is 1; 2 to 256"),
        ({"cbr": "1/0"}, "its cbr is '1/0'"),
        ({"cbr": 2}, "2"),
    ],
)
def test_attributes_are_checked(attributes, message):
    with pytest.raises(ValueError, match=message):
        build_chain(Codec(np.ones((1, 8)), OUT, **attributes))


def test_a_codec_that_adapts_is_told_the_state(photo):
    class Adapting(Codec):
        adaptive = True

        def encode(self, images, csi):
            self.csi = csi
            return self.sent

    codec = Adapting(np.ones((1, 8)), OUT)
    chain = build_chain(codec)
    assert chain.adaptive
    chain.transmit(photo, ChannelState(7.0))
    assert codec.csi == ChannelState(7.0)

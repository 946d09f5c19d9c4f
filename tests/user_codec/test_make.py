"""Codecs of a user's own as chains: what they are told, what they may be, and what is checked."""

import inspect

import numpy as np
import pytest

from moclink.chain_factory import ChainFactory, make_chain
from moclink.errors import ChainError
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

    def count_errors(self, transmission, reception):
        return ErrorRates()


def test_a_whole_chain_is_brought_to_unit_power_and_back(photo, build_chain):
    chain = build_chain(Loud(), "loud")
    sent = chain.transmit(photo)
    assert sent.energy == pytest.approx(1, abs=1e-6)
    got = chain.receive(sent.symbols, np.float32([0.1]), sent.header)
    assert np.allclose(got.images, 0.5)


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


class Files:
    """A file of as many bytes as its quality says."""

    qualities = (10, 20, 30)

    def encode_file(self, image, quality):
        return bytes(quality)

    def decode_file(self, data, max_pixels):
        return np.zeros((64, 96, 3), np.uint8)


@pytest.mark.parametrize("qualities", [(), 10, None, "low", iter([1, 2])])
def test_qualities_are_a_list(qualities, build_chain):
    codec = Files()
    codec.qualities = qualities
    with pytest.raises(ValueError, match="qualities is .*; a list of quality parameters is wanted"):
        build_chain(codec)


def test_qualities_from_the_finest_are_refused(photo, build_chain):
    """The bisection would take the finest for the coarsest, and no file would fit."""
    codec = Files()
    build_chain(codec).transmit(photo)
    codec.qualities = (30, 20, 10)
    with pytest.raises(ChainError, match="begin with 30 and end with 10, .* reverse them"):
        build_chain(codec).transmit(photo)


@pytest.mark.parametrize(
    "pixels,message",
    [
        (np.zeros((64, 96, 3)), "decode_file returned float64 array; a NumPy array uint8"),
        (None, "decode_file returned NoneType"),
        (
            np.zeros((64, 96), np.uint8),
            r"decode_file returned \[64, 96\] of a picture \[64, 96, 3\]",
        ),
        (np.zeros((64, 96, 4), np.uint8), r"decode_file returned \[64, 96, 4\]"),
    ],
)
def test_a_decoder_of_files_that_gives_no_pixels_is_named(pixels, message, photo, build_chain):
    """Damaged files are outages without a message; of files as they were made this is a fault."""
    codec = Files()
    codec.decode_file = lambda data, max_pixels: pixels
    with pytest.raises(ChainError, match=message):
        build_chain(codec).transmit(photo)


def test_a_decoder_of_files_may_leave_out_the_largest_picture(photo, build_chain):
    codec = Files()
    codec.decode_file = lambda data: np.full((64, 96, 3), len(data), np.uint8)
    chain = build_chain(codec)
    sent = chain.transmit(photo)
    got = chain.receive(sent.symbols, np.float32([1e-4]), sent.header)
    assert got.decoded.all() and np.allclose(got.images, 30 / 255)


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

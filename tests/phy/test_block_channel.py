"""Blocks of Sionna, of Keras and plain functions as channels."""

import random

import keras
import numpy as np
import pytest
from sionna.phy import config
from sionna.phy.channel import AWGN, FlatFadingChannel

from moclink.phy.block_channel import BlockChannel
from moclink.phy.engine import ON_TORCH, seeded
from moclink.phy.fading import RayleighFading
from moclink.phy.layer import SionnaLayer
from moclink.phy.ofdm import TDLOverOFDM

SENT = np.exp(0.5j * np.pi * np.random.default_rng(1).integers(0, 4, (1, 3001))).astype(
    np.complex64
)
KEYS = [(1, snr, "image", 0) for snr in (0.0, 10.0, 20.0)]
NO = np.float32([1.0, 0.1, 0.01])


class SIMO:
    """Two receive antennas, a function that is an object."""

    returns = "gains"

    def __call__(self, x, no):
        h = config.np_rng.normal(size=(1, x.shape[1], 2, 2)).view(np.complex128)[..., 0]
        noise = config.np_rng.normal(size=(1, x.shape[1], 2, 2)).view(np.complex128)[..., 0]
        return h * x[..., None] + np.sqrt(no[0] / 2) * noise, h


def python_noise(x, no):
    """Noise of Python's own generator."""
    return x + np.sqrt(no / 2) * [
        complex(random.gauss(0, 1), random.gauss(0, 1)) for _ in range(x.size)
    ]


def tensorflow_noise(x, no):
    import tensorflow as tf

    noise = tf.random.normal((2, *x.shape)) * tf.sqrt(no / 2)
    return x + tf.complex(noise[0], noise[1])


def torch_noise(x, no):
    import torch

    return torch.tensor(x) + torch.randn(x.shape, dtype=torch.complex64) * float(no[0]) ** 0.5


class KerasNoise(keras.layers.Layer):
    """A Keras layer with a seed generator of its own."""

    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(3)

    def call(self, x, no):
        noise = keras.random.normal((2, *x.shape), seed=self.seed) * keras.ops.sqrt(no / 2)
        noise = keras.ops.cast(noise, "complex64")
        return x + noise[0] + 1j * noise[1]


class LateKerasNoise(keras.layers.Layer):
    """One that makes its seed generator when it is built."""

    def build(self, *shapes):
        self.noise = KerasNoise()
        self.built = True

    def call(self, x, no):
        return self.noise(x, no)


BLOCKS = {
    "awgn": lambda: BlockChannel(AWGN(), "awgn"),
    "layer": lambda: BlockChannel(SionnaLayer(AWGN()), "layer"),
    "rayleigh": lambda: BlockChannel(RayleighFading(coherence=5), "rayleigh"),
    "tdl": lambda: BlockChannel(TDLOverOFDM("B", fft_size=12), "tdl"),
    "flat": lambda: BlockChannel(FlatFadingChannel(1, 1, return_channel=True), "flat", vectors=1),
    "mimo": lambda: BlockChannel(FlatFadingChannel(2, 3, return_channel=True), "mimo", vectors=2),
    "simo": lambda: BlockChannel(SIMO(), "simo"),
    "python": lambda: BlockChannel(python_noise, "python"),
    "framework": lambda: BlockChannel(torch_noise if ON_TORCH else tensorflow_noise, "framework"),
    "keras": lambda: BlockChannel(KerasNoise(), "keras"),
    "keras-late": lambda: BlockChannel(LateKerasNoise(), "keras-late"),
}


@pytest.fixture(scope="module", params=BLOCKS)
def channel(request):
    return BLOCKS[request.param]()


def test_the_noise_left_has_the_variance_that_is_claimed(channel):
    output = channel(SENT, NO, KEYS)
    assert output.received.shape == output.no.shape == (3, 3001)
    normal = np.abs(output.received - SENT) ** 2 / output.no
    assert np.all(np.abs(normal.mean(axis=1) - 1) < 5 / np.sqrt(3001))


def test_a_realisation_depends_on_its_key_alone(channel):
    together = channel(SENT, NO, KEYS)
    np.random.seed(5)
    random.seed(5)
    config.seed = 5
    alone = channel(SENT, NO[1:2], KEYS[1:2])
    assert np.array_equal(together.received[1], alone.received[0])
    assert np.array_equal(together.no[1], alone.no[0])
    other = channel(SENT, NO[1:2], [(2, 10.0, "image", 0)])
    assert not np.array_equal(alone.received, other.received)


def test_rows_are_the_same_from_a_block_made_anew(channel, request):
    name = request.node.callspec.params["channel"]
    assert np.array_equal(channel(SENT, NO, KEYS).received, BLOCKS[name]()(SENT, NO, KEYS).received)


def test_each_realisation_may_have_symbols_of_its_own():
    channel = BLOCKS["rayleigh"]()
    rows = np.concatenate([SENT, -SENT, 1j * SENT])
    output = channel(rows, NO, KEYS)
    alone = channel(rows[2:], NO[2:], KEYS[2:])
    assert np.array_equal(output.received[2], alone.received[0])


def test_sionnas_generators_go_on_as_if_nothing_had_been_drawn():
    config.seed = 6
    noise, zero = AWGN(), np.zeros(4, np.complex64)
    expected = [noise(zero, 1.0).numpy(), config.np_rng.normal(size=4), config.py_rng.random()]
    config.seed = 6
    BLOCKS["awgn"]()(SENT, NO, KEYS)
    drawn = [noise(zero, 1.0).numpy(), config.np_rng.normal(size=4), config.py_rng.random()]
    assert all(np.array_equal(a, b) for a, b in zip(expected, drawn, strict=True))
    assert config.seed == 6


def test_python_and_numpy_go_on_as_well():
    np.random.seed(7)
    random.seed(7)
    expected = np.random.normal(), random.random()
    np.random.seed(7)
    random.seed(7)
    with pytest.raises(KeyError), seeded(3, everything=True):
        np.random.normal()
        raise KeyError
    assert (np.random.normal(), random.random()) == expected


def test_a_block_with_a_length_is_called_in_parts_that_a_longer_transmission_shares():
    channel = BLOCKS["tdl"]()
    block = TDLOverOFDM("B", fft_size=12)
    assert block.symbols_per_slot == 144 and block.symbols_per_call == 113 * 144
    sent = np.tile(SENT, (1, 8))
    long, short = channel(sent, NO, KEYS), channel(sent[:, :17000], NO, KEYS)
    assert np.array_equal(long.received[:, :17000], short.received)
    assert np.array_equal(long.no[:, :17000], short.no)
    assert not np.array_equal(
        long.no[:, : block.symbols_per_call][:, :100], long.no[:, block.symbols_per_call :][:, :100]
    )


def test_no_symbols_are_no_symbols():
    output = BLOCKS["awgn"]()(SENT[:, :0], NO, KEYS)
    assert output.received.shape == output.no.shape == (3, 0)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            lambda x, no: x[:, 1:],
            r"channel mine, called on 3001 symbols: it returned .*\[1, 3000\]",
        ),
        (lambda x, no: x / 0j, "channel mine, .* not finite"),
        (lambda x, no: (x, -no), "channel mine, .*noise variance of -1; it must be positive"),
        (
            lambda x, no: x.nothing,
            r"mine, .*AttributeError: .*nothing.* \(test_block_channel.py, line \d+\)",
        ),
        (
            lambda x, no: np.reshape(x, 7),
            r"mine, .*: ValueError: .* \(test_block_channel.py, line \d+\)",
        ),
        (
            lambda x, no: x + np.random.default_rng().normal(size=x.shape),
            r"channel mine, .*same key gave different results; take random numbers from sionna.phy.config",
        ),
    ],
    ids=["shape", "infinite", "negative", "fails", "fails within NumPy", "unseeded"],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_errors_name_the_block(block, message):
    with pytest.raises(ValueError, match=message) as caught:
        BlockChannel(block, "mine")(SENT, NO, KEYS)
    assert "\n" not in str(caught.value)


def test_an_unknown_kind_of_output_is_refused_at_once():
    with pytest.raises(
        ValueError, match="channel mine: returns is 'h'; there are: auto, y, gains, equalized"
    ):
        BlockChannel(AWGN(), "mine", returns="h")

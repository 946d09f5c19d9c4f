"""Sionna blocks as Keras layers: symbolic calls, fit, save and load, jit."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from sionna.phy import config
from sionna.phy.channel import AWGN, FlatFadingChannel
from sionna.phy.mapping import Demapper, Mapper

from moclink.phy import tensors
from moclink.phy.layer import SionnaLayer
from moclink.phy.tensors import tensor, to_numpy

QAM = {"constellation_type": "qam", "num_bits_per_symbol": 6}
DEMAPPER = {"demapping_method": "app", **QAM}

QPSK = {"constellation_type": "qam", "num_bits_per_symbol": 2}


def bits_of(count: int = 600, batch: int = 4) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2, (batch, count)).astype(np.float32)


def link() -> keras.Model:
    """Mapper -> AWGN -> demapper as a functional model: (bits, no) -> LLRs."""
    bits, no = keras.Input((600,)), keras.Input((1,))
    x = SionnaLayer(Mapper, QAM)(bits)
    y = SionnaLayer("sionna.phy.channel.AWGN")(x, no)
    return keras.Model([bits, no], SionnaLayer(Demapper, DEMAPPER)(y, no))


def test_a_functional_model_computes_what_the_blocks_compute():
    bits, no = bits_of(), np.full((4, 1), 0.01, np.float32)
    x = Mapper("qam", 6)(bits)
    assert np.array_equal(SionnaLayer(Mapper, QAM)(bits), x)
    config.seed = 3
    expected = Demapper("app", "qam", 6)(AWGN()(x, tensor(no)), tensor(no))
    config.seed = 3
    assert np.allclose(link()([bits, no]), expected, atol=1e-4)


SLOW = pytest.mark.tensorflow_only("torch.compile takes half a minute for it")


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=SLOW)])
def test_predict_recovers_the_bits_at_high_snr_in_graph_and_xla(jit):
    model, bits = link(), bits_of()
    model.compile(jit_compile=jit)
    llr = model.predict([bits, np.full((4, 1), 1e-4, np.float32)], verbose=0)
    assert np.array_equal(llr > 0, bits > 0.5)


def test_a_model_with_blocks_is_saved_and_loaded(tmp_path):
    path = tmp_path / "link.keras"
    link().save(path)
    again = keras.saving.load_model(path)
    bits = bits_of()
    llr = again.predict([bits, np.full((4, 1), 1e-4, np.float32)], verbose=0)
    assert np.array_equal(llr > 0, bits > 0.5)


def test_fit_trains_through_the_channel():
    """A gain before an AWGN channel and one behind it learn to invert each other."""
    keras.utils.set_random_seed(1)
    inputs, no = keras.Input((64,)), keras.Input((1,))
    gained = keras.layers.Dense(64, use_bias=False, kernel_initializer="identity", name="gain")(
        inputs
    )
    received = SionnaLayer(FlatAwgn)(gained, no)
    outputs = keras.layers.Dense(64, use_bias=False, kernel_initializer="zeros")(received)
    model = keras.Model([inputs, no], outputs)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    data = np.random.default_rng(1).normal(size=(256, 64)).astype(np.float32)
    quiet = np.full((256, 1), 1e-3, np.float32)
    losses = model.fit([data, quiet], data, epochs=12, batch_size=32, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]
    # The gradient has crossed the channel.
    assert not np.allclose(model.get_layer("gain").get_weights()[0], np.eye(64))


class FlatAwgn(AWGN):
    """AWGN on the real part: a channel of real symbols."""

    def call(self, x, no):
        return tensors.real(super().call(tensors.astype(x, self.cdtype), no))


def test_a_subclassed_model_with_a_fading_channel():
    class Faded(keras.Model):
        def __init__(self):
            super().__init__()
            self.mapper = SionnaLayer(Mapper, QAM)
            self.channel = SionnaLayer(FlatFadingChannel(1, 1, return_channel=True))
            self.demapper = SionnaLayer(Demapper, DEMAPPER)

        def call(self, bits, no):
            x = keras.ops.reshape(self.mapper(bits), [-1, 1])
            y, h = self.channel(x, no)
            h = keras.ops.reshape(h, [-1])
            power = keras.ops.abs(h) ** 2
            return self.demapper(keras.ops.reshape(y, [-1]) / h, no / power)

    config.seed = 5
    bits = bits_of(6000, 1)
    llr = to_numpy(Faded()(bits, tensor(1e-7))).reshape(-1)
    # At 70 dB a bit fails only where |h|^2 is deep in a fade: probability below 1e-4 a symbol.
    assert np.mean((llr > 0) != (bits[0] > 0.5)) < 2e-3


def test_float16_policies_leave_the_blocks_in_float32():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer = SionnaLayer(AWGN)
        assert layer.compute_dtype == "float32"
        noisy = layer(tensor(np.zeros((2, 8), np.complex64)), tensor(1.0))
        assert to_numpy(noisy).dtype == np.complex64
    finally:
        keras.config.set_dtype_policy("float32")


def test_noise_needs_no_seed_set_before():
    """Sionna's generator must not be born inside a traced graph, where it would be lost."""
    code = (
        "import keras, numpy as np\n"
        "from sionna.phy.channel import AWGN\n"
        "from moclink.phy.layer import SionnaLayer\n"
        "x = keras.Input((8,), dtype='complex64'); no = keras.Input((1,))\n"
        "model = keras.Model([x, no], SionnaLayer(AWGN())(x, no))\n"
        "y = model.predict([np.zeros((2, 8), np.complex64), np.ones((2, 1), np.float32)], verbose=0)\n"
        "assert np.abs(y).min() > 0\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "no", [0.25, 1, np.float64(0.25), np.float32([0.25, 0.25]), tensor(0.25)], ids=str
)
def test_python_numbers_are_taken_as_sionna_takes_them(no):
    x = np.zeros((2, 8), np.complex64)
    config.seed = 4
    expected = AWGN()(x, tensor(to_numpy(no), "float32"))
    for call in (lambda layer: layer(x, no), lambda layer: layer(x, no=no)):
        config.seed = 4
        assert np.array_equal(call(SionnaLayer(AWGN())), expected)


def test_a_number_in_a_functional_model_is_saved_with_it(tmp_path):
    inputs = keras.Input((8,), dtype="complex64")
    model = keras.Model(inputs, SionnaLayer("sionna.phy.channel.AWGN")(inputs, 0.25))
    model.save(tmp_path / "noisy.keras")
    x = np.zeros((2, 8), np.complex64)
    config.seed = 5
    expected = AWGN()(x, 0.25)
    for made in (model, keras.saving.load_model(tmp_path / "noisy.keras")):
        config.seed = 5
        assert np.array_equal(made(x), expected)


def test_a_saved_model_is_loaded_in_a_process_that_imports_the_layer_only(tmp_path):
    link().save(tmp_path / "link.keras")
    code = (
        "import sys, keras, moclink.phy.layer\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "assert [type(layer).__name__ for layer in model.layers].count('SionnaLayer') == 3\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "link.keras"], check=True)


def test_errors_name_what_was_given():
    with pytest.raises(ValueError, match="cannot be saved: give SionnaLayer the class"):
        SionnaLayer(AWGN()).get_config()
    with pytest.raises(ValueError, match="os.system.*not a path into sionna"):
        SionnaLayer("os.system")
    with pytest.raises(ValueError, match="there is no sionna.phy.channel.Nothing"):
        SionnaLayer("sionna.phy.channel.Nothing")
    with pytest.raises(ValueError, match="no Sionna block"):
        SionnaLayer(42)


def test_arguments_of_a_block_that_are_not_in_the_dict_are_answered_with_it():
    with pytest.raises(
        ValueError, match=r"one dict: SionnaLayer\(block, .'num_bits_per_symbol': 2"
    ):
        SionnaLayer("sionna.phy.mapping.Mapper", num_bits_per_symbol=2)
    with pytest.raises(ValueError, match="are 'qam'; they are given as one dict by their names"):
        SionnaLayer("sionna.phy.mapping.Mapper", "qam", 4)
    with pytest.raises(ValueError, match="supports_jit is 4; it is True or False"):
        SionnaLayer("sionna.phy.mapping.Mapper", {"constellation_type": "qam"}, 4)
    assert SionnaLayer("sionna.phy.channel.AWGN", name="noise", trainable=False).name == "noise"


@pytest.mark.parametrize(
    "decoder",
    [
        "sionna.phy.fec.ldpc.LDPC5GDecoder",
        "moclink.phy.early_stopping.EarlyStoppingLDPC5GDecoder",
    ],
)
def test_a_block_that_takes_a_block_is_saved_and_loaded(decoder, tmp_path):
    """Sionna's decoders take the encoder."""
    encoder = SionnaLayer("sionna.phy.fec.ldpc.LDPC5GEncoder", {"k": 40, "n": 80})
    llr = keras.Input((80,))
    model = keras.Model(llr, SionnaLayer(decoder, {"encoder": encoder, "num_iter": 4})(llr))
    received = np.random.default_rng(2).normal(size=(3, 80)).astype(np.float32)
    decoded = to_numpy(model(received))
    model.save(tmp_path / "decoder.keras")
    again = keras.saving.load_model(tmp_path / "decoder.keras")
    assert np.array_equal(to_numpy(again(received)), decoded)
    made = SionnaLayer(decoder, {"encoder": encoder.block})
    assert made(received).shape == (3, 40)
    with pytest.raises(
        ValueError, match="argument encoder is a made LDPC5GEncoder, .* SionnaLayer"
    ):
        made.get_config()


@pytest.mark.tensorflow_only("on PyTorch Keras passes on what the block itself says")
def test_why_a_block_cannot_be_called_is_said_in_a_sequential_model_too():
    """Keras takes a TypeError there for a layer of several inputs, whatever it was."""
    mapper = SionnaLayer("sionna.phy.mapping.Mapper", QPSK)
    with pytest.raises(ValueError, match="Mapper cannot be called so: .*; give .* known"):
        keras.Sequential([keras.Input((None,)), mapper])
    with pytest.raises(
        ValueError, match="AWGN cannot be called so: .*'no'; give all of its inputs"
    ):
        keras.Sequential([keras.Input((8,)), mapper, SionnaLayer("sionna.phy.channel.AWGN")])


def test_an_argument_that_a_block_does_not_have_is_named():
    with pytest.raises(ValueError, match="no argument 'constellation_typ' .did you mean constell"):
        SionnaLayer("sionna.phy.mapping.Mapper", {"constellation_typ": "qam"})
    with pytest.raises(ValueError, match="You must provide a valid"):  # Sionna's own
        SionnaLayer("sionna.phy.mapping.Mapper", {"num_bits_per_symbol": 4})

"""Blocks of a user's own, by module:name and by file, with parameters."""

from pathlib import Path

import numpy as np
import pytest
from sionna.phy.channel import FlatFadingChannel

from moclink.phy.channels import ChannelOutput, awgn, get_channel, noise_variance, stream
from moclink.phy.ofdm import TDLOverOFDM

SENT = np.exp(0.5j * np.pi * np.random.default_rng(1).integers(0, 4, (1, 2000))).astype(
    np.complex64
)
NO, KEYS = noise_variance([5.0, 15.0]), [(1, 5.0, "image", 0), (1, 15.0, "image", 0)]

FILE = '''
import numpy as np
from dataclasses import dataclass
from sionna.phy import Block, config
from sionna.phy.channel import AWGN
from moclink.phy.channels import ChannelOutput, awgn, stream

class Attenuated(Block):
    """y = a x + w with the gain a known."""
    returns = "gains"

    def __init__(self, gain=0.5, **kwargs):
        super().__init__(**kwargs)
        if gain <= 0:
            raise ValueError(f"gain is {gain}; it must be positive")
        self._gain, self._awgn = gain, AWGN()

    def call(self, x, no):
        return self._awgn(self._gain * x, no), np.float32([self._gain])

def two_gains(x, no, weak=0.5):
    """Every other symbol is weak."""
    h = np.where(np.arange(x.shape[1]) % 2, weak, 1.0) + 0j
    noise = config.np_rng.normal(size=(2, *x.shape)) * np.sqrt(no / 2)
    return h * x + noise[0] + 1j * noise[1], h

def phase_error(symbols, no, keys, degrees=6.0):
    """An unknown phase in each realisation."""
    phase = [np.deg2rad(degrees) * stream((*key, "phase")).standard_normal() for key in keys]
    turned = symbols * np.exp(1j * np.array(phase))[:, None]
    return awgn(turned.astype(np.complex64), no, keys)

def careless(symbols, no, keys):
    return symbols, no

attenuated = Attenuated(0.25)
fault = 3
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


def residual(output) -> np.ndarray:
    """Mean of the squared error over the variance claimed for it; 1 within 5 / sqrt(2000) if right."""
    no = output.no if output.no.ndim == 2 else output.no[:, None]
    return np.mean(np.abs(output.received - SENT) ** 2 / no, axis=1)


@pytest.mark.parametrize(
    "spec",
    [
        "sionna.phy.channel:AWGN",
        "sionna.phy.channel:FlatFadingChannel?num_tx_ant=1&num_rx_ant=1&return_channel=true&vectors=1",
        "sionna.phy.channel:FlatFadingChannel?num_tx_ant=4&num_rx_ant=6&return_channel=true&vectors=4",
        "moclink.phy.fading:RayleighFading",
        "moclink.phy.fading:RayleighFading?coherence=7",
        "moclink.phy.ofdm:TDLOverOFDM?model=C&delay_spread=300e-9&csi=perfect&fft_size=24",
    ],
)
def test_blocks_of_sionna_and_our_own_are_channels_by_their_import_path(spec):
    channel = get_channel(spec)
    output = channel(SENT, NO, KEYS)
    assert np.all(np.abs(residual(output) - 1) < 5 / np.sqrt(2000))
    assert np.array_equal(output.received[1], get_channel(spec)(SENT, NO[1:], KEYS[1:]).received[0])


def test_a_registered_name_is_the_block_behind_it():
    """What `tdl-c` gives is what the block gives: the registry changes nothing."""
    spec = "tdl-c?delay_spread=300e-9&speed=3&csi=ls&subcarriers=24"
    path = "moclink.phy.ofdm:TDLOverOFDM?model=C&delay_spread=300e-9&speed=3.0&csi=ls&fft_size=24"
    outputs = [get_channel(s)(SENT, NO, KEYS) for s in (spec, path)]
    made = get_channel(TDLOverOFDM("C", 300e-9, 3.0, 24, "ls"))
    outputs.append(made(SENT, NO, KEYS))
    for output in outputs[1:]:
        assert np.array_equal(output.received, outputs[0].received)
        assert np.array_equal(output.no, outputs[0].no)


@pytest.mark.parametrize(
    ("name", "gains"),
    [
        ("Attenuated?gain=0.2", [0.2]),
        ("attenuated", [0.25]),
        ("two_gains", [1, 0.5]),
        ("two_gains?weak=0.1", [1, 0.1]),
    ],
)
def test_a_file_holds_classes_objects_and_functions(file, name, gains):
    output = get_channel(f"{file}:{name}")(SENT, NO, KEYS)
    assert np.all(np.abs(residual(output) - 1) < 5 / np.sqrt(2000))
    expected = NO[:, None] / np.resize(np.square(gains), 2000)
    assert np.allclose(output.no, expected, rtol=1e-5)


def test_a_function_with_keys_draws_for_itself(file):
    channel = get_channel(f"{file}:phase_error?degrees=10")
    output = channel(SENT, NO, KEYS)
    turns = np.angle(np.mean(output.received * SENT.conj(), axis=1), deg=True)
    expected = [10 * stream((*key, "phase")).standard_normal() for key in KEYS]
    assert np.allclose(turns, expected, atol=5 * np.rad2deg(np.sqrt(0.5 / 2000)))
    assert np.array_equal(output.received[1:], channel(SENT, NO[1:], KEYS[1:]).received)
    same = get_channel(f"{file}:phase_error?degrees=10&common=1")(SENT, NO, KEYS)
    turns = np.angle(np.mean(same.received * SENT.conj(), axis=1), deg=True)
    assert abs(turns[0] - turns[1]) < 10 * np.rad2deg(np.sqrt(0.5 / 2000))


def test_objects_are_channels_too():
    assert np.array_equal(get_channel(awgn)(SENT, NO, KEYS).received, awgn(SENT, NO, KEYS).received)
    channel = get_channel("awgn")
    assert get_channel(channel) is channel
    with pytest.raises(
        ValueError, match="channel 7: a name, a Sionna block, a Keras layer or a function"
    ):
        get_channel(7)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{file}:twogains", r"mine.py has no twogains \(did you mean two_gains\?\)"),
        (
            "{file}:Attenuated?gian=1",
            r"no parameter 'gian' \(did you mean gain\?\); there are: gain",
        ),
        (
            "{file}:Attenuated?gain=-1",
            r"Attenuated: ValueError: gain is -1; it must be positive \(mine.py, line \d+\)",
        ),
        ("{file}:attenuated?gain=1", "is a made Attenuated, which takes no parameters: gain"),
        ("{file}:two_gains?strong=1", "no parameter 'strong'.*; there are: weak"),
        ("{file}:phase_error?angle=1", "no parameter 'angle'; there are: degrees"),
        ("{file}:careless", "careless: it returned tuple; a ChannelOutput is wanted"),
        ("{file}:fault", "3 is no block, layer, function or class of one"),
        ("{file}:two_gains?returns=h", "returns is 'h'; it must be auto, y, gains or equalized"),
        ("moclink.phy.nothing:AWGN", "moclink.phy.nothing cannot be imported: ModuleNotFoundError"),
        ("nowhere.py:AWGN", "there is no file nowhere.py"),
    ],
)
def test_what_is_wrong_with_a_block_is_said_in_one_line(file, spec, message):
    with pytest.raises(ValueError, match=message) as caught:
        get_channel(spec.format(file=file))(SENT, NO, KEYS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            lambda s, no: ChannelOutput(s[:, 1:], no),
            r"received \[1, 1999\] and no \[2\]; \[2, 2000\] and",
        ),
        (
            lambda s, no: ChannelOutput(s.repeat(2, 0), -no),
            "noise variances that are not positive and finite",
        ),
        (lambda s, no: ChannelOutput(s.repeat(2, 0) / 0j, no), "symbols that are not finite"),
        (lambda s, no: 1 // 0, "ZeroDivisionError"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_outputs_of_keyed_functions_are_checked(output, message):
    def mine(symbols, no, keys):
        return output(symbols, no)

    with pytest.raises(ValueError, match=f"channel mine: .*{message}"):
        get_channel(mine)(SENT, NO, KEYS)


def test_the_worked_example_of_the_documentation_runs(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "channels.md").read_text(encoding="utf-8")
    first, second = page.split("```python\n")[1:]
    (tmp_path / "mine.py").write_text(first.split("```")[0])
    output = get_channel(f"{tmp_path / 'mine.py'}:impulsive?share=0.2")(SENT, NO, KEYS)
    # The variance claimed is that of AWGN; a fifth of the symbols has a hundred times as much.
    ratio = np.abs(output.received - SENT) ** 2 / output.no[:, :1]
    assert np.all(
        np.abs(np.mean(ratio > 10, axis=1) - 0.2 * np.exp(-0.1)) < 5 * np.sqrt(0.15 / 2000)
    )
    names = {"symbols": SENT}
    exec(second.split("```")[0], names)
    assert names["output"].received.shape == names["output"].no.shape == (2, 2000)


def test_a_function_may_compute_in_place(tmp_path):
    (tmp_path / "place.py").write_text(
        "import numpy as np\n"
        "from moclink.phy.channels import ChannelOutput\n"
        "def plain(x, no):\n    x *= 1j\n    no *= 3\n    return x / 1j\n"
        "def keyed(symbols, no, keys):\n    symbols *= 1j\n"
        "    return ChannelOutput(np.repeat(symbols / 1j, len(keys), 0), no)\n"
    )
    for name in ("plain", "keyed"):
        sent, no = SENT.copy(), NO.copy()
        output = get_channel(f"{tmp_path / 'place.py'}:{name}")(sent, no, keys=KEYS)
        assert np.allclose(output.received, SENT) and np.array_equal(sent, SENT)
        assert np.array_equal(no, NO)


def test_what_is_true_or_false_is_read_so_and_kwargs_take_what_they_take(tmp_path):
    (tmp_path / "switch.py").write_text(
        "def gated(x, no, flip=True):\n    assert flip is False\n    return x\n"
        "def any_of(x, no, **options):\n    assert options == {'gain': 2}\n    return x\n"
    )
    for spec in ("gated?flip=no", "gated?flip=0", "gated?flip=False", "any_of?gain=2"):
        get_channel(f"{tmp_path / 'switch.py'}:{spec}")(SENT, NO, keys=KEYS)
    with pytest.raises(ValueError, match="switch.py:gated: flip is 'never'; it must be 0 or 1"):
        get_channel(f"{tmp_path / 'switch.py'}:gated?flip=never")(SENT, NO, keys=KEYS)


def test_a_block_that_ends_the_program_is_named(tmp_path):
    (tmp_path / "late.py").write_text("import sys\ndef block(x, no):\n    sys.exit(0)\n")
    with pytest.raises(ValueError, match="late.py:block, called on .*: SystemExit: 0"):
        get_channel(f"{tmp_path / 'late.py'}:block")(SENT, NO, keys=KEYS)


def channel_model():
    from sionna.phy.channel.tr38901 import TDL

    return TDL("A", 100e-9, 3.5e9)


def keras_noise():
    import keras

    return keras.layers.GaussianNoise(0.1)


@pytest.mark.parametrize(
    "make,message",
    [
        (channel_model, "channel TDL: TDL gives impulse responses, .* such as tdl-a or rayleigh"),
        (keras_noise, r"GaussianNoise takes one input, .* called as layer\(x, no\)"),
        (lambda: lambda x, snr_db: x, "second parameter is called snr_db, .* the noise variance"),
        (lambda: lambda symbols, sigma: symbols, "second parameter is called sigma"),
    ],
    ids=["channel-model", "keras-noise", "snr", "sigma"],
)
def test_what_is_called_otherwise_than_a_channel_is_named(make, message):
    with pytest.raises(ValueError, match=message) as error:
        get_channel(make())(SENT, NO, KEYS)
    assert "\n" not in str(error.value)


def test_a_channel_that_remembers_its_last_call_is_refused():
    """Its rows would depend on the order of work: here the first symbol on the last one sent before."""

    class Echo:
        last = 0

        def __call__(self, x, no):
            y = x + 0.3 * np.concatenate([[[self.last]], x[:, :-1]], axis=1)
            self.last = x[0, -1]
            return y

    with pytest.raises(ValueError, match="two calls with the same key gave different results"):
        get_channel(Echo())(SENT, NO, KEYS)


def test_a_channel_whose_first_parameter_is_the_variance_is_refused():
    with pytest.raises(ValueError, match="its first parameter is called no, .*: exchange no and x"):
        get_channel(lambda no, x: x).build()


@pytest.mark.parametrize(
    "parameters",
    [
        "num_tx_ant=2&num_rx_ant=4&return_channel=true",
        "num_tx_ant=1&num_rx_ant=1&vectors=1",
        "num_tx_ant=2&num_rx_ant=4&return_channel=true&vectors=4",
    ],
)
def test_the_channel_of_vectors_says_how_it_is_named(parameters):
    with pytest.raises(
        ValueError, match="name it as .*return_channel=true&vectors=2, where vectors"
    ):
        get_channel(f"sionna.phy.channel:FlatFadingChannel?{parameters}").build()
    with pytest.raises(ValueError, match="it takes vectors of symbols"):
        get_channel(FlatFadingChannel(2, 2)).build()


def test_a_tilde_is_the_home_folder(file, monkeypatch):
    monkeypatch.setenv("HOME", str(file.parent))
    channel = get_channel("~/mine.py:two_gains?weak=0.25")
    assert channel.spec == "~/mine.py:two_gains?weak=0.25"
    np.testing.assert_array_equal(
        channel(SENT, NO, KEYS).received,
        get_channel(f"{file}:two_gains?weak=0.25")(SENT, NO, KEYS).received,
    )

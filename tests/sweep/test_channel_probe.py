"""What a user's channel does beside what it states is said before a run."""

import re

import numpy as np
import pytest

import moclink
from moclink.phy.channels import get_channel
from moclink.sweep.channel_probe import SNRS_DB, describe, measure, probe
from moclink.sweep.plan import Plan
from moclink.sweep.session import Session

FILE = """
import threading

import keras
import numpy as np
from sionna.phy import config
from sionna.phy.channel import AWGN


def noise(x, no):
    parts = config.np_rng.normal(size=(2, *x.shape))
    return (parts[0] + 1j * parts[1]) * np.sqrt(no / 2)


def gain(size):
    parts = config.np_rng.normal(size=(2, *size))
    return (parts[0] + 1j * parts[1]) / np.sqrt(2)


def attenuated(x, no):
    return 0.5 * x + noise(x, no)


def twice(x, no):
    return x + noise(x, 2 * no)


def silent(x, no):
    return x


def block_fading(x, no):
    return gain((1,)) * x + noise(x, no)


def fast_fading(x, no):
    return gain(x.shape) * x + noise(x, no)


def awgn(x, no):
    return x + noise(x, no)


def block_fading_known(x, no):
    h = gain((1,))
    return h * x + noise(x, no), h


def deep_fade_known(x, no):
    return 0.03 * x + noise(x, no), np.array([0.03 + 0j])


def diversity(x, no):
    h = gain((1, x.shape[1], 2))
    return h * x[..., None] + noise(h, no), h


def impulsive(x, no):
    return x + noise(x, no) * np.where(config.np_rng.random(x.shape) < 0.01, 10, 1)


def class_a(x, no):
    return x + noise(x, no) * np.sqrt((config.np_rng.poisson(0.1, x.shape) / 0.1 + 0.1) / 1.1)


def one_length(x, no):
    if x.shape[1] != 1296:
        raise ValueError("1296 symbols are wanted")
    return twice(x, no)


class Built(keras.layers.Layer):
    def build(self, shape):
        self.gains = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x, no):
        return AWGN()(x * keras.ops.cast(self.gains, x.dtype), no)


made = Built()


class Locked:
    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, x, no):
        with self.lock:
            return twice(x, no)


locked = Locked()
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("probe") / "mine.py"
    path.write_text(FILE)
    return path


def notes(spec) -> list[str]:
    return probe(Session(Plan((0.0,), ("softcast",), channel=spec)), SNRS_DB)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("attenuated", "at 25 dB its symbols have a gain of 0.5, which receivers do not know"),
        (
            "twice",
            r"at 25 dB its symbols have (1.9\d|2|2.0\d) times the noise variance that is stated",
        ),
        ("silent", "at 25 dB its symbols have 0 times the noise variance"),
        ("block_fading", "have a gain of .* turned by up to .* return .y, h. with the gain h$"),
        ("fast_fading", r"have a gain of .* and 3\d\d times the noise variance"),
    ],
)
def test_a_gain_or_noise_that_is_not_stated_is_named(file, name, said):
    (note,) = notes(f"{file}:{name}")
    assert note.startswith(f"channel {file}:{name}: ")
    assert re.search(said, note), note


@pytest.mark.parametrize(
    "name",
    [
        *("awgn", "block_fading_known", "deep_fade_known", "diversity", "impulsive", "class_a"),
        *("Built", "made"),
    ],
)
def test_channels_that_state_what_they_do_are_not_accused(file, name):
    assert notes(f"{file}:{name}") == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("one_length", "called on 1000 symbols: .*1296 symbols are wanted"),
        ("locked", "cannot pickle '_thread.lock' object"),
    ],
)
def test_what_cannot_be_measured_is_said(file, name, why):
    (note,) = notes(f"{file}:{name}")
    assert note.startswith(f"channel {file}:{name} is not measured before the run: whether it adds")
    assert re.search(rf"is not known \(.*{why}", note), note


@pytest.mark.parametrize(
    "spec",
    [
        "sionna.phy.channel:AWGN",
        "sionna.phy.channel:FlatFadingChannel?num_tx_ant=2&num_rx_ant=2&return_channel=true&vectors=2",
        "moclink.phy.ofdm:TDLOverOFDM?model=C&delay_spread=300e-9&csi=perfect&fft_size=24",
        "moclink.phy.ofdm:TDLOverOFDM?model=C&delay_spread=300e-9&csi=ls&fft_size=24",
    ],
)
def test_blocks_of_sionna_and_our_own_state_what_they_do(spec):
    assert [describe(measure(get_channel(spec), snr_db)) for snr_db in SNRS_DB] == ["", ""]


def test_the_figures_are_those_of_the_channel(file):
    found = measure(get_channel(f"{file}:attenuated"), 25.0)
    # |0.5 x|^2 over 10^-2.5, and the noise; five standard deviations of 4000 values.
    assert found.noise == pytest.approx(0.25 * 10**2.5 + 1, rel=0.02)
    assert found.rest == pytest.approx(1, abs=5 / np.sqrt(4000))
    assert np.allclose(found.gains, 0.5, atol=5 * np.sqrt(10**-2.5 / 1000))


def test_a_run_says_it_once_and_goes_on(file, tmp_path, capsys):
    image = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    run = moclink.run(
        "softcast", [0, 9], image, channel=f"{file}:twice", out=tmp_path / "run", progress=False
    )
    assert len(run.rows()) == 2
    assert capsys.readouterr().err.count("times the noise variance that is stated") == 1
    # The block that was probed is another: the run's is built for the symbols of the run.
    moclink.run("softcast", 9, image, channel=f"{file}:made", out=tmp_path / "made", progress=False)
    assert "note" not in capsys.readouterr().err

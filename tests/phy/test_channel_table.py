"""The table of channels: parameters that are within their own ranges and reach the blocks they name."""

import sys
from types import ModuleType

import numpy as np
import pytest

from moclink.phy.channel_spec import Parameter
from moclink.phy.channel_table import CHANNELS, OFDM_OVERHEAD, Overhead, block

KINDS = list(CHANNELS.items())


def test_overhead_is_what_no_data_symbol_takes():
    assert Overhead().total == 0
    # 12 of 14 symbols carry data, each for 15 of 16 parts of its time.
    assert OFDM_OVERHEAD.total == pytest.approx(1 - 12 / 14 * 14 / 15)
    assert Overhead(pilots=1.0).total == Overhead(cyclic_prefix=1.0).total == 1


@pytest.mark.parametrize(("name", "kind"), KINDS, ids=CHANNELS)
def test_defaults_are_values_that_a_user_could_give(name, kind):
    for parameter in kind.parameters:
        assert parameter.parse(str(parameter.default)) == parameter.default
    assert len({parameter.name for parameter in kind.parameters}) == len(kind.parameters)
    assert "common" not in {parameter.name for parameter in kind.parameters}


@pytest.mark.parametrize(("name", "kind"), KINDS, ids=CHANNELS)
def test_a_channel_is_made_from_its_parameters(name, kind):
    values = {parameter.name: parameter.default for parameter in kind.parameters}
    assert callable(kind.make(**values))
    fade = kind.coherence(values)
    if name.startswith(("tdl", "cdl")):
        assert fade == 12 * values["subcarriers"]
    elif name.startswith("mimo"):
        assert fade == 12 * values["subcarriers"] * kind.streams
        assert not kind.causal and values["subcarriers"] % kind.streams == 0
    else:
        assert fade == (0 if name == "rayleigh" else 1)


def test_a_block_gets_parameters_by_name_and_subcarriers_as_fft_size(monkeypatch):
    made = []

    class Recording:
        def __init__(self, level, fft_size, antennas):
            made.append((level, fft_size, antennas))

        def __call__(self, x, no):
            return x

    module = ModuleType("recording_channel")
    module.Recording = Recording
    monkeypatch.setitem(sys.modules, "recording_channel", module)
    make = block("recording_channel:Recording", antennas=3)
    assert not made  # the table alone imports and makes nothing
    make(level=2.5, subcarriers=36)
    assert made == [(2.5, 36, 3)]


def test_rayleigh_gains_last_as_long_as_the_parameter_says():
    parameter: Parameter = CHANNELS["rayleigh"].parameters[0]
    symbols, no = np.ones((1, 60), np.complex64), np.float32([1e-3])
    output = CHANNELS["rayleigh"].make(**{parameter.name: 20})(symbols, no, [(1, "a")])
    gains = 1 / output.no.reshape(3, 20)  # proportional to |h|^2
    np.testing.assert_allclose(gains, np.repeat(gains[:, :1], 20, 1), rtol=1e-5)
    assert len(np.unique(gains[:, 0].round(1))) == 3

"""A user's Sionna precision changes no row, and a link works in it."""

import numpy as np
import pytest
from sionna.phy import config
from sionna.phy.channel import AWGN
from sionna.phy.fec.ldpc import LDPC5GEncoder

from moclink.phy.channels import get_channel
from moclink.phy.ldpc import get_code, get_decoder
from moclink.phy.precision import single_precision
from moclink.phy.qam_link import make_index_link
from moclink.phy.tensors import to_numpy

KEYS = [(1, 10.0, "picture", 0), (1, 10.0, "picture", 1)]
SYMBOLS = np.exp(2j * np.pi * np.arange(96) / 7).astype(np.complex64)[None]


@pytest.fixture
def double():
    config.precision = "double"
    yield
    config.precision = "single"


def test_it_is_set_for_a_while(double):
    with pytest.raises(ZeroDivisionError), single_precision():
        assert config.precision == "single"
        1 / 0  # noqa: B018
    assert config.precision == "double"


@pytest.mark.parametrize("name", ["rayleigh", "tdl-c", "mimo-2x2", "sionna.phy.channel:AWGN"])
def test_channels_give_the_same_symbols(name):
    def sent(precision):
        config.precision = precision
        try:
            return get_channel(name)(SYMBOLS, np.full(2, 0.1, np.float32), KEYS)
        finally:
            config.precision = "single"

    one, other = sent("single"), sent("double")
    np.testing.assert_array_equal(one.received, other.received)
    np.testing.assert_array_equal(one.no, other.no)


def test_sionnas_decoder_runs(double):
    code = get_code("ldpc5g", 100, 200)
    decoded = get_decoder(code, kind="sionna").decode(np.full((3, 200), -9, np.float32))
    assert not decoded.bits.any() and decoded.converged.all()


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_a_link_carries_its_indices(double, coded, training):
    code = LDPC5GEncoder(300, 600, num_bits_per_symbol=6) if coded else None
    path = make_index_link(8, AWGN(), code)
    indices = np.arange(200, dtype=np.int32).reshape(2, 100) % 8
    outputs = path(indices, np.full(2, 30, np.float32), training=training)
    likelihoods, no = map(to_numpy, outputs)
    assert likelihoods.dtype == no.dtype == np.float32
    np.testing.assert_array_equal(np.argmax(likelihoods, -1), indices)

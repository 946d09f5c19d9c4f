"""What a picture may use, and that chains with their budgets can be pickled."""

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest

from moclink.budgets import CapacityBudget, ModemBudget, SymbolBudget
from moclink.chain_factory import make_chain
from moclink.phy.channels import get_channel, noise_variance
from moclink.phy.modems import BitModem
from moclink.presets import ChainOptions
from moclink.sources.rate import semantic_bits, semantic_symbols
from moclink.types import ChannelState

IMAGE = np.linspace(0, 1, 48 * 64 * 3, dtype=np.float32).reshape(1, 48, 64, 3)


def test_symbols_are_those_of_the_ratio_or_of_the_semantic_chain():
    assert SymbolBudget(Fraction(1, 24))(48, 64) == 48 * 64 * 3 // 24
    assert SymbolBudget(Fraction(1, 24))(1, 1) == 1
    assert SymbolBudget(None, 2)(48, 64) == 2 * semantic_symbols(48, 64)


def test_bits_are_those_of_the_modem_of_the_capacity_or_of_the_semantic_chain():
    symbols = SymbolBudget(Fraction(1, 24))
    assert ModemBudget(BitModem(2), symbols)(48, 64) == 2 * 384
    assert ModemBudget(BitModem(2), None)(48, 64) == semantic_bits(48, 64)
    assert CapacityBudget(symbols)(48, 64, ChannelState(10 * np.log10(3) + 1e-6)) == 2 * 384


@pytest.mark.parametrize(
    ("name", "harq"),
    [
        *(("jpeg-ldpc@1/8", 1), ("jpeg-ldpc-mcs5@1/8", 1), ("jpeg-ldpc-mcs5@1/8", 2)),
        *(("jpeg-ldpc-adaptive@1/8", 1), ("jpeg-capacity@1/8", 1), ("softcast@1/8", 1)),
        *(("hybrid-adaptive@1/8", 1), ("moc-rvq-l2-ldpc-mcs13", 1)),
    ],
)
def test_a_chain_is_pickled_and_copied_before_and_after_it_was_used(name, harq):
    """As `multiprocessing.Pool` does it."""
    chain, csi, no = make_chain(name, ChainOptions(harq=harq)), ChannelState(20.0), [0.01]
    early = pickle.loads(pickle.dumps(chain))
    sent = chain.transmit(IMAGE, csi)
    images = chain.receive(sent.symbols, no, sent.header).images
    for again in (early, pickle.loads(pickle.dumps(chain)), copy.deepcopy(chain)):
        assert np.array_equal(again.transmit(IMAGE, csi).symbols, sent.symbols)
        assert np.allclose(again.receive(sent.symbols, no, sent.header).images, images, atol=1e-5)


@pytest.mark.parametrize(
    "spec", ["awgn", "rayleigh?coherence=3", "rayleigh-fast", "tdl-a?common=1"]
)
def test_a_channel_is_pickled(spec):
    channel, keys = get_channel(spec), [(1, 10.0, "image", 0)]
    sent, no = np.ones((1, 8), np.complex64), noise_variance([10.0])
    output = channel(sent, no, keys)
    again = pickle.loads(pickle.dumps(channel))(sent, no, keys)
    assert np.array_equal(again.received, output.received)
    assert np.array_equal(again.no, output.no)

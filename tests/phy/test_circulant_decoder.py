"""The decoder of one codeword at a time against the one of sixteen side by side."""

import numpy as np
import pytest

from moclink.phy.base_graph import BlockCode
from moclink.phy.belief_propagation import BeliefPropagation
from moclink.phy.circulant_decoder import CirculantDecoder


def over_bpsk(code: BlockCode, length: int, deviation: float, count: int):
    """Payloads and LLRs of BPSK over AWGN of this deviation."""
    rng = np.random.default_rng([code.k, length])
    bits = rng.integers(0, 2, (count, code.k), dtype=np.uint8)
    received = 2.0 * code.encode(bits, length) - 1 + rng.normal(0, deviation, (count, length))
    return bits, (2 * received / deviation**2).astype(np.float32)


# (base graph, k, length, deviation within the waterfall, codewords); lifting sizes 384, 352, 384,
# 44, 104 and 16, with and without filler bits.
CASES = [
    (1, 8448, 9200, 0.464, 40),
    (1, 7700, 15_400, 0.898, 40),
    (2, 3840, 19_200, 1.61, 40),
    (2, 324, 648, 0.83, 400),
    (2, 1000, 2000, 0.85, 200),
    (2, 96, 200, 0.8, 400),
]


@pytest.mark.parametrize(("base_graph", "k", "length", "deviation", "count"), CASES)
def test_decisions_are_those_of_the_other_decoder(base_graph, k, length, deviation, count):
    code = BlockCode(base_graph, k)
    bits, llr = over_bpsk(code, length, deviation, count)
    expected = BeliefPropagation(code.graph(length)).decode(llr)
    decoded = CirculantDecoder(code, length).decode(llr)
    failed = (expected.bits != bits).any(axis=1)
    assert 0 < failed.mean() < 1, "the comparison belongs into the waterfall"
    # Sionna's own graph and XLA modes differ in 17 of 4,096 codewords; sums in another order do no
    # worse.
    differ = (decoded.bits != expected.bits).any(axis=1)
    assert differ.sum() <= 2
    np.testing.assert_array_equal(decoded.converged[~differ], expected.converged[~differ])
    assert (np.abs(decoded.iterations - expected.iterations)[~failed] <= 1).all()


def test_the_result_depends_on_the_codeword_alone():
    code = BlockCode(2, 700)
    _, llr = over_bpsk(code, 1200, 0.7, 30)
    whole = CirculantDecoder(code, 1200, threads=1).decode(llr)
    parted = [
        CirculantDecoder(code, 1200, threads=3).decode(llr[a : a + 7]) for a in range(0, 30, 7)
    ]
    for name in ("bits", "converged", "iterations"):
        np.testing.assert_array_equal(
            getattr(whole, name), np.concatenate([getattr(part, name) for part in parted])
        )


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="lifting size of 15"):
        CirculantDecoder(BlockCode(2, 90), 200)
    with pytest.raises(ValueError, match=r"\[B, 1200\]"):
        CirculantDecoder(BlockCode(2, 700), 1200).decode(np.zeros((1, 1201), np.float32))


@pytest.mark.parametrize(("base_graph", "k", "length", "deviation", "count"), CASES[1:5])
def test_rows_that_say_nothing_at_first_may_be_left_out(base_graph, k, length, deviation, count):
    """Checks on both columns that are never sent: going through them changes nothing at all."""
    code = BlockCode(base_graph, k)
    _, llr = over_bpsk(code, length, deviation, min(count, 60))
    decoder, whole = CirculantDecoder(code, length), CirculantDecoder(code, length)
    first, every = whole._rows
    assert len(first) < len(every)
    whole._rows = every, every
    ours, expected = decoder.decode(llr), whole.decode(llr)
    for name in ("bits", "converged", "iterations"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name))

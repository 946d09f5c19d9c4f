"""The layered decoder of one codeword at a time against flooding, and against its equations."""

from itertools import pairwise

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
    (1, 7700, 15_400, 0.915, 40),
    (2, 3840, 19_200, 1.66, 40),
    (2, 324, 648, 0.83, 400),
    (2, 1000, 2000, 0.85, 200),
    (2, 96, 200, 0.8, 400),
]


@pytest.mark.parametrize(("base_graph", "k", "length", "deviation", "count"), CASES)
def test_half_the_iterations_find_what_flooding_finds(base_graph, k, length, deviation, count):
    code = BlockCode(base_graph, k)
    bits, llr = over_bpsk(code, length, deviation, count)
    expected = BeliefPropagation(code.graph(length), 40).decode(llr)
    decoded = CirculantDecoder(code, length, 20).decode(llr)
    failed = (expected.bits != bits).any(axis=1)
    assert 0 < failed.mean() < 1, "the comparison belongs into the waterfall"
    # Both schedules stop at codewords, and at the same one where both find one.
    both = decoded.converged & expected.converged
    np.testing.assert_array_equal(decoded.bits[both], expected.bits[both])
    # Where one alone finds it is chance: within three deviations of a fair coin.
    only = decoded.converged.astype(int) - expected.converged
    assert only.sum() >= -3 * max(1, np.abs(only).sum()) ** 0.5
    assert decoded.iterations[both].mean() <= 0.65 * expected.iterations[both].mean()


def layered(code: BlockCode, length: int, llr: np.ndarray, num_iter: int) -> np.ndarray:
    """Decisions of one codeword after some iterations of the layered schedule, in float64.

    The first iteration leaves out checks that hold two nodes of which nothing is known.
    """
    graph = code.graph(length)
    posterior = np.zeros(graph.num_vns)
    posterior[graph.received] = -llr
    posterior[graph.shortened] = 1e4
    messages = [np.zeros(b - a) for a, b in pairwise(graph.cn_start)]
    for iteration in range(num_iter):
        for check, (a, b) in enumerate(pairwise(graph.cn_start)):
            nodes = graph.cn_vn[a:b]
            if iteration == 0 and (nodes < 2 * code.z).sum() == 2:
                continue
            incoming = posterior[nodes] - messages[check]
            tanh = np.tanh(np.clip(incoming, -20, 20) / 2)
            products = np.array([np.prod(np.delete(tanh, i)) for i in range(len(nodes))])
            messages[check] = 2 * np.arctanh(np.clip(products, -1 + 1e-7, 1 - 1e-7))
            posterior[nodes] = incoming + messages[check]
    return (posterior[: code.k] <= 0).astype(np.uint8)


@pytest.mark.parametrize("num_iter", [1, 2, 3])
@pytest.mark.parametrize(("base_graph", "k", "length"), [(2, 200, 480), (1, 700, 1500)])
def test_the_schedule_is_the_layered_one(base_graph, k, length, num_iter):
    code = BlockCode(base_graph, k)
    _, llr = over_bpsk(code, length, 1.0, 4)
    decoded = CirculantDecoder(code, length, num_iter).decode(llr)
    assert not decoded.converged.any()
    expected = [layered(code, length, values.astype(np.float64), num_iter) for values in llr]
    np.testing.assert_array_equal(decoded.bits, expected)


def test_llrs_in_another_order():
    code, rng = BlockCode(2, 1000), np.random.default_rng(5)
    _, llr = over_bpsk(code, 2000, 0.8, 20)
    order = rng.permutation(2000)
    np.testing.assert_array_equal(
        CirculantDecoder(code, 2000, order=order).decode(llr[:, order]).bits,
        CirculantDecoder(code, 2000).decode(llr).bits,
    )


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

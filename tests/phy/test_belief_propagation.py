import numpy as np
import pytest
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder

from moclink.phy.belief_propagation import BeliefPropagation
from moclink.phy.ldpc import get_code
from moclink.phy.ldpc_graph import TannerGraph
from moclink.phy.tensors import tensor


def assert_same(a, b):
    np.testing.assert_array_equal(a.bits, b.bits)
    np.testing.assert_array_equal(a.converged, b.converged)
    np.testing.assert_array_equal(a.iterations, b.iterations)


def textbook_posteriors(pcm: np.ndarray, channel: np.ndarray, num_iter: int) -> np.ndarray:
    """Flooding sum-product in float64, straight from the equations; LLRs ln P(0)/P(1) of one word."""
    rows, columns = np.nonzero(pcm)
    messages = np.zeros(len(rows))
    for _ in range(num_iter):
        posterior = channel + np.bincount(columns, messages, len(channel))
        t = np.tanh(np.clip(posterior[columns] - messages, -20, 20) / 2)
        for c in range(len(pcm)):
            edges = np.flatnonzero(rows == c)
            for e in edges:
                messages[e] = 2 * np.arctanh(np.prod(t[edges[edges != e]]))
    return channel + np.bincount(columns, messages, len(channel))


@pytest.mark.parametrize("num_iter", [1, 2, 3])
def test_decisions_are_those_of_the_equations(num_iter):
    rng = np.random.default_rng(4)
    pcm = np.zeros((12, 24), np.uint8)
    for row in pcm:
        row[rng.choice(24, 5, replace=False)] = 1
    rows, columns = np.nonzero(pcm)
    starts = np.searchsorted(rows, np.arange(13)).astype(np.int32)
    graph = TannerGraph(
        24,
        starts,
        columns.astype(np.int32),
        np.arange(24, dtype=np.int32),
        np.zeros(0, np.int32),
        24,
    )
    llr = rng.normal(scale=2, size=(100, 24)).astype(np.float32)
    decoded = BeliefPropagation(graph, num_iter, threads=1).decode(llr)
    for word in range(len(llr)):
        iterations = decoded.iterations[word]
        posterior = textbook_posteriors(pcm, -llr[word].astype(float), iterations)
        clear = np.abs(posterior) > 1e-4
        np.testing.assert_array_equal(decoded.bits[word][clear], (posterior <= 0)[clear])
        assert decoded.converged[word] == (not (pcm @ (posterior <= 0) % 2).any())
        assert decoded.converged[word] or iterations == num_iter


def test_a_codeword_is_decoded_alike_in_any_company(standard_code, standard_blocks):
    llr = standard_blocks(11.0, 512).llr[:201]
    graph = standard_code.graph
    together = BeliefPropagation(graph, threads=1).decode(llr)
    assert len(set(together.iterations)) > 5, "lanes are refilled at different times"
    for threads in (2, 3):
        assert_same(BeliefPropagation(graph, threads=threads).decode(llr), together)
    order = np.random.default_rng(5).permutation(len(llr))
    shuffled = BeliefPropagation(graph, threads=2).decode(llr[order])
    np.testing.assert_array_equal(shuffled.bits, together.bits[order])
    np.testing.assert_array_equal(shuffled.iterations, together.iterations[order])
    for word in range(0, len(llr), 40):
        alone = BeliefPropagation(graph).decode(llr[word : word + 1])
        np.testing.assert_array_equal(alone.bits[0], together.bits[word])
        assert alone.iterations[0] == together.iterations[word]


def test_scrambling_leaves_the_error_pattern_alone(standard_code, standard_blocks):
    # A linear code on a symmetric channel: flipping LLR signs by a codeword flips decisions by it.
    code = standard_code
    blocks = standard_blocks(11.0, 512)
    signs = 1 - 2 * code.encode(blocks.bits).astype(np.float32)
    decoder = BeliefPropagation(code.graph)
    errors = decoder.decode(blocks.llr).bits ^ blocks.bits
    np.testing.assert_array_equal(decoder.decode(blocks.llr * signs).bits, errors)


# Both base graphs, all ways of rate matching: few and many fillers, hardly any and most parity bits
# punctured, lifting sizes from 2 to 160. SNRs lie in each code's waterfall for QPSK.
OTHER_CODES = [
    (12, 60, -4.0),
    (100, 150, 3.0),
    (200, 220, 6.5),
    (400, 1200, -1.0),
    (3000, 4000, 4.2),
]


@pytest.mark.parametrize(("k", "n", "snr_db"), OTHER_CODES)
def test_other_5g_codes_agree_with_sionna(k, n, snr_db, over_awgn):
    code = get_code("ldpc5g", k, n)
    count = 24 if k > 1000 else 128
    blocks = over_awgn(code, 2, snr_db, count, seed=6)
    expected = LDPC5GDecoder(LDPC5GEncoder(k, n))(tensor(blocks.llr)).numpy()
    decoded = BeliefPropagation(code.graph).decode(blocks.llr)
    wrong = (decoded.bits != blocks.bits).any(axis=1)
    assert 0 < wrong.mean() < 1, "the comparison belongs into the waterfall"
    # Half of the words fail here, where the last iterations wander: some of those may end
    # elsewhere.
    differ = (decoded.bits != expected).any(axis=1)
    assert differ.sum() <= 0.1 * count
    expected_wrong = (expected != blocks.bits).any(axis=1)
    assert (wrong != expected_wrong).sum() <= 0.03 * count + 1


def test_the_mother_code_with_nothing_punctured_at_its_end(over_awgn):
    # k = 10 Z and n = 50 Z: there is nothing to remove, where Sionna's decoder removes everything.
    code = get_code("ldpc5g", 720, 3600)
    assert code.graph.num_vns == 52 * 72
    blocks = over_awgn(code, 2, -3.0, 64, seed=7)
    decoded = BeliefPropagation(code.graph).decode(blocks.llr)
    np.testing.assert_array_equal(decoded.bits, blocks.bits)
    assert decoded.converged.all()


def test_infinite_llrs_are_certain_bits(standard_code, standard_blocks):
    code = standard_code
    blocks = standard_blocks(11.0, 512)
    llr = np.where(code.encode(blocks.bits[:20]) == 1, np.inf, -np.inf).astype(np.float32)
    decoded = BeliefPropagation(code.graph).decode(llr)
    np.testing.assert_array_equal(decoded.bits, blocks.bits[:20])

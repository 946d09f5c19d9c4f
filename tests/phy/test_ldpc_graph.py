"""Decoding graphs: codewords satisfy them, and every bit is in its place."""

import numpy as np
import pytest
from sionna.phy.fec.ldpc import LDPC5GEncoder
from sionna.phy.fec.utils import load_parity_check_examples

from moclink.phy.ldpc_graph import (
    checked_bits,
    checked_llr,
    graph_5g,
    graph_wifi648,
    sparse_pcm,
    systematic_generator,
)
from moclink.phy.tensors import tensor

HAMMING = np.array([[1, 1, 0, 1, 1, 0, 0], [1, 0, 1, 1, 0, 1, 0], [0, 1, 1, 1, 0, 0, 1]], np.uint8)


def test_generator_of_the_hamming_code():
    generator = systematic_generator(HAMMING)
    np.testing.assert_array_equal(generator[:, :4], np.eye(4))
    assert not (HAMMING @ generator.T % 2).any()
    words = np.array(list(np.ndindex(*[2] * 4)))[1:] @ generator % 2
    assert words.sum(1).min() == 3  # its minimum distance


def test_a_matrix_without_systematic_generator_is_refused():
    with pytest.raises(ValueError, match="column 5 of the parity-check matrix depends"):
        systematic_generator(HAMMING[:, [0, 1, 2, 3, 4, 4, 6]])


@pytest.mark.parametrize(("k", "n", "order"), [(324, 648, 6), (400, 1200, None), (100, 300, 2)])
def test_codewords_of_sionna_satisfy_the_checks_at_their_places(k, n, order):
    encoder = LDPC5GEncoder(k, n, num_bits_per_symbol=order)
    graph = graph_5g(encoder)
    bits = np.random.default_rng(1).integers(0, 2, (4, k), dtype=np.uint8)
    sent = encoder(tensor(bits, "float32")).numpy().astype(np.uint8)
    words = np.zeros((4, graph.num_vns), np.uint8)  # shortened nodes are 0
    words[:, :k] = bits
    words[:, graph.received] = sent
    np.testing.assert_array_equal(words[:, :k], bits)
    pcm = graph.parity_check_matrix()
    known = np.zeros(graph.num_vns, bool)
    known[np.r_[: graph.k, graph.received, graph.shortened]] = True
    assert known.all(), "pruning leaves no node that was neither sent nor known"
    assert not (words @ pcm.T % 2).any()
    np.testing.assert_array_equal(pcm, sparse_pcm(encoder, graph).toarray())


def test_without_pruning_the_whole_matrix_is_decoded():
    encoder = LDPC5GEncoder(324, 648)
    whole, pruned = graph_5g(encoder, prune=False), graph_5g(encoder)
    np.testing.assert_array_equal(whole.parity_check_matrix(), encoder.pcm.toarray())
    removed = whole.num_vns - pruned.num_vns
    assert removed == whole.num_cns - pruned.num_cns > 0
    # What is removed are checks of one punctured node each.
    tail = whole.parity_check_matrix()[:, -removed:]
    np.testing.assert_array_equal(tail[-removed:], np.eye(removed))
    assert not tail[:-removed].any()


def test_sources_name_received_shortened_and_punctured_nodes():
    graph = graph_5g(LDPC5GEncoder(324, 648, num_bits_per_symbol=6))
    sources, n = graph.sources(), 648
    np.testing.assert_array_equal(sources[graph.received], np.arange(n))
    assert (sources[graph.shortened] == n).all()
    others = np.setdiff1d(np.arange(graph.num_vns), np.r_[graph.received, graph.shortened])
    assert (sources[others] == n + 1).all() and set(range(2 * 36)) <= set(others)  # Z is 36


def test_the_wifi_graph_is_the_matrix_of_sionna():
    pcm, k, n, _ = load_parity_check_examples(pcm_id=4)
    graph = graph_wifi648()
    assert (graph.k, graph.num_vns, graph.num_cns) == (k, n, n - k) == (324, 648, 324)
    np.testing.assert_array_equal(graph.parity_check_matrix(), pcm)


def test_llrs_of_another_shape_are_refused():
    kept = checked_llr(np.zeros((6, 4)).T, 6)
    assert kept.dtype == np.float32 and kept.flags.c_contiguous
    for shape in ((6,), (2, 5), (1, 2, 6)):
        with pytest.raises(ValueError, match=r"llr has the shape .*; \[B, 6\] is wanted"):
            checked_llr(np.zeros(shape, np.float32), 6)
    assert np.isinf(checked_llr(np.float32([[np.inf, 0, -np.inf, 1, 2, 3]]), 6)).sum() == 2
    with pytest.raises(ValueError, match="llr holds NaN; a bit of which nothing is known has"):
        checked_llr(np.float32([[np.nan, 0, 1, 1, 2, 3]]), 6)


def test_bits_of_another_shape_or_value_are_refused():
    bits = np.array([[0, 1, 1]], np.uint8)
    assert checked_bits(bits, 3) is bits
    with pytest.raises(ValueError, match=r"bits have the shape \(1, 3\); \[B, 4\] is wanted"):
        checked_bits(bits, 4)
    with pytest.raises(ValueError, match="bits hold the value 2; 0 and 1 are wanted"):
        checked_bits(2 * bits, 3)
    with pytest.raises(ValueError, match="bits hold the value -1; 0 and 1 are wanted"):
        checked_bits(2 * bits.astype(np.int8) - 1, 3)

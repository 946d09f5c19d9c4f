"""Stages over lanes against Sionna's uninterrupted decoder on the same graph."""

import numpy as np
import pytest
from sionna.phy.fec.ldpc import LDPC5GEncoder, LDPCBPDecoder

from moclink.phy.ldpc_graph import graph_5g, sparse_pcm
from moclink.phy.staged_decoder import StagedDecoder, place_tensor
from moclink.phy.tensors import tensor

NUM_ITER = 6


@pytest.fixture(scope="module")
def encoder():
    return LDPC5GEncoder(60, 120)


@pytest.fixture(scope="module")
def graph(encoder):
    return graph_5g(encoder)


@pytest.fixture(scope="module")
def bp(encoder, graph):
    options = {"hard_out": False, "return_state": True, "num_iter": NUM_ITER}
    return LDPCBPDecoder(sparse_pcm(encoder, graph), **options)


@pytest.fixture(scope="module")
def llr(encoder, graph):
    """Of 30 codewords at Eb/N0 = 2 dB, at their variable nodes: [30, num_vns]."""
    rng = np.random.default_rng(3)
    codewords = encoder(tensor(rng.integers(0, 2, (30, 60)), "float32")).numpy()
    variance = 10**-0.2
    received = 2 * codewords - 1 + rng.normal(scale=np.sqrt(variance), size=codewords.shape)
    return place_tensor(graph, tensor(2 * received / variance, "float32"), 20.0)


def test_llrs_are_placed_on_received_shortened_and_punctured_nodes(graph):
    values = np.arange(1.0, 121.0, dtype=np.float32)[None]
    placed = place_tensor(graph, tensor(values), 20.0).numpy()[0]
    np.testing.assert_array_equal(placed[graph.received], values[0])
    assert (placed[graph.shortened] == -20).all()  # known zeros; LLRs are ln P(1)/P(0)
    punctured = np.setdiff1d(np.arange(graph.num_vns), np.r_[graph.received, graph.shortened])
    assert len(punctured) >= 2 * 6 and not placed[punctured].any()


def test_each_word_stops_at_the_stage_at_which_it_satisfies_the_checks(bp, graph, llr):
    output = StagedDecoder(bp, graph, lanes=8)(llr, NUM_ITER)
    logits, iterations = output.logits.numpy(), output.iterations.numpy()
    pcm = graph.parity_check_matrix()
    np.testing.assert_array_equal(
        output.converged.numpy(), ~((logits >= 0) @ pcm.T % 2).astype(bool).any(1)
    )
    assert 0.3 < output.converged.numpy().mean() < 1
    assert set(iterations) <= {2, 4, 6} and len(set(iterations)) > 1
    assert (iterations[~output.converged.numpy()] == NUM_ITER).all()
    for count in set(iterations.tolist()):
        expected, _ = bp(llr, num_iter=count)
        rows = iterations == count
        np.testing.assert_allclose(logits[rows], expected.numpy()[rows], rtol=1e-4, atol=1e-4)
        if count > 2:  # one stage earlier the checks did not hold
            earlier = bp(llr, num_iter=count - 2)[0].numpy()[rows] >= 0
            assert (earlier @ pcm.T % 2).any(1).all()


def test_satisfied_is_the_syndrome(bp, graph, llr):
    logits = np.sign(llr.numpy()) + 0.5
    expected = ~((logits >= 0) @ graph.parity_check_matrix().T % 2).astype(bool).any(1)
    staged = StagedDecoder(bp, graph, lanes=4)
    np.testing.assert_array_equal(staged.satisfied(tensor(logits)).numpy(), expected)
    assert (
        staged.satisfied(tensor(-np.ones([1, graph.num_vns], np.float32))).numpy().all()
    )  # the zero word


def test_rows_beyond_the_count_are_not_decoded(bp, graph, llr):
    staged = StagedDecoder(bp, graph, lanes=8)
    whole, part = staged(llr, NUM_ITER), staged(llr, NUM_ITER, count=tensor(11))
    np.testing.assert_allclose(part.logits[:11], whole.logits[:11], rtol=1e-4, atol=1e-4)
    assert not part.logits.numpy()[11:].any() and not part.iterations.numpy()[11:].any()

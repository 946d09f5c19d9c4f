"""Index assignments: the walk, the costs, the best one, and what each gains."""

import itertools
import math

import numpy as np
import pytest
from keras import ops

from moclink.codec.codebook_initialization import k_means
from moclink.codec.codebooks import code_usage, record_priors
from moclink.codec.constellation import axis_labels
from moclink.codec.quantizer import MOCRVQ
from moclink.codec.reordering import (
    METHODS,
    assign_codebook_labels,
    assign_labels,
    channel_distortion,
    nearest_neighbour_order,
    reflected_gray,
    renumber,
    squared_distances,
    transitions,
)


def codebooks(count, states=8, width=6):
    """k-means codebooks of a correlated Gaussian source."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        mix = rng.normal(size=(width, width)) * 0.7 ** np.arange(width)
        found.append(k_means((rng.normal(size=(600, width)) @ mix).astype(np.float32), states, rng))
    return found


EVEN = np.full(8, 1 / 8)


def test_papers_g_is_the_reflected_gray_code_and_not_the_axis():
    assert reflected_gray(8).tolist() == [0, 1, 3, 2, 6, 7, 5, 4]
    position = np.argsort(axis_labels(8))
    assert (
        max(abs(np.diff(position[reflected_gray(8)]))) > 1
    )  # neighbours in g lie apart on the axis


def test_walk_starts_next_to_the_mean_and_takes_the_nearest_left():
    book = codebooks(1)[0].astype(np.float64)
    order = nearest_neighbour_order(book)
    assert sorted(order) == list(range(8))
    here = book.mean(0)
    for k, code in enumerate(order):
        assert code == min(order[k:], key=lambda c: np.linalg.norm(book[c] - here))
        here = book[code]


def test_greedy_puts_the_walk_along_the_axis():
    book = codebooks(1)[0]
    labels = assign_labels(book, "greedy")
    np.testing.assert_array_equal(labels[nearest_neighbour_order(book)], [7, 6, 4, 5, 1, 0, 2, 3])
    labels = assign_labels(book, "greedy-paper")
    np.testing.assert_array_equal(labels[nearest_neighbour_order(book)], [0, 1, 3, 2, 6, 7, 5, 4])


def test_transitions_agree_with_the_error_rate_and_are_probabilities():
    for snr_db in (0, 10, 20):
        table = transitions(8, snr_db)
        np.testing.assert_allclose(table.sum(1), 1, atol=1e-12)
        error = 1.75 * 0.5 * math.erfc(math.sqrt(10 ** (snr_db / 10) / 21) / math.sqrt(2))
        assert 1 - np.trace(table) / 8 == pytest.approx(error, rel=1e-6)
    np.testing.assert_allclose(
        transitions(8, [0, 10]), (transitions(8, 0) + transitions(8, 10)) / 2
    )


def test_channel_distortion_is_what_a_simulation_finds():
    book, prior = codebooks(1)[0], np.random.default_rng(1).dirichlet(np.full(8, 3.0))
    labels = assign_labels(book, "greedy")
    rng = np.random.default_rng(2)
    sent = rng.choice(8, p=prior, size=200_000)
    table = transitions(8, 5.0)[labels][:, labels]
    received = (rng.random(len(sent))[:, None] > np.cumsum(table, 1)[sent]).sum(1).clip(max=7)
    errors = squared_distances(book)[sent, received]
    expected = channel_distortion(book, prior, labels, 5.0)
    assert errors.mean() == pytest.approx(expected, abs=4 * errors.std() / math.sqrt(len(sent)))


def test_exact_is_the_best_of_all_placements():
    """Four states, every index assignment tried one by one."""
    book, prior = codebooks(1, states=4)[0], np.array([0.4, 0.3, 0.2, 0.1])
    best = min(
        channel_distortion(book, prior, np.array(labels), 8.0)
        for labels in itertools.permutations(range(4))
    )
    found = assign_labels(book, "exact", prior, 8.0)
    assert channel_distortion(book, prior, found, 8.0) == pytest.approx(best, rel=1e-9)


def test_placements_rank_as_they_should_on_codebooks_of_a_correlated_source():
    books = codebooks(12, width=8)
    mean = {}
    for method in METHODS:
        placed = [
            channel_distortion(book, EVEN, assign_labels(book, method, snr_db=15.0), 15.0)
            for book in books
        ]
        mean[method] = np.mean(placed)
    assert mean["exact"] <= mean["descent"] <= mean["greedy"] < mean["greedy-paper"] < mean["none"]
    assert mean["exact"] < 0.75 * mean["none"]
    assert mean["greedy"] < mean["random"]


def test_sixteen_states_descend_and_are_never_worse_than_greedy():
    book, even = codebooks(1, states=16)[0], np.full(16, 1 / 16)
    cost = {
        m: channel_distortion(book, even, assign_labels(book, m, snr_db=15.0), 15.0)
        for m in ("greedy", "descent")
    }
    assert cost["descent"] <= cost["greedy"]
    with pytest.raises(ValueError, match="at most 8 states, use 'descent'"):
        assign_labels(book, "exact")


def test_all_codebooks_are_placed_one_by_one():
    books = np.stack(codebooks(4)).reshape(2, 2, 8, 6)
    labels = assign_codebook_labels(books, "exact", np.full((2, 2, 8), 1 / 8), [5.0, 15.0])
    np.testing.assert_array_equal(
        labels[1, 0], assign_labels(books[1, 0], "exact", EVEN, [5.0, 15.0])
    )
    assert (np.sort(labels, -1) == np.arange(8)).all()


def test_unknown_method_is_refused():
    with pytest.raises(ValueError, match="'alphabetical'.*greedy-paper"):
        assign_labels(codebooks(1)[0], "alphabetical")


P, D, N, C = 2, 3, 8, 6


def make(seed=0, **options):
    """A quantiser whose levels shrink, as trained ones do."""
    quantizer = MOCRVQ(P * C, P, D, N, **options)
    rng = np.random.default_rng(seed)
    quantizer.assign_codebooks([rng.normal(size=(P, N, C)) * 0.6**d for d in range(D)])
    return quantizer


def latents(batch=2, seed=1):
    return np.random.default_rng(seed).normal(size=(batch, 3, 2, P * C)).astype(np.float32)


def test_renumbering_changes_labels_and_not_one_bit_of_the_latent():
    quantizer, z = make(), latents()
    before = quantizer.quantize_latent(z)
    record_priors(quantizer, code_usage(before.indices, N))
    priors = quantizer.priors
    rng = np.random.default_rng(6)
    labels = np.stack([[rng.permutation(N) for _ in range(P)] for _ in range(D)])
    renumber(quantizer, labels)
    after = quantizer.quantize_latent(z)
    np.testing.assert_array_equal(after.z_q, before.z_q)
    for d, p in np.ndindex(D, P):
        np.testing.assert_array_equal(
            after.indices[:, :, :, d, p],
            labels[d, p][ops.convert_to_numpy(before.indices)[:, :, :, d, p]],
        )
        np.testing.assert_array_equal(quantizer.priors[d, p][labels[d, p]], priors[d, p])
    with pytest.raises(ValueError, match="permutation"):
        renumber(quantizer, np.zeros((D, P, N), int))


def test_a_random_order_is_another_permutation_of_every_codebook_and_always_the_same():
    books = np.stack(codebooks(8)).reshape(2, 4, 8, 6)
    labels = assign_codebook_labels(books, "random")
    assert (np.sort(labels, -1) == np.arange(8)).all()
    assert len(np.unique(labels.reshape(8, 8), axis=0)) == 8
    np.testing.assert_array_equal(labels, assign_codebook_labels(books, "random"))

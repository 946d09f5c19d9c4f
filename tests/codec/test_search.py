"""The search over sums of code vectors, against trying all of them in float64."""

import itertools

import numpy as np
import pytest
from keras import ops

from moclink.codec.codebook_initialization import fit_jointly, initialize_codebooks
from moclink.codec.quantizer import MOCRVQ
from moclink.codec.search import joint_search

HEADS, WIDTH = 2, 3


def books(levels, states=8, seed=5):
    rng = np.random.default_rng(seed)
    return [
        rng.normal(size=(HEADS, states, WIDTH)).astype(np.float32) / 2**d for d in range(levels)
    ]


def every_sum(codebooks, head):
    """(codes [K, n], sums [K, c]) of one head."""
    states = codebooks[0].shape[1]
    codes = np.array(list(itertools.product(range(states), repeat=len(codebooks))))
    return codes, sum(
        book[head].astype(np.float64)[codes[:, d]] for d, book in enumerate(codebooks)
    )


@pytest.mark.parametrize(("levels", "states"), [(1, 8), (2, 8), (3, 8), (4, 8), (5, 4)])
def test_no_sum_is_nearer(levels, states):
    codebooks = books(levels, states)
    z = np.random.default_rng(6).normal(size=(2, 5, 3, HEADS * WIDTH)).astype(np.float32)
    found = ops.convert_to_numpy(joint_search(z, codebooks))
    assert found.shape == (2, 5, 3, levels, HEADS) and found.dtype == np.int32
    for head in range(HEADS):
        part = z[..., head * WIDTH : (head + 1) * WIDTH].reshape(-1, 1, WIDTH)
        _, sums = every_sum(codebooks, head)
        least = ((part - sums) ** 2).sum(-1).min(-1)
        chosen = sum(
            book[head][found[..., d, head].reshape(-1)] for d, book in enumerate(codebooks)
        )
        np.testing.assert_allclose(
            ((part[:, 0] - chosen) ** 2).sum(-1), least, rtol=1e-4, atol=1e-5
        )


def test_a_sum_of_code_vectors_is_found_again():
    codebooks = books(4)
    codes = np.random.default_rng(7).integers(0, 8, (1, 20, 20, 4, HEADS))
    z = np.concatenate(
        [sum(b[p][codes[..., d, p]] for d, b in enumerate(codebooks)) for p in range(HEADS)], -1
    )
    assert (ops.convert_to_numpy(joint_search(z, codebooks)) == codes).all()


def test_searching_together_beats_level_by_level_and_fitting_beats_k_means():
    z = np.random.default_rng(8).normal(size=(1, 40, 40, HEADS * WIDTH)).astype(np.float32)
    greedy = MOCRVQ(HEADS * WIDTH, HEADS, search="greedy")
    initialize_codebooks(greedy, z)
    joint = MOCRVQ(HEADS * WIDTH, HEADS, search="joint")
    for theirs, mine in zip(greedy.mocs, joint.mocs, strict=True):
        mine.codebook.assign(theirs.codebook)

    def error(quantizer, levels):
        found = quantizer.look_up(quantizer.encode(z, levels), levels)
        return float(np.mean(np.square(ops.convert_to_numpy(found) - z)))

    for levels in (2, 3, 4):
        assert error(joint, levels) < 0.95 * error(greedy, levels)
    before = [error(joint, levels) for levels in (1, 2, 3, 4)]
    fitted = fit_jointly(z.reshape(-1, HEADS, WIDTH), greedy.codebooks)
    for mine, codebook in zip(joint.mocs, fitted, strict=True):
        mine.codebook.assign(codebook)
    assert error(joint, 4) < 0.95 * before[3]

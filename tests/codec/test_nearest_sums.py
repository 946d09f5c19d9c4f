"""The compiled joint search against that of the graph and against all sums."""

import itertools

import numpy as np
import pytest
from keras import ops

from moclink.codec.nearest_sums import nearest_sums
from moclink.codec.quantizer import MOCRVQ


def quantizer(levels, states, seed=3):
    made = MOCRVQ(latent_channels=12, heads=2, levels=levels, states=states, search="joint")
    rng = np.random.default_rng(seed)
    books = rng.normal(size=(levels, 2, states, 6)) * 0.5 ** np.arange(levels)[:, None, None, None]
    made.assign_codebooks(books.astype(np.float32))
    return made, rng.normal(size=(2, 5, 7, 12)).astype(np.float32)


def distances(z, codebooks, codes, count):
    """Squared distance of the sums of the first levels, head by head."""
    depth, heads, _, width = codebooks.shape
    parts = z.reshape(-1, heads, width)
    codes = codes.reshape(-1, depth, heads)
    total = sum(codebooks[d][np.arange(heads), codes[:, d]] for d in range(count))
    return ((parts - total) ** 2).sum(-1)


@pytest.mark.parametrize(("levels", "states"), [(4, 8), (3, 4), (1, 8), (2, 16)])
def test_it_chooses_what_the_graph_chooses(levels, states):
    made, z = quantizer(levels, states)
    for count in range(1, levels + 1):
        found = nearest_sums(z, made.codebooks, count)
        expected = ops.convert_to_numpy(made.encode(z, count))
        assert found.dtype == np.int32 and found.shape == expected.shape
        assert np.mean(found == expected) > 0.99  # ties within rounding may differ
        np.testing.assert_allclose(
            distances(z, made.codebooks, found, count),
            distances(z, made.codebooks, expected, count),
            rtol=1e-4,
            atol=1e-5,
        )


def test_deeper_levels_are_left_out_if_they_are_not_wanted():
    made, z = quantizer(3, 8)
    for count in (1, 2, 3):
        found = nearest_sums(z, made.codebooks, count, deeper=False)
        all_of_them = nearest_sums(z, made.codebooks, count)
        np.testing.assert_array_equal(found[:, :, :, :count], all_of_them[:, :, :, :count])
        assert not found[:, :, :, count:].any()


def test_no_sum_is_nearer():
    made, z = quantizer(3, 4)
    books = made.codebooks
    found = distances(z, books, nearest_sums(z, books, 3), 3)
    parts = z.reshape(-1, 2, 6)
    for codes in itertools.product(range(4), repeat=3):
        total = sum(books[d][:, code] for d, code in enumerate(codes))
        assert (found <= ((parts - total) ** 2).sum(-1) + 1e-5).all()


def test_levels_that_there_are_not_are_refused():
    made, z = quantizer(2, 4)
    with pytest.raises(ValueError, match="levels is 3"):
        nearest_sums(z, made.codebooks, 3)

"""Rate matching as 3GPP TS 38.212, 5.4.2, reads, and its inverse for LLRs."""

import numpy as np
import pytest

from moclink.phy.rate_matching import match_rate, recover_rate

CASES = [(50, 48, 2), (50, 50, 2), (50, 240, 6), (7, 8, 8)]  # N, E, Q_m


@pytest.mark.parametrize(("size", "length", "order"), CASES)
def test_bits_are_selected_and_interleaved_as_the_standard_says(size, length, order):
    buffer = np.random.default_rng(7).integers(0, 2, (2, size), dtype=np.uint8)
    found = match_rate(buffer, length, order)
    columns = length // order
    for j in range(columns):
        for i in range(order):  # f[i + j Q] = e[i E/Q + j], e[k] = d[k mod N]
            expected = buffer[:, (i * columns + j) % size]
            np.testing.assert_array_equal(found[:, i + j * order], expected)


def test_rate_recovery_is_the_adjoint_of_rate_matching():
    rng = np.random.default_rng(8)
    for size, length, order in [(50, 48, 2), (50, 50, 2), (50, 240, 6), (7, 8, 8)]:
        buffer = rng.integers(0, 2, (3, size), dtype=np.uint8)
        llr = rng.normal(size=(3, length)).astype(np.float32)
        forward = (match_rate(buffer, length, order) * llr).sum(axis=1)
        back = (buffer * recover_rate(llr, size, order)).sum(axis=1)
        np.testing.assert_allclose(forward, back, rtol=1e-4, atol=1e-4)


def test_bits_that_were_not_sent_have_llr_0_and_repeated_ones_add_up():
    np.testing.assert_array_equal(
        recover_rate(np.float32([[1, 4, 2, 5, 3, 6]]), 8, 2), [[1, 2, 3, 4, 5, 6, 0, 0]]
    )
    np.testing.assert_array_equal(
        recover_rate(np.float32([[1, 4, 2, 5, 3, 6]]), 4, 2), [[1 + 5, 2 + 6, 3, 4]]
    )


def test_parts_of_symbols_are_refused():
    with pytest.raises(ValueError, match="9 bits are not a whole number of symbols of 2 bits"):
        match_rate(np.zeros((1, 20), np.uint8), 9, 2)
    with pytest.raises(ValueError, match="9 bits are not a whole number"):
        recover_rate(np.zeros((1, 9), np.float32), 20, 2)

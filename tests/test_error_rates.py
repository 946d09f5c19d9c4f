"""Bit, index and block errors, counted by hand."""

import numpy as np

from moclink.error_rates import count_index_errors


def test_bit_and_block_errors_are_counted_by_hand():
    sent = np.array([[1, 0, 1, 1, 0, 1, 0]], np.uint8)
    got = np.array(
        [[1, 0, 1, 1, 0, 1, 0, 0], [0, 0, 1, 1, 0, 1, 0, 0], [1, 0, 1, 1, 0, 0, 1, 1]], np.uint8
    )
    rates = count_index_errors(sent, got, (7,), 2, 4)
    assert np.allclose(rates.ber, [0, 1 / 7, 2 / 7])  # the padding bit is no bit of the file
    assert np.allclose(rates.bler, [0, 0.5, 0.5])  # but belongs to the block
    assert rates.ier is None


def test_index_errors_count_label_bits():
    sent = np.array([[0, 7, 3, 5]], np.uint8)
    got = np.array([[0, 7, 3, 5], [1, 0, 3, 5]], np.uint8)
    rates = count_index_errors(sent, got, (4,), 8, None)
    assert np.allclose(rates.ier, [0, 0.5])
    assert np.allclose(rates.ber, [0, (1 + 3) / 12])
    assert rates.bler is None


def test_block_errors_of_code_blocks_of_several_lengths():
    sent = np.zeros((1, 6), np.uint8)
    got = np.array([[0, 0, 0, 0, 0, 1], [1, 1, 0, 0, 0, 0], [1, 0, 0, 0, 1, 0]], np.uint8)
    rates = count_index_errors(sent, got, (6,), 2, (slice(0, 4), slice(4, 6)))
    assert np.allclose(rates.bler, [0.5, 0.5, 1])


def test_indices_beyond_those_in_use_do_not_count():
    sent = np.array([[5, 2, 0, 0], [1, 1, 1, 1]], np.uint8)
    got = np.array([[5, 3, 7, 7], [1, 1, 1, 0]], np.uint8)
    rates = count_index_errors(sent, got, (2, 4), 8, None)
    assert np.allclose(rates.ier, [1 / 2, 1 / 4]) and np.allclose(rates.ber, [1 / 6, 1 / 12])


def test_nothing_in_use_is_no_error():
    rates = count_index_errors(np.zeros((1, 2), np.uint8), np.ones((3, 2), np.uint8), (0,), 2, None)
    assert rates.ber.tolist() == [0, 0, 0]

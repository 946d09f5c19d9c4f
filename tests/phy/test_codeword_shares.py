"""Codewords shared out among threads: each is decoded once, and failures are raised."""

import numpy as np
import pytest

from moclink.phy.codeword_shares import check_limits, decode_in_shares


@pytest.mark.parametrize(
    ("threads", "least", "used"), [(1, 1, 1), (3, 1, 3), (4, 16, 2), (64, 1, 20)]
)
def test_each_codeword_belongs_to_one_thread(threads, least, used):
    steps = []

    def decode_share(first, step, decoded):
        steps.append(step)
        mine = slice(first, None, step)
        decoded.iterations[mine] = np.arange(20)[mine]
        decoded.bits[mine] = first
        decoded.converged[mine] = True

    decoded = decode_in_shares(decode_share, 20, 3, threads, least)
    assert steps == [used] * used
    np.testing.assert_array_equal(decoded.iterations, np.arange(20))
    np.testing.assert_array_equal(decoded.bits, np.repeat(np.arange(20) % used, 3).reshape(20, 3))
    assert decoded.converged.all()


def test_a_failure_in_a_thread_is_raised():
    def decode_share(first, step, decoded):
        if first == 1:
            raise MemoryError("thread 1")

    with pytest.raises(MemoryError, match="thread 1"):
        decode_in_shares(decode_share, 4, 3, 2)


@pytest.mark.parametrize(
    ("num_iter", "threads", "word"), [(0, None, "num_iter"), (1, 0, "threads")]
)
def test_limits_are_positive(num_iter, threads, word):
    with pytest.raises(ValueError, match=f"{word} is 0; at least 1"):
        check_limits(num_iter, threads)
    check_limits(1, None)

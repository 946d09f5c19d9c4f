"""Parts are worked on once each, whatever threads there are."""

import numba
import pytest

from moclink.thread_shares import work_in_shares


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_each_part_once(monkeypatch, threads):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
    seen, steps = [], []

    def work(first, step):
        steps.append(step)
        seen.extend(range(first, 5, step))

    work_in_shares(work, 5)
    assert sorted(seen) == list(range(5))
    assert steps == [min(threads, 5)] * min(threads, 5)


def test_an_exception_of_a_thread_is_raised(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 2)

    def work(first, step):
        if first == 1:
            raise ArithmeticError("in the second thread")

    with pytest.raises(ArithmeticError, match="in the second thread"):
        work_in_shares(work, 4)

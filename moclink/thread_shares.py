"""Compiled work on parts of something by threads: thread i takes parts i, i + T, i + 2 T, ..."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numba


def work_in_shares(work: Callable[[int, int], None], parts: int) -> None:
    """Work on parts 0 .. parts - 1 by as many threads as Numba is set to.

    Args:
        work: Works on parts first, first + step, ..., and lets go of the GIL; called with (first,
            step). An exception in one thread is raised.
        parts: How many there are.
    """
    allowed: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    threads = max(1, min(allowed, parts))
    if threads == 1:
        work(0, 1)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads), [threads] * threads))  # hands on any exception

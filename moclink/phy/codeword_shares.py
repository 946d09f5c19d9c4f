"""Decoding of a batch by T threads: thread i takes codewords i, i + T, i + 2 T, ..."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numba

from moclink.phy.ldpc_graph import DecodedBlocks

# (first codeword, step between codewords, where to write): decodes them and lets go of the GIL.
DecodeShare = Callable[[int, int, DecodedBlocks], None]


def check_limits(num_iter: int, threads: int | None) -> None:
    """Check what a decoder is limited to.

    Raises:
        ValueError: If the iterations, or the threads if given, are not positive.
    """
    if num_iter < 1:
        raise ValueError(f"num_iter is {num_iter}; at least 1 is wanted")
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}; at least 1 is wanted")


def decode_in_shares(
    decode_share: DecodeShare, count: int, k: int, threads: int | None, least: int = 1
) -> DecodedBlocks:
    """Decode codewords 0 .. count - 1 by threads.

    Args:
        decode_share: Decodes the codewords of one thread.
        count: Codewords.
        k: Information bits of each.
        threads: Threads at most; None: numba's number.
        least: Codewords per thread at least.

    Returns:
        What the threads wrote. An exception in one of them is raised.
    """
    decoded = DecodedBlocks.empty(count, k)
    allowed = threads or numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    used = max(1, min(allowed, -(-count // least)))
    if used == 1:
        decode_share(0, 1, decoded)
        return decoded
    with ThreadPoolExecutor(used) as pool:
        # list() hands on any exception.
        list(pool.map(lambda first: decode_share(first, used, decoded), range(used)))
    return decoded

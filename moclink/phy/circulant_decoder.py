"""A layered sum-product decoder for one long codeword of circulants at a time.

Z checks of a row of the base graph do the same on neighbouring variable nodes, so the 16 lanes of a
register are 16 neighbouring checks instead of 16 codewords. The messages of a code block of 8448
bits then take 0.3 MB instead of 5 MB and stay in the cache, and a transport block of a few code
blocks leaves no lane empty.

Check nodes and clipping are those of `moclink.phy.belief_propagation`; the schedule is not flooding
but layered (M. M. Mansour and N. R. Shanbhag, "High-throughput LDPC decoders", IEEE Trans. VLSI
Systems 11(6), 2003): the rows of the base graph take turns, and each begins with what the rows
before it have found, so that half as many iterations do. No two checks of a row share a variable
node. Filler bits take part as reliable zeros. A codeword's result depends on its LLRs alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moclink.numba_cache import compiled, inlined
from moclink.phy.base_graph import INFORMATION_COLUMNS, BlockCode, cyclic_shifts
from moclink.phy.check_nodes import (
    LLR_MAX,
    add_message,
    combine_edge,
    combine_following,
    outgoing_magnitude,
)
from moclink.phy.codeword_shares import check_limits, decode_in_shares
from moclink.phy.lanes import (
    LANES,
    all_nonzero,
    as_float,
    as_int,
    fill,
    load,
    load_at,
    not_positive,
    store,
    store_at,
)
from moclink.phy.ldpc_graph import DecodedBlocks, checked_llr

SMALLEST_Z = LANES  # below, a column is shorter than a register
_FILLER = np.float32(1e4)  # LLR of a bit known to be zero
_ZERO = np.float32(0)
_NONE, _ALL = np.int32(0), np.int32(-1)


@inlined
def _iterate(posterior, messages, graph, rows, scratch):
    """One iteration of the layered schedule over some rows: rewrites `posterior` and `messages`."""
    z, _, row_start, edge_place, edge_shift, checks, masks, message_stride = graph
    scratch_message, scratch_q, scratch_rest, scratch_sign = scratch
    for row in rows:
        first = row_start[row]
        degree = row_start[row + 1] - first
        for check in range(0, checks[row], LANES):
            mask = load(masks, min(LANES, checks[row] - check))
            parity = fill(_NONE)
            for j in range(degree):
                edge = first + j
                received = load_at(posterior, edge_place[edge] + check)
                message = received - load_at(messages, edge * message_stride + check)
                store(scratch_message, j, message)
                parity = parity ^ add_message(message, j, scratch_q, scratch_sign)
            combine_following(degree, scratch_q, scratch_rest)
            before = fill(_ZERO)
            for j in range(degree):
                magnitude = outgoing_magnitude(j, before, scratch_rest)
                before = combine_edge(j, before, scratch_q)
                message = as_float((as_int(magnitude) | (load(scratch_sign, j) ^ parity)) & mask)
                edge = first + j
                store_at(messages, edge * message_stride + check, message)
                known = load(scratch_message, j)
                store_at(posterior, edge_place[edge] + check, known + message)
        for edge in range(first, first + degree):
            _repeat(posterior, edge_place[edge] - edge_shift[edge], edge_shift[edge], z)


@inlined
def _repeat(posterior, base, shift, z):
    """Make both copies of a column equal; places shift to shift + z are the ones that are right."""
    # Whole registers: what is written beyond the places that are meant is equal by then.
    for i in range(base + shift, base + z, LANES):
        store_at(posterior, i + z, load_at(posterior, i))
    for i in range(base, base + shift, LANES):
        store_at(posterior, i, load_at(posterior, i + z))


@inlined
def _satisfied(posterior, graph):
    """Whether every parity check holds."""
    _, _, row_start, edge_place, _, checks, masks, _ = graph
    for row in range(len(checks)):
        for check in range(0, checks[row], LANES):
            parity = fill(_NONE)
            for edge in range(row_start[row], row_start[row + 1]):
                parity = parity ^ not_positive(load_at(posterior, edge_place[edge] + check))
            parity = parity & load(masks, min(LANES, checks[row] - check))
            if not all_nonzero(parity ^ fill(_ALL)):
                return False
    return True


@compiled(nogil=True)
def _decode_every(
    llr, start, step, num_iter, graph, rows, places, known, size, bits, converged, iterations
):
    """Decode codewords start, start + step, ... of llr [B, n] into bits, converged and iterations.

    `graph` is (z, stride of a column, row_start, edge_place, checks of each row, masks, stride of
    messages), `rows` those that the first iteration and the others go through, `places` and `known`
    where information bits, received bits and filler bits are in arrays of `size`.
    """
    first_rows, every_row = rows
    z, stride, row_start, edge_place, _, checks, masks, message_stride = graph
    information, received = places
    largest_degree = 0
    for row in range(len(checks)):
        largest_degree = max(largest_degree, row_start[row + 1] - row_start[row])
    channel = np.zeros(size, np.float32)
    posterior = np.zeros(size, np.float32)
    messages = np.zeros(len(edge_place) * message_stride, np.float32)
    scratch = (
        np.zeros((largest_degree, LANES), np.float32),
        np.zeros((largest_degree, LANES), np.float32),
        np.zeros((largest_degree, LANES), np.float32),
        np.zeros((largest_degree, LANES), np.int32),
    )
    for b in range(start, len(llr), step):
        channel[known] = _FILLER
        for i in range(len(received)):
            channel[received[i]] = min(max(-llr[b, i], -LLR_MAX), LLR_MAX)
        posterior[:] = channel
        for base in range(0, size, stride):
            _repeat(posterior, base, 0, z)
        messages[:] = 0
        for iteration in range(1, num_iter + 1):
            chosen = first_rows if iteration == 1 else every_row
            _iterate(posterior, messages, graph, chosen, scratch)
            iterations[b] = iteration
            converged[b] = _satisfied(posterior, graph)
            if converged[b]:
                break
        for i in range(len(information)):
            bits[b, i] = posterior[information[i]] <= 0


class CirculantDecoder:
    """Layered sum-product decoding of one block code of 5G on the CPU, with early stopping.

    Args:
        code: The block code; its lifting size is at least `SMALLEST_Z`.
        length: Received bits, from the start of the circular buffer.
        num_iter: The most iterations spent on a codeword; each goes through all rows.
        threads: Threads to use; None: numba's number. The result is the same for any number.
        order: Places in the circular buffer of the LLRs that `decode` is given, int [length], if
            they come in another order (a bit interleaver's).

    Raises:
        ValueError: If the lifting size is smaller, or num_iter or threads is not positive.
    """

    def __init__(
        self,
        code: BlockCode,
        length: int,
        num_iter: int = 20,
        threads: int | None = None,
        order: NDArray[np.integer] | None = None,
    ) -> None:
        check_limits(num_iter, threads)
        z, information = code.z, INFORMATION_COLUMNS[code.base_graph]
        if z < SMALLEST_Z:
            raise ValueError(
                f"a lifting size of {z}: from {SMALLEST_Z} on; else use BeliefPropagation"
            )
        num_checks = code.num_checks(length)
        num_rows = -(-num_checks // z)
        # A column is repeated behind its end, so that a rotation is a slice; lanes may go beyond.
        stride = 2 * z + 3 * LANES
        shifts = cyclic_shifts(code.base_graph, z)[:num_rows, : information + num_rows]
        rows, columns = np.nonzero(shifts >= 0)
        edge_place = columns * stride + shifts[rows, columns]
        row_start = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=num_rows))])
        checks = np.minimum(z, num_checks - z * np.arange(num_rows))
        masks = np.where(np.arange(LANES) < np.arange(LANES + 1)[:, None], _ALL, _NONE).astype(
            np.int32
        )
        self._graph = (
            z,
            stride,
            row_start.astype(np.int64),
            edge_place.astype(np.int64),
            shifts[rows, columns].astype(np.int64),
            checks.astype(np.int64),
            masks,
            -(-z // LANES) * LANES,
        )

        # A check with two bits of which nothing is known tells nothing: to begin with, those that
        # hold both columns that are never sent, 0 and 1.
        silent = (shifts[:, :2] >= 0).all(axis=1)
        self._rows = np.flatnonzero(~silent), np.arange(num_rows)

        def place(nodes: NDArray[np.integer]) -> NDArray[np.int64]:
            return (nodes // z * stride + nodes % z).astype(np.int64)

        received = code.received(length)
        self._places = (
            place(np.arange(code.k)),
            place(received if order is None else received[order]),
        )
        self._known = place(np.arange(code.k, code.k + code.fillers))
        self._size = (information + num_rows) * stride
        self._n, self._k = length, code.k
        self._num_iter, self._threads = num_iter, threads

    def decode(self, llr: NDArray[np.float32]) -> DecodedBlocks:
        """See `moclink.phy.ldpc.LDPCDecoder`."""
        llr = checked_llr(llr, self._n)

        def decode_share(first: int, step: int, decoded: DecodedBlocks) -> None:
            share = llr, first, step, self._num_iter, self._graph, self._rows
            outputs = decoded.bits, decoded.converged, decoded.iterations
            _decode_every(*share, self._places, self._known, self._size, *outputs)

        return decode_in_shares(decode_share, len(llr), self._k, self._threads)

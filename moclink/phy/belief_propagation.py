"""Sum-product LDPC decoder for CPUs: 16 codewords side by side, early stopping, lanes refilled.

The schedule is flooding, as in Sionna's `LDPCBPDecoder`. With l_v the channel LLR of variable node
v, x_v its a-posteriori LLR and y_cv the message from check c, one iteration is

    m_vc = x_v - y_cv,   y_cv = 2 atanh prod_{v' != v} tanh(m_v'c / 2),   x_v = l_v + sum_c y_cv

with LLRs ln P(0)/P(1) inside and messages clipped where Sionna clips them. A codeword leaves as
soon as its hard decisions satisfy every check (further iterations would only confirm them) or after
`num_iter` iterations, and the next one takes its lane at once. So the cost follows the channel: two
or three iterations a codeword at high SNR.

A codeword's result depends on its LLRs alone: lanes never mix, and each goes through the same
instructions. Batch, order and number of threads do not matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moclink.numba_cache import compiled, inlined
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
    not_positive,
    store,
)
from moclink.phy.ldpc_graph import DecodedBlocks, TannerGraph, checked_llr

_ZERO = np.float32(0)
_NONE = np.int32(0)


@inlined
def _iterate(
    channel, posterior, updated, messages, cn_start, cn_vn, scratch_q, scratch_rest, scratch_sign
):
    """One flooding iteration in all lanes: reads `posterior`, writes `updated` and `messages`."""
    for v in range(len(channel)):
        store(updated, v, load(channel, v))
    for c in range(len(cn_start) - 1):
        first = cn_start[c]
        degree = cn_start[c + 1] - first
        parity = fill(_NONE)
        for j in range(degree):
            message = load(posterior, cn_vn[first + j]) - load(messages, first + j)
            parity = parity ^ add_message(message, j, scratch_q, scratch_sign)
        # Each outgoing message combines the edges after it with those before it.
        combine_following(degree, scratch_q, scratch_rest)
        before = fill(_ZERO)
        for j in range(degree):
            magnitude = outgoing_magnitude(j, before, scratch_rest)
            before = combine_edge(j, before, scratch_q)
            message = as_float(as_int(magnitude) | (load(scratch_sign, j) ^ parity))
            store(messages, first + j, message)
            v = cn_vn[first + j]
            store(updated, v, load(updated, v) + message)


@inlined
def _check(posterior, cn_start, cn_vn, failed):
    """Write to `failed` [1, LANES] which lanes break a check; lanes nonzero before stay so."""
    broken = load(failed, 0)
    for c in range(len(cn_start) - 1):
        parity = fill(_NONE)
        for edge in range(cn_start[c], cn_start[c + 1]):
            parity = parity ^ not_positive(load(posterior, cn_vn[edge]))
        broken = broken | parity
        if c % 8 == 7 and all_nonzero(broken):
            break
    store(failed, 0, broken)


@inlined
def _enter(llr, received, punctured, lane, channel, posterior, messages):
    """Put a codeword's LLRs float32 [n], ln P(1)/P(0), into a lane."""
    for i in range(len(received)):
        value = min(max(-llr[i], -LLR_MAX), LLR_MAX)
        channel[received[i], lane] = value
        posterior[received[i], lane] = value
    for i in range(len(punctured)):
        posterior[punctured[i], lane] = 0
    for edge in range(len(messages)):
        messages[edge, lane] = 0


@compiled(nogil=True)
def _decode_every(llr, start, step, num_iter, graph, bits, converged, iterations):
    """Decode codewords start, start + step, ... of llr [B, n] into bits, converged and iterations.

    `graph` is (num_vns, largest check degree, cn_start, cn_vn, received, punctured).
    """
    num_vns, largest_degree, cn_start, cn_vn, received, punctured = graph
    channel = np.zeros((num_vns, LANES), np.float32)
    posterior = np.zeros((num_vns, LANES), np.float32)
    updated = np.zeros((num_vns, LANES), np.float32)
    messages = np.zeros((len(cn_vn), LANES), np.float32)
    scratch_q = np.zeros((largest_degree, LANES), np.float32)
    scratch_rest = np.zeros((largest_degree, LANES), np.float32)
    scratch_sign = np.zeros((largest_degree, LANES), np.int32)
    failed = np.zeros((1, LANES), np.int32)
    word = np.full(LANES, -1)
    spent = np.zeros(LANES, np.int32)
    upcoming = start
    while True:
        active = 0
        for lane in range(LANES):
            if word[lane] < 0 and upcoming < len(llr):
                _enter(llr[upcoming], received, punctured, lane, channel, posterior, messages)
                word[lane] = upcoming
                spent[lane] = 0
                upcoming += step
            active += word[lane] >= 0
            failed[0, lane] = -1 if word[lane] < 0 else 0
        if active == 0:
            break
        _iterate(
            channel,
            posterior,
            updated,
            messages,
            cn_start,
            cn_vn,
            scratch_q,
            scratch_rest,
            scratch_sign,
        )
        posterior, updated = updated, posterior
        _check(posterior, cn_start, cn_vn, failed)
        for lane in range(LANES):
            b = word[lane]
            spent[lane] += 1
            if b >= 0 and (failed[0, lane] == 0 or spent[lane] == num_iter):
                for i in range(bits.shape[1]):
                    bits[b, i] = posterior[i, lane] <= 0
                converged[b] = failed[0, lane] == 0
                iterations[b] = spent[lane]
                word[lane] = -1


class BeliefPropagation:
    """Sum-product decoding of a graph on the CPU, with early stopping.

    Args:
        graph: The code's parity checks and rate matching.
        num_iter: The most iterations spent on a codeword.
        threads: Threads to use; None: numba's number, that is all CPUs of this process or what a
            worker pool sets in NUMBA_NUM_THREADS. The result is the same for any number.

    Example:
        >>> decoder = BeliefPropagation(get_code("ldpc5g", 324, 648).graph)
        >>> bits = decoder.decode(llr).bits
    """

    def __init__(self, graph: TannerGraph, num_iter: int = 20, threads: int | None = None) -> None:
        check_limits(num_iter, threads)
        # A shortened bit is known: it takes no part in a parity check but as a zero.
        known = np.zeros(graph.num_vns, bool)
        known[graph.shortened] = True
        in_use = ~known[graph.cn_vn]
        edges_before = np.concatenate([[0], np.cumsum(in_use)])
        cn_start = edges_before[graph.cn_start].astype(np.int64)
        cn_vn = graph.cn_vn[in_use].astype(np.int64)
        received = graph.received.astype(np.int64)
        known[received] = True
        punctured = np.flatnonzero(~known)
        largest_degree = int(np.diff(cn_start).max())
        self._graph = (graph.num_vns, largest_degree, cn_start, cn_vn, received, punctured)
        self._n = len(received)
        self._k = graph.k
        self._num_iter = num_iter
        self._threads = threads

    def decode(self, llr: NDArray[np.float32]) -> DecodedBlocks:
        """See `moclink.phy.ldpc.LDPCDecoder`."""
        llr = checked_llr(llr, self._n)

        def decode_share(first: int, step: int, decoded: DecodedBlocks) -> None:
            outputs = decoded.bits, decoded.converged, decoded.iterations
            _decode_every(llr, first, step, self._num_iter, self._graph, *outputs)

        return decode_in_shares(decode_share, len(llr), self._k, self._threads, LANES)

"""Check nodes of sum-product decoding in lanes, for `belief_propagation` and `circulant_decoder`.

    y_cv = 2 atanh prod_{v' != v} tanh(m_v'c / 2)

Signs multiply by XOR of sign bits. The product of tanh is kept as its distance from one, q = 1 -
tanh(|m| / 2) = 2 e^-|m| / (1 + e^-|m|), for which 1 - (1 - q_a)(1 - q_b) = q_a + q_b (1 - q_a): no
cancellation where messages are reliable. Messages are clipped where Sionna clips them.
"""

from __future__ import annotations

import numpy as np

from moclink.numba_cache import inlined
from moclink.phy.lanes import (
    as_float,
    as_int,
    exp_negative,
    fill,
    load,
    log,
    maximum,
    minimum,
    store,
)

LLR_MAX = np.float32(20.0)
# The largest message of Sionna's float32 check nodes is phi(8.5e-8) = ln(2 / 1.192e-7) = 16.6.
SMALLEST_Q = np.float32(1.192e-7)
SIGN = np.int32(-(2**31))
_MAGNITUDE = np.int32(2**31 - 1)
_ZERO, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)


@inlined
def add_message(message, j, scratch_q, scratch_sign):
    """Keep q and sign of the incoming message of edge j; returns the sign."""
    bits = as_int(message)
    sign = bits & fill(SIGN)
    store(scratch_sign, j, sign)
    e = exp_negative(minimum(as_float(bits & fill(_MAGNITUDE)), fill(LLR_MAX)))
    store(scratch_q, j, (e + e) / (fill(_ONE) + e))
    return sign


@inlined
def combine_following(degree, scratch_q, scratch_rest):
    """Write for each edge what the edges after it give together."""
    q, one = fill(_ZERO), fill(_ONE)
    for j in range(degree - 1, -1, -1):
        store(scratch_rest, j, q)
        q = q + load(scratch_q, j) * (one - q)


@inlined
def outgoing_magnitude(j, before, scratch_rest):
    """Magnitude of the outgoing message of edge j, of the edges before and after it."""
    rest = load(scratch_rest, j)
    q = maximum(rest + before * (fill(_ONE) - rest), fill(SMALLEST_Q))
    return maximum(log((fill(_TWO) - q) / q), fill(_ZERO))


@inlined
def combine_edge(j, before, scratch_q):
    """What edge j gives together with the edges before it."""
    return before + load(scratch_q, j) * (fill(_ONE) - before)

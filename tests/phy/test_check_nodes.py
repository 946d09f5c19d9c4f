"""A check node in lanes against its closed form in float64."""

import numba
import numpy as np
import pytest

from moclink.phy import lanes
from moclink.phy.check_nodes import (
    LLR_MAX,
    SMALLEST_Q,
    add_message,
    combine_edge,
    combine_following,
    outgoing_magnitude,
)

ZERO = np.float32(0)


@numba.njit
def check_node(messages, scratch_q, scratch_sign, scratch_rest, out, signs):
    """Magnitude and sign of the outgoing message of every edge of one check."""
    for j in range(len(messages)):
        add_message(lanes.load(messages, j), j, scratch_q, scratch_sign)
    combine_following(len(messages), scratch_q, scratch_rest)
    before = lanes.fill(ZERO)
    for j in range(len(messages)):
        lanes.store(out, j, outgoing_magnitude(j, before, scratch_rest))
        lanes.store(signs, j, lanes.load(scratch_sign, j))
        before = combine_edge(j, before, scratch_q)


def outgoing(messages):
    floats = [np.zeros(messages.shape, np.float32) for _ in range(3)]
    signs, scratch = (np.zeros(messages.shape, np.int32) for _ in range(2))
    q, rest, out = floats
    check_node(messages, q, scratch, rest, out, signs)
    return out, signs


@pytest.mark.parametrize("degree", [2, 3, 7])
@pytest.mark.parametrize("scale", [0.3, 3.0, 12.0])
def test_magnitudes_are_those_of_the_tanh_rule(degree, scale):
    rng = np.random.default_rng(degree)
    messages = rng.normal(0, scale, (degree, lanes.LANES)).astype(np.float32)
    found, signs = outgoing(messages)
    assert np.array_equal(signs < 0, messages < 0)
    # In float64, by logarithms of 1 - tanh(x / 2) = 2 / (1 + e^x): exact where tanh is near 1.
    clipped = np.minimum(np.abs(messages.astype(np.float64)), LLR_MAX)
    log_tanh = np.log1p(-2 / (1 + np.exp(clipped)))
    for edge in range(degree):
        total = np.delete(log_tanh, edge, axis=0).sum(axis=0)
        q = np.maximum(-np.expm1(total), SMALLEST_Q)
        np.testing.assert_allclose(found[edge], np.log((2 - q) / q), rtol=1e-4, atol=2e-6)


def test_a_message_that_says_nothing_silences_the_others_but_not_itself():
    messages = np.full((3, lanes.LANES), 4, np.float32)
    messages[1] = 0
    found, _ = outgoing(messages)
    assert (found[[0, 2]] == 0).all()
    expected = 2 * np.arctanh(np.tanh(2.0) ** 2)
    np.testing.assert_allclose(found[1], expected, rtol=1e-5)


def test_certain_messages_give_the_largest_that_float32_has():
    found, _ = outgoing(np.full((3, lanes.LANES), np.inf, np.float32))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, np.log(2 / SMALLEST_Q), rtol=1e-5)

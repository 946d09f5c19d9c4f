import operator

import numba
import numpy as np
import pytest

from moclink.phy import lanes

FLOATS = np.random.default_rng(0).normal(scale=3, size=(2, lanes.LANES)).astype(np.float32)
INTS = np.random.default_rng(1).integers(-1000, 1000, (2, lanes.LANES)).astype(np.int32)


def apply(function, operands):
    """Run a numba function of two lane groups on rows 0 and 1."""

    @numba.njit
    def run(rows, out):
        lanes.store(out, 0, function(lanes.load(rows, 0), lanes.load(rows, 1)))

    out = np.zeros((1, lanes.LANES), operands.dtype)
    run(operands, out)
    return out[0]


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv"])
def test_float_operators_round_as_numpy(name):
    function = getattr(operator, name)
    compiled = numba.njit(lambda a, b: function(a, b))
    np.testing.assert_array_equal(apply(compiled, FLOATS), function(FLOATS[0], FLOATS[1]))


@pytest.mark.parametrize("name", ["add", "sub", "and_", "or_", "xor"])
def test_integer_operators(name):
    function = getattr(operator, name)
    compiled = numba.njit(lambda a, b: function(a, b))
    np.testing.assert_array_equal(apply(compiled, INTS), function(INTS[0], INTS[1]))


def test_shifts_keep_the_sign():
    shifts = np.stack([INTS[0], np.full(lanes.LANES, 3, np.int32)])
    np.testing.assert_array_equal(apply(numba.njit(lambda a, b: a << b), shifts), INTS[0] << 3)
    np.testing.assert_array_equal(apply(numba.njit(lambda a, b: a >> b), shifts), INTS[0] >> 3)


def test_minimum_maximum_and_fill():
    limit = np.float32(0.5)
    np.testing.assert_array_equal(
        apply(numba.njit(lambda a, b: lanes.minimum(a, lanes.fill(limit))), FLOATS),
        np.minimum(FLOATS[0], limit),
    )
    np.testing.assert_array_equal(
        apply(numba.njit(lambda a, b: lanes.maximum(a, b)), FLOATS),
        np.maximum(FLOATS[0], FLOATS[1]),
    )


def test_bits_and_decisions():
    values = FLOATS.copy()
    values[0, :3] = [0.0, -0.0, 1e-30]

    @numba.njit
    def run(rows, patterns, decisions):
        lanes.store(patterns, 0, lanes.as_int(lanes.load(rows, 0)))
        lanes.store(decisions, 0, lanes.not_positive(lanes.load(rows, 0)))
        return lanes.all_nonzero(lanes.load(decisions, 0))

    patterns = np.zeros((1, lanes.LANES), np.int32)
    decisions = np.zeros((1, lanes.LANES), np.int32)
    assert not run(values, patterns, decisions)
    np.testing.assert_array_equal(patterns[0], values[0].view(np.int32))
    np.testing.assert_array_equal(decisions[0], -(values[0] <= 0).astype(np.int32))
    assert run(-np.abs(values), patterns, decisions)


@pytest.mark.parametrize(
    ("function", "reference", "low", "high", "bound"),
    [
        # Relative errors: half a unit in the last place of the exponent 20, and six of the
        # logarithm's.
        (lanes.exp_negative, lambda x: np.exp(-x), 0.0, 20.0, 20 * 2.0**-24 + 3e-7),
        (lanes.log, np.log, 1.0, 2.0**24, 6 * 2.0**-24),
    ],
)
def test_elementary_functions(function, reference, low, high, bound):
    x = np.geomspace(max(low, 1e-6), high, 4096, dtype=np.float32).reshape(-1, lanes.LANES)
    x = np.clip(x, low, high)

    @numba.njit
    def run(rows, out):
        for row in range(len(rows)):
            lanes.store(out, row, function(lanes.load(rows, row)))

    out = np.zeros_like(x)
    run(x, out)
    exact = reference(x.astype(np.float64))
    assert (np.abs(out - exact) / np.maximum(exact, 0.1 if low else 0)).max() < bound

"""The binary range coder: round trips, length, carries, and data that ends early."""

import numpy as np
import pytest

from moclink.linear.range_coder import (
    MODEL_BITS,
    adapt,
    finish_encoder,
    get_share,
    probability_of_zero,
    put_share,
    start_decoder,
    start_encoder,
)


def encoded(bits, zeros):
    state, data = start_encoder(), np.zeros(len(bits) * 3 + 64, np.uint8)
    for bit, zero in zip(bits.tolist(), zeros.tolist(), strict=True):
        put_share(state, data, bit, zero)
    return data[: finish_encoder(state, data)]


def decoded(data, zeros):
    state = start_decoder(data)
    return np.array([get_share(state, data, zero) for zero in zeros.tolist()])


@pytest.mark.parametrize("seed", range(6))
def test_decisions_come_back_and_cost_their_probability(seed):
    rng = np.random.default_rng(seed)
    zeros = rng.choice([2, 40, 3000, 32768, 60000, 65530], 20_000)
    bits = (rng.random(len(zeros)) * 65536 >= zeros).astype(int)
    data = encoded(bits, zeros)
    assert np.array_equal(decoded(data, zeros), bits)
    share = np.where(bits, 65536 - zeros, zeros) / 65536
    cost = -np.log2(share).sum()
    assert cost - 8 <= 8 * len(data) <= cost * 1.0005 + 24


@pytest.mark.parametrize("zero", [2, 65534])
@pytest.mark.parametrize("bit", [0, 1])
def test_long_runs_carry_through_what_left_before(bit, zero):
    """Likely and unlikely decisions alone, then the others: low ends of the range and high ones."""
    bits = np.array([bit] * 3000 + [1 - bit] * 50 + [bit] * 3000)
    zeros = np.full(len(bits), zero)
    assert np.array_equal(decoded(encoded(bits, zeros), zeros), bits)


def test_nothing_takes_no_bytes():
    assert len(encoded(np.zeros(0, int), np.zeros(0, int))) == 0
    likely = np.full(500, 65534)
    assert len(encoded(np.zeros(500, int), likely)) == 0  # read as zeros after the end
    assert np.array_equal(decoded(np.zeros(0, np.uint8), likely), np.zeros(500))


def test_models_follow_the_decisions_and_never_rule_one_out():
    rng = np.random.default_rng(3)
    model = np.full(2, 1 << (MODEL_BITS - 1), np.int32)
    for bit in rng.random(20_000) < 0.1:
        adapt(model, int(bit))
    # The fast estimate averages 2^5 decisions: a deviation of sqrt(0.09 / 63) = 0.038, half of
    # which counts.
    assert probability_of_zero(model) / 65536 == pytest.approx(0.9, abs=4 * 0.02)
    for bit in (0, 1):
        for _ in range(10_000):
            adapt(model, bit)
        assert 0 < probability_of_zero(model) < 65536

"""Arithmetic coder: exact, and as short as its tables say."""

import numpy as np
import pytest

from moclink.linear.arithmetic_coder import ArithmeticDecoder, ArithmeticEncoder, frequencies


def test_round_trip_at_the_length_of_the_tables():
    rng = np.random.default_rng(5)
    probabilities = rng.dirichlet(np.full(20, 0.3), size=4) + 1e-4
    probabilities /= probabilities.sum(1, keepdims=True)
    tables = [frequencies(p) for p in probabilities]
    which = rng.integers(0, 4, 3000)
    symbols = [int(rng.choice(20, p=probabilities[w])) for w in which]
    coder = ArithmeticEncoder()
    for w, symbol in zip(which, symbols, strict=True):
        coder.put(symbol, tables[w])
    coder.put_uniform(517, 1000)
    bits = coder.finish()
    wanted = sum(
        -np.log2((tables[w][s + 1] - tables[w][s]) / tables[w][-1])
        for w, s in zip(which, symbols, strict=True)
    )
    assert abs(len(bits) - wanted - np.log2(1000)) < 4
    decoder = ArithmeticDecoder(bits)
    assert [decoder.get(tables[w]) for w in which] == symbols
    assert decoder.get_uniform(1000) == 517


@pytest.mark.parametrize("run", [1, 500])
def test_near_certain_symbols_cost_next_to_nothing(run):
    table = frequencies(np.array([1e6, 1.0]))
    coder = ArithmeticEncoder()
    for _ in range(run):
        coder.put(0, table)
    coder.put(1, table)
    bits = coder.finish()
    assert len(bits) < 18
    decoder = ArithmeticDecoder(bits)
    assert [decoder.get(table) for _ in range(run + 1)] == [0] * run + [1]


def test_frequencies_leave_no_symbol_out():
    table = frequencies(np.array([0.0, 1.0, 0.0]))
    assert table[0] == 0
    assert np.all(np.diff(table) >= 1)


def test_a_symbol_outside_the_table_is_refused():
    with pytest.raises(ValueError, match="outside"):
        ArithmeticEncoder().put(3, frequencies(np.ones(3)))

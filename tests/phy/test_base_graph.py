"""Encoding and decoding graphs of the base graphs against Sionna's encoder."""

import numpy as np
import pytest
from sionna.phy.fec.ldpc import LDPC5GEncoder

from moclink.phy.base_graph import (
    LIFTING_SIZES,
    BlockCode,
    choose_base_graph,
    cyclic_shifts,
    lifting_size,
)
from moclink.phy.ldpc_graph import graph_5g
from moclink.phy.tensors import tensor

SIZES = [(2, 12, 20), (2, 40, 200), (2, 193, 300), (2, 324, 648), (2, 600, 1000), (2, 3840, 19000)]
SIZES += [
    (1, 300, 400),
    (1, 350, 372),
    (1, 4096, 6144),
    (1, 5000, 7000),
    (1, 8448, 25000),
    (1, 8448, 9000),
]


@pytest.mark.parametrize(("base_graph", "k", "n"), SIZES)
def test_code_equals_sionnas(base_graph, k, n):
    encoder = LDPC5GEncoder(k, n, bg=f"bg{base_graph}")
    code = BlockCode(base_graph, k)
    assert code.z == encoder.z
    bits = np.random.default_rng(1).integers(0, 2, (5, k), dtype=np.uint8)
    np.testing.assert_array_equal(code.encode(bits, n), encoder(tensor(bits, "float32")).numpy())
    expected, graph = graph_5g(encoder), code.graph(n)
    assert (graph.num_vns, graph.k) == (expected.num_vns, expected.k)
    for part in ("cn_start", "cn_vn", "received", "shortened"):
        np.testing.assert_array_equal(getattr(graph, part), getattr(expected, part))


@pytest.mark.parametrize(("base_graph", "columns"), [(1, (22,)), (2, (10, 9, 8, 6))])
def test_every_lifting_size_encodes_codewords(base_graph, columns):
    rng = np.random.default_rng(2)
    for z in LIFTING_SIZES:
        # One bit short of full, for a filler bit; the least block is 12 bits.
        sizes = [c * z - (c * z > 12) for c in columns]
        code = BlockCode(base_graph, next(k for k in sizes if lifting_size(base_graph, k) == z))
        bits = rng.integers(0, 2, (3, code.k), dtype=np.uint8)
        graph = code.graph(code.buffer_size)
        word = np.zeros((3, graph.num_vns), np.uint8)
        word[:, : code.k] = bits
        word[:, graph.received] = code.encode(bits, code.buffer_size)
        np.testing.assert_array_equal(word[:, : code.k], bits)
        checks = np.add.reduceat(word[:, graph.cn_vn], graph.cn_start[:-1], axis=1)
        assert not (checks % 2).any(), z


def test_many_blocks_are_encoded_in_parts():
    code = BlockCode(1, 8448)
    bits = np.random.default_rng(3).integers(0, 2, (700, 8448), dtype=np.uint8)
    words = code.encode(bits, 9000)
    np.testing.assert_array_equal(words[650:], code.encode(bits[650:], 9000))


@pytest.mark.parametrize(
    ("payload", "coderate", "base_graph"),
    [
        (292, 0.9, 2),
        (293, 0.9, 1),
        (3824, 0.67, 2),
        (3825, 0.67, 1),
        (3824, 0.68, 1),
        (10**6, 0.25, 2),
    ],
)
def test_choice_of_the_base_graph(payload, coderate, base_graph):
    assert choose_base_graph(payload, coderate) == base_graph


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="8449 bits: base graph 1 takes 12 to 8448"):
        lifting_size(1, 8449)
    with pytest.raises(ValueError, match="11 bits"):
        lifting_size(2, 11)
    with pytest.raises(ValueError, match="17 is no lifting size"):
        cyclic_shifts(1, 17)
    code = BlockCode(2, 100)
    with pytest.raises(ValueError, match=r"\[B, 100\]"):
        code.encode(np.zeros((2, 99), np.uint8), 200)
    with pytest.raises(ValueError, match=f"holds {code.buffer_size}"):
        code.encode(np.zeros((2, 100), np.uint8), code.buffer_size + 1)
    with pytest.raises(ValueError, match="0 bits"):
        code.graph(0)

import numpy as np
import pytest

from moclink.phy.degree_groups import SHORTEST, group_by_degree
from moclink.phy.ldpc import get_code
from moclink.phy.ldpc_graph import TannerGraph


@pytest.fixture(params=[("ldpc5g", 324, 648), ("ldpc5g", 600, 632), ("wifi648", 324, 648)])
def graph(request):
    return get_code(*request.param).graph


def edges_of(graph):
    """(check, variable node) of every edge to a node that is not known."""
    checks = np.repeat(np.arange(graph.num_cns), np.diff(graph.cn_start))
    return {(c, v) for c, v in zip(checks, graph.cn_vn, strict=True) if v not in graph.shortened}


def test_checks_read_the_rows_of_their_variable_nodes(graph):
    groups = group_by_degree(graph)
    node_of = {row: node for node, row in enumerate(groups.row_of) if row < groups.num_rows - 1}
    found = [
        (check, node_of[row])
        for group in groups.checks
        for check, rows in zip(group.nodes, group.places.T, strict=True)
        for row in rows
        if row < groups.num_rows - 1  # what fills up reads the known zero
    ]
    assert len(found) == len(set(found))
    assert set(found) == edges_of(graph)
    known = groups.row_of[graph.shortened]
    np.testing.assert_array_equal(known, groups.num_rows - 1)


def test_variable_nodes_read_the_messages_of_their_checks(graph):
    groups = group_by_degree(graph)
    check_of = np.concatenate(
        [np.tile(group.nodes, len(group.places)) for group in groups.checks] + [[-1]]
    )
    assert len(check_of) == groups.num_messages
    found = [
        (check_of[row], node)
        for group in groups.variables
        for node, rows in zip(group.nodes, group.places.T, strict=True)
        for row in rows
        if row < groups.num_messages - 1  # what fills up reads zero
    ]
    assert len(found) == len(set(found))
    assert set(found) == edges_of(graph)
    nodes = np.concatenate([group.nodes for group in groups.variables])
    np.testing.assert_array_equal(groups.row_of[nodes], np.arange(len(nodes)))


def test_groups_are_few_and_filled_up_by_at_most_a_third(graph):
    groups = group_by_degree(graph)
    edges = len(edges_of(graph))
    assert groups.num_messages - 1 <= edges / SHORTEST
    assert len(groups.checks) <= 8
    assert len(groups.variables) <= 12


def test_a_check_of_one_unknown_bit_is_named():
    graph = TannerGraph(
        num_vns=3,
        cn_start=np.array([0, 2, 4], np.int32),
        cn_vn=np.array([0, 1, 1, 2], np.int32),
        received=np.array([0, 1], np.int32),
        shortened=np.array([2], np.int32),
        k=1,
    )
    with pytest.raises(ValueError, match="check 1 has 1 unknown"):
        group_by_degree(graph)

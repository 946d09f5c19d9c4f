"""Nodes of a Tanner graph in groups of about equal degree: belief propagation as whole-array steps.

A graphics processor decodes many codewords at once when every step is the same for all nodes of a
large group. Nodes are sorted by their degree; a group takes those of at least `SHORTEST` of its
largest degree, and the others are filled up with edges that change nothing.

Messages are rows [rows, codewords]: of a group of G checks of degree d, row `first + j G + i` is
the message of check i along its edge j. The last row stays zero. A-posteriori LLRs are rows as well,
variable nodes sorted by degree, and the last row is that of a bit known to be zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.phy.ldpc_graph import TannerGraph

SHORTEST = 0.75  # of a group's largest degree: at most a third more edges, and few groups


@dataclass(frozen=True, eq=False)
class DegreeGroup:
    """Nodes that one step treats alike.

    Attributes:
        nodes: int64 [G], their numbers in the graph.
        places: int64 [d, G], the row that each edge of each node reads: of the a-posteriori LLRs
            for check nodes, of the messages for variable nodes.
    """

    nodes: NDArray[np.int64]
    places: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DegreeGroups:
    """A graph in groups.

    Attributes:
        checks: Groups of check nodes; messages have their rows in this order.
        variables: Groups of variable nodes; LLRs have their rows in this order.
        num_messages: Rows of messages, the zero row included.
        row_of: int64 [num_vns], the row of each variable node; of shortened nodes, which take no
            part, the last one.
    """

    checks: tuple[DegreeGroup, ...]
    variables: tuple[DegreeGroup, ...]
    num_messages: int
    row_of: NDArray[np.int64]

    @property
    def num_rows(self) -> int:
        """Rows of LLRs, that of the known zero bit included."""
        return sum(len(group.nodes) for group in self.variables) + 1


def _by_degree(
    nodes: NDArray[np.int64], degrees: NDArray[np.int64]
) -> list[tuple[int, NDArray[np.int64]]]:
    """(largest degree, nodes) of every group, from the largest degree down."""
    order = nodes[np.argsort(-degrees[nodes], kind="stable")]
    groups = []
    while len(order):
        largest = int(degrees[order[0]])
        count = int((degrees[order] >= SHORTEST * largest).sum())
        groups.append((largest, order[:count]))
        order = order[count:]
    return groups


def _edges(starts: NDArray[np.int64], node: NDArray[np.int64], slot: int) -> NDArray[np.int64]:
    """The edge in a slot of each node; -1 where it has fewer."""
    edges = starts[node] + slot
    return np.where(edges < starts[node + 1], edges, -1)


def group_by_degree(graph: TannerGraph) -> DegreeGroups:
    """Put a graph's nodes into groups.

    Args:
        graph: The decoding graph. Shortened nodes are left out: a known zero bit changes no check.

    Returns:
        Groups and rows.

    Raises:
        ValueError: If a check has fewer than two bits that are not known.
    """
    known = np.zeros(graph.num_vns, bool)
    known[graph.shortened] = True
    in_use = ~known[graph.cn_vn]
    edge_vn = graph.cn_vn[in_use].astype(np.int64)
    edge_cn = np.repeat(np.arange(graph.num_cns), np.diff(graph.cn_start))[in_use]
    check_degree = np.bincount(edge_cn, minlength=graph.num_cns)
    if check_degree.min() < 2:
        raise ValueError(
            f"check {int(check_degree.argmin())} has {int(check_degree.min())} unknown bits; 2 or more are "
            "wanted"
        )
    check_start = np.concatenate([[0], np.cumsum(check_degree)])
    variable_degree = np.bincount(edge_vn, minlength=graph.num_vns)
    variable_start = np.concatenate([[0], np.cumsum(variable_degree)])

    variable_nodes = _by_degree(np.flatnonzero(~known), variable_degree)
    row_of = np.full(graph.num_vns, np.count_nonzero(~known), np.int64)
    row_of[np.concatenate([nodes for _, nodes in variable_nodes])] = np.arange((~known).sum())

    message_of = np.empty(len(edge_vn), np.int64)
    checks, first = [], 0
    for degree, nodes in _by_degree(np.arange(graph.num_cns), check_degree):
        edges = np.stack([_edges(check_start, nodes, slot) for slot in range(degree)])
        rows = first + np.arange(edges.size).reshape(edges.shape)
        message_of[edges[edges >= 0]] = rows[edges >= 0]
        places = np.where(edges >= 0, row_of[edge_vn[edges]], (~known).sum())
        checks.append(DegreeGroup(nodes, places))
        first += edges.size

    by_variable = message_of[np.argsort(edge_vn, kind="stable")]
    variables = []
    for degree, nodes in variable_nodes:
        slots = [_edges(variable_start, nodes, slot) for slot in range(degree)]
        edges = np.stack(slots) if slots else np.empty((0, len(nodes)), np.int64)
        variables.append(DegreeGroup(nodes, np.where(edges >= 0, by_variable[edges], first)))
    return DegreeGroups(tuple(checks), tuple(variables), first + 1, row_of)

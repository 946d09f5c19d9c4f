"""Schemes: chains that differ in their channel bandwidth ratio alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from moclink.results.averages import Average, average, by_chain
from moclink.results.bandwidth import chain_cbrs
from moclink.results.metrics import Metric
from moclink.results.names import LEVEL, base_name, display_name
from moclink.types import Row


def schemes(chains: Sequence[str]) -> dict[str, list[str]]:
    """Label -> chains that are one scheme at several ratios: NAME@CBR, or levels of one codec."""
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(chains):
        base = base_name(name)
        level = LEVEL.fullmatch(base)
        label = re.sub(r" L\d", "", display_name(base), count=1) if level else display_name(base)
        found.setdefault(label, []).append(name)
    return found


def scheme_points(
    rows: Sequence[Row], chains: Sequence[str], metric: Metric, outage: str
) -> list[tuple[float, Average]]:
    """(CBR, mean) of a metric for each of some chains, by ascending CBR; rows are those of one SNR."""
    own = by_chain(rows)
    cbrs = chain_cbrs(rows)
    points = []
    for name in chains:
        averages = average(own.get(name, []), metric.column, outage)
        if averages and name in cbrs:
            points.append((cbrs[name], averages[0]))
    return sorted(points, key=lambda point: point[0])

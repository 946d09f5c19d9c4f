"""Rate curves: quality over the channel bandwidth ratio at one SNR, a curve a family of chains."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from moclink.results.averages import Average, average, by_chain
from moclink.results.bandwidth import cbr_text, chain_cbrs, equal
from moclink.results.metrics import Metric, choose_metrics, measured
from moclink.results.names import LEVEL, base_name, display_name, printable, shortened
from moclink.results.panels import (
    LONGEST_LABEL,
    FigureError,
    add_legend,
    add_title,
    draw_curve,
    panels_figure,
)
from moclink.results.style import PLAIN, STYLES, FigureOptions, curve_styles
from moclink.types import Row


def rate_figure(rows: Sequence[Row], snr_db: float, options: FigureOptions = PLAIN) -> Figure:
    """Draw quality over channel bandwidth ratio at one SNR, a panel a metric.

    Args:
        rows: Results.
        snr_db: Es/N0 in dB; a value of the run.
        options: Style, metrics and conditions.

    Raises:
        FigureError: If the rows hold nothing at this SNR.
        ValueError: If a metric that is asked for was not measured.
    """
    own = [row for row in rows if row.snr_db == snr_db and row.cbr is not None]
    if not own:
        there = ", ".join(f"{snr:g}" for snr in sorted({row.snr_db for row in rows})) or "none"
        raise FigureError(f"no pictures were sent at {snr_db:g} dB; SNRs of the run: {there}")
    metrics = choose_metrics(options.metrics, measured(own, "picture"))
    if not metrics:
        raise FigureError(f"no metric was measured of these pictures at {snr_db:g} dB")
    figure, axes = panels_figure(len(metrics), options)
    groups = rate_groups([row.chain for row in own])
    styles = curve_styles([names[0] for names in groups.values()])
    entries: dict[str, Any] = {}
    for axis, metric in zip(axes, metrics, strict=True):
        ratios: list[float] = []
        for label, names in groups.items():
            points = rate_points(own, names, metric, options.outage)
            if points:
                x = [ratio for ratio, _ in points]
                handle = draw_curve(axis, x, [point.mean for _, point in points], styles[names[0]])
                entries.setdefault(shortened(label, LONGEST_LABEL), handle)
                ratios += x
        axis.set_ylabel(metric.axis_label)
        axis.set_xlabel("Channel bandwidth ratio (symbols a colour value)")
        axis.set_xscale("log")
        ticks = _ticks(ratios)
        axis.xaxis.set_major_locator(FixedLocator(ticks))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_xticks(ticks, [cbr_text(tick) for tick in ticks])
    images = list(dict.fromkeys(row.image for row in own))
    which = f"mean over {len(images)} pictures" if len(images) > 1 else printable(images[0])
    add_title(figure, [f"SNR {snr_db:g} dB", options.note, which])
    add_legend(figure, entries, STYLES[options.style].letters)
    return figure


def rate_groups(chains: Sequence[str]) -> dict[str, list[str]]:
    """Label -> chains that are one scheme at several ratios: NAME@CBR, or levels of one codec."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(chains):
        base = base_name(name)
        level = LEVEL.fullmatch(base)
        label = re.sub(r" L\d", "", display_name(base), count=1) if level else display_name(base)
        groups.setdefault(label, []).append(name)
    return groups


def rate_points(
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


def _ticks(ratios: Sequence[float]) -> list[float]:
    """Ratios to write at the axis: those in use, as far as they do not run into each other."""
    ticks: list[float] = []
    for ratio in sorted(ratios):
        if not ticks or (ratio > 1.18 * ticks[-1] and not equal(ratio, ticks[-1])):
            ticks.append(ratio)
    return ticks

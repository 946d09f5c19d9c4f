"""Rate curves: quality over the channel bandwidth ratio at one SNR, one curve per family of chains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from moclink.results.averages import outage_note
from moclink.results.bandwidth import cbr_text, cbr_texts
from moclink.results.metrics import choose_metrics, measured
from moclink.results.names import printable, shortened, snr_text
from moclink.results.panels import (
    LONGEST_LABEL,
    FigureError,
    add_legend,
    add_title,
    draw_curve,
    panels_figure,
)
from moclink.results.schemes import scheme_points, schemes
from moclink.results.style import PLAIN, STYLES, FigureOptions, curve_styles
from moclink.types import Row


def rate_figure(rows: Sequence[Row], snr_db: float, options: FigureOptions = PLAIN) -> Figure:
    """Draw quality over channel bandwidth ratio at one SNR, one panel per metric.

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
        sent = sorted({row.snr_db for row in rows if row.cbr is not None})
        there = ", ".join(snr_text(snr) for snr in sent) or "none"
        raise FigureError(
            f"no pictures were sent at {snr_text(snr_db)} dB; SNRs of pictures: {there}"
        )
    metrics = choose_metrics(options.metrics, measured(own, "picture"))
    if not metrics:
        raise FigureError(f"no metric was measured of these pictures at {snr_text(snr_db)} dB")
    figure, axes = panels_figure(len(metrics), options)
    groups = schemes([row.chain for row in own])
    styles = curve_styles([names[0] for names in groups.values()])
    entries: dict[str, Any] = {}
    for axis, metric in zip(axes, metrics, strict=True):
        ratios: list[float] = []
        for label, names in groups.items():
            points = scheme_points(own, names, metric, options.outage)
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
        axis.set_xticks(ticks, cbr_texts(ticks))
    images = list(dict.fromkeys(row.image for row in own))
    which = f"mean over {len(images)} pictures" if len(images) > 1 else printable(images[0])
    lost = outage_note(own, options.outage)
    add_title(figure, [f"SNR {snr_text(snr_db)} dB", options.note, which, lost])
    add_legend(figure, entries, STYLES[options.style].characters_per_inch)
    return figure


def _ticks(ratios: Sequence[float]) -> list[float]:
    """Ratios to write at the axis: fractions first, and no two so near that they run into each other."""
    ticks: list[float] = []
    for ratio in sorted(ratios, key=lambda value: ("/" not in cbr_text(value), value)):
        if all(max(ratio, tick) > 1.18 * min(ratio, tick) for tick in ticks):
            ticks.append(ratio)
    return sorted(ticks)

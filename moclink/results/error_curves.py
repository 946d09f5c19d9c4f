"""Error rates of random bits over Es/N0 and Eb/N0, with intervals by counts and closed forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from moclink.arguments import comma_list
from moclink.results.averages import by_chain
from moclink.results.error_rates import ErrorRate, error_rates
from moclink.results.metrics import METRICS_BY_COLUMN, Metric
from moclink.results.panels import BIT_SNR_LABEL, SNR_LABEL, Legend, draw_curve, one_snr, plain
from moclink.results.style import CurveStyle, FigureOptions
from moclink.results.uncoded_qam import qam_bit_error_rate
from moclink.snr import to_decibels
from moclink.types import Row


@dataclass(frozen=True)
class ErrorPanel:
    """A panel of error rates.

    Attributes:
        metric: Bit or block error rate.
        per_bit: Whether it is over Eb/N0 instead of Es/N0.
    """

    metric: Metric
    per_bit: bool = False


def error_panels(rows: Sequence[Row], options: FigureOptions) -> list[ErrorPanel]:
    """The panels that chains of random bits have: BER over Es/N0 and Eb/N0, and BLER.

    Chains of one efficiency share one BER panel with two axes.
    """
    wanted = [
        metric
        for metric in (METRICS_BY_COLUMN["ber"], METRICS_BY_COLUMN["bler"])
        if any(getattr(row, metric.column) for row in rows)  # a logarithmic axis has no place for 0
        and (options.metrics is None or metric in _asked(options.metrics))
    ]
    panels = [ErrorPanel(metric) for metric in wanted]
    if len(set(efficiencies(rows).values())) > 1:
        panels += [ErrorPanel(metric, per_bit=True) for metric in wanted if metric.column == "ber"]
    return panels


def _asked(names: str | Sequence[str]) -> list[Metric]:
    """Those of the error rates that are among some names."""
    lower = [name.lower() for name in (comma_list(names) if isinstance(names, str) else names)]
    return [
        metric
        for metric in (METRICS_BY_COLUMN["ber"], METRICS_BY_COLUMN["bler"])
        if metric.column in lower
    ]


def efficiencies(rows: Sequence[Row]) -> dict[str, float]:
    """Information bits per symbol of each chain."""
    sent = {}
    for name, own in by_chain(rows).items():
        bits, symbols = sum(row.bits or 0 for row in own), sum(row.symbols or 0 for row in own)
        if bits and symbols:
            sent[name] = round(bits / symbols, 6)
    return sent


def draw_error_panel(
    axis: Axes, rows: Sequence[Row], panel: ErrorPanel, legend: Legend, options: FigureOptions
) -> None:
    """Draw error rates on a logarithmic axis."""
    column, bits = panel.metric.column, efficiencies(rows)
    axis.set_xlabel(BIT_SNR_LABEL if panel.per_bit else SNR_LABEL)
    axis.set_ylabel(panel.metric.label)
    axis.set_yscale("log")
    lowest, unseen = 1.0, []
    for name, own in by_chain(rows).items():
        if panel.per_bit and name not in bits:
            continue
        offset = to_decibels(bits[name]) if panel.per_bit else 0.0
        # A rate of nought is not zero: too few bits were sent to see an error.
        points = [point for point in error_rates(own, column, options.channel) if point.rate > 0]
        if points:
            handle = _draw_rates(axis, points, offset, legend.styles[name])
            legend.entries.setdefault(legend.labels[name], handle)
            lowest = min(lowest, points[-1].rate)
        elif any(getattr(row, column) == 0 for row in own):
            unseen.append(legend.labels[name])
    one_snr(axis, [] if panel.per_bit else [row.snr_db for row in rows])
    if unseen:
        text = "no errors seen: " + ", ".join(unseen)
        plain(axis.annotate(fill(text, 46), (0.02, 0.02), xycoords="axes fraction", fontsize=7))
    if column == "ber":
        _theory(axis, rows, bits, panel, legend, options.channel, lowest)
    if not panel.per_bit and len(set(bits.values())) == 1:
        shift: Any = to_decibels(next(iter(bits.values())))
        top = axis.secondary_xaxis("top", functions=(lambda es: es - shift, lambda eb: eb + shift))
        top.set_xlabel(BIT_SNR_LABEL)


def _draw_rates(axis: Axes, points: Sequence[ErrorRate], offset: float, style: CurveStyle) -> Any:
    x = [p.snr_db - offset for p in points]
    handle = draw_curve(axis, x, [p.rate for p in points], style)
    barred = [(at, p.rate, *p.interval) for at, p in zip(x, points, strict=True) if p.interval]
    if barred:
        at, rate, low, high = np.array(barred).T
        bars = (np.maximum(rate - low, 0), np.maximum(high - rate, 0))
        axis.errorbar(at, rate, bars, fmt="none", ecolor=style.colour, elinewidth=0.8, capsize=2)
    return handle


def _theory(
    axis: Axes,
    rows: Sequence[Row],
    bits: dict[str, float],
    panel: ErrorPanel,
    legend: Legend,
    channel: str,
    lowest: float,
) -> None:
    """Draw the closed form for each modulation of an uncoded chain, where the channel has one."""
    rayleigh = channel.startswith("rayleigh")
    if channel.partition("?")[0] != "awgn" and not rayleigh:
        return
    uncoded = {name for name, own in by_chain(rows).items() if all(row.bler is None for row in own)}
    snrs = [row.snr_db for row in rows]
    if min(snrs) == max(snrs):  # no curve; a line in the legend alone would be looked for
        return
    x = np.linspace(min(snrs), max(snrs), 300)
    for efficiency in sorted({bits[name] for name in uncoded if name in bits}):
        order = round(efficiency)
        if order != efficiency or order < 2 or order % 2:
            continue
        rate = qam_bit_error_rate(order, x, rayleigh)
        seen = rate >= lowest / 3  # no further down than what was measured
        offset = to_decibels(order) if panel.per_bit else 0.0
        (handle,) = axis.plot(x[seen] - offset, rate[seen], ":", color="black", lw=0.8, zorder=1)
        legend.entries.setdefault("uncoded QAM, theory", handle)

"""Curves over SNR: one panel per metric, one curve per chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moclink.results.averages import Average, average, by_chain, outage_note
from moclink.results.bandwidth import cbr_note
from moclink.results.error_curves import draw_error_panel, error_panels
from moclink.results.metrics import METRICS_BY_COLUMN, OUTAGE, Metric, choose_metrics, measured
from moclink.results.names import SCHEME, base_name, printable, shortened, stated_cbr
from moclink.results.panels import (
    SNR_LABEL,
    FigureError,
    Legend,
    add_legend,
    add_title,
    draw_curve,
    one_snr,
    panels_figure,
)
from moclink.results.style import PLAIN, STYLES, FigureOptions, chain_colour
from moclink.types import Row

MOST_WITH_BANDS = 9  # curves; bands of more hide each other
FEWEST_FOR_BANDS = (
    5  # with fewer pictures Student's t makes bands that hide the curves; see summary.csv
)


def curves_figure(rows: Sequence[Row], options: FigureOptions = PLAIN) -> Figure:
    """Draw one panel per metric, one curve per chain; chains of random bits have panels of their own.

    Args:
        rows: Results, at least one.
        options: Style, metrics and conditions.

    Raises:
        FigureError: If nothing was measured.
        ValueError: If a metric that is asked for was not measured.
    """
    pictures = [row for row in rows if row.height is not None]
    bits = [row for row in rows if row.height is None]
    found = _picture_metrics(pictures, options)
    errors = error_panels(bits, options)
    if bits and not found and not errors:
        raise FigureError("no bit was wrong; send more of them (--max-bits) or choose lower SNRs")
    if not found and not errors:
        raise FigureError("no metric was measured of these pictures at these SNRs")
    legend = Legend.of(rows)
    figure, axes = panels_figure(len(found) + len(errors), options)
    banded = [
        _picture_panel(axis, pictures, metric, legend, options)
        for axis, metric in zip(axes[: len(found)], found, strict=True)
    ]
    for axis, panel in zip(axes[len(found) :], errors, strict=True):
        draw_error_panel(axis, bits, panel, legend, options)
    add_title(figure, [options.note, *_picture_notes(pictures, any(banded), options)])
    add_legend(figure, legend.entries, STYLES[options.style].characters_per_inch)
    return figure


def _picture_metrics(pictures: Sequence[Row], options: FigureOptions) -> list[Metric]:
    """The metrics that have a panel: those of quality, or those that are asked for."""
    if options.metrics is None:
        shown = measured(pictures, "picture")
        excluded = options.outage == "exclude" and any(row.outage for row in pictures)
        harq = any((row.transmissions or 1) > 1 for row in pictures)
        return [
            *shown,
            *([OUTAGE] if excluded else ()),
            *([METRICS_BY_COLUMN["cbr"]] if harq else ()),
        ]
    every = measured(pictures)
    return choose_metrics(options.metrics, every) if every else []


def _picture_notes(pictures: Sequence[Row], bands: bool, options: FigureOptions) -> Iterable[str]:
    images = list(dict.fromkeys(row.image for row in pictures))
    if images:
        yield cbr_note(pictures)
        yield (
            f"mean over {len(images)} pictures"
            if len(images) > 1
            else shortened(printable(images[0]), 60)
        )
        yield "95 % confidence bands" if bands else ""
        yield outage_note(pictures, options.outage)


def _picture_panel(
    axis: Axes, rows: Sequence[Row], metric: Metric, legend: Legend, options: FigureOptions
) -> bool:
    """Draw a metric of pictures; says whether a confidence band was drawn."""
    axis.set_xlabel(SNR_LABEL)
    axis.set_ylabel(metric.axis_label)
    log = metric.kind == "error" and metric is not OUTAGE
    if log:
        axis.set_yscale("log")
    chains = by_chain(rows)
    curves = {name: average(own, metric.column, options.outage) for name, own in chains.items()}
    banded = False
    for name, curve in curves.items():
        # An error rate of nought is not zero: too few bits were sent to see one.
        points = [p for p in curve if p.mean > 0 or not log]
        if points:
            x, y = [p.snr_db for p in points], [p.mean for p in points]
            handle = draw_curve(axis, x, y, legend.styles[name])
            legend.entries.setdefault(legend.labels[name], handle)
            banded |= len(chains) <= MOST_WITH_BANDS and _band(
                axis, points, legend.styles[name].colour
            )
    one_snr(axis, [row.snr_db for row in rows])
    if metric.kind == "picture":
        _envelopes(axis, curves, metric, legend)
    return banded


def _band(axis: Axes, points: Sequence[Average], colour: Any) -> bool:
    """Shade the confidence interval where there are pictures enough; says whether it did."""
    half = np.array([p.half_width for p in points])
    low, high = np.transpose([p.interval or (p.mean, p.mean) for p in points])
    enough = np.array([p.images >= FEWEST_FOR_BANDS for p in points])
    if not half[enough].any() or not (enough[1:] & enough[:-1]).any():
        return False
    snrs = [p.snr_db for p in points]
    axis.fill_between(snrs, low, high, where=enough, color=colour, alpha=0.1, lw=0)
    return True


def _envelopes(
    axis: Axes, curves: dict[str, list[Average]], metric: Metric, legend: Legend
) -> None:
    for family, schemes in families(list(curves)).items():
        best = envelope([curves[name] for name in schemes], min if metric.lower else max)
        if len(best) > 1:
            colour, label = (
                chain_colour(schemes[0], 0),
                f"{family.upper()}, best of {len(schemes)} schemes",
            )
            codec = SCHEME.fullmatch(base_name(schemes[0]))
            colour = chain_colour(f"{codec['codec']}-ldpc", 0) if codec else colour
            (handle,) = axis.plot(*zip(*best, strict=True), color=colour, lw=4, alpha=0.3)
            legend.entries.setdefault(label, handle)


def families(chains: Sequence[str]) -> dict[str, list[str]]:
    """Codec -> its chains of several modulations and rates; codecs with one are left out.

    Chains at a stated bandwidth ratio make families of that ratio: bpg@1/24.
    """
    families: dict[str, list[str]] = {}
    for name in chains:
        match = SCHEME.fullmatch(base_name(name))
        if match and match["codec"] != "random":
            ratio = stated_cbr(name)
            families.setdefault(match["codec"] + (f"@{ratio}" if ratio else ""), []).append(name)
    return {codec: names for codec, names in families.items() if len(names) > 1}


def envelope(curves: Sequence[Sequence[Average]], best: Callable) -> list[tuple[float, float]]:
    """The best mean at each SNR."""
    at: dict[float, list[float]] = {}
    for curve in curves:
        for point in curve:
            at.setdefault(point.snr_db, []).append(point.mean)
    return [(snr, best(means)) for snr, means in sorted(at.items())]

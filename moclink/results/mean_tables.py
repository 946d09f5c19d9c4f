"""Tables for papers: means over pictures with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from moclink.constants import OUTAGES
from moclink.results.averages import average, by_chain
from moclink.results.bandwidth import cbr_text, chain_cbrs, chain_labels
from moclink.results.error_rates import chain_averages
from moclink.results.metrics import OUTAGE, Metric
from moclink.results.names import display_name, snr_text
from moclink.types import Row

PLUS_MINUS = "±"


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        name: Name of its file, without ending.
        title: What it shows.
        header: Names of the columns.
        lines: Rows of cells.
        notes: Sentences below it.
    """

    name: str
    title: str
    header: list[str]
    lines: list[list[str]]
    notes: list[str] = field(default_factory=list)


def mean_tables(
    rows: Sequence[Row],
    metrics: Sequence[Metric],
    note: str = "",
    outage: str = OUTAGES[0],
    channel: str = "awgn",
) -> list[Table]:
    """One table per metric, with a line per chain, a column per SNR, and means with intervals.

    Args:
        rows: Results.
        metrics: What to show.
        note: Conditions of the run.
        outage: See `moclink.constants.OUTAGES`.
        channel: Its name, on which the intervals of error rates of random bits depend.
    """
    snrs = sorted({row.snr_db for row in rows})
    labels, cbrs = chain_labels(rows), chain_cbrs(rows)
    tables = []
    for metric in metrics:
        lines = []
        for name, own in by_chain(rows).items():
            cells = _cells(own, metric, outage, channel)
            if cells:
                ratio = cbr_text(cbrs[name]) if name in cbrs else ""
                lines.append(
                    [_without_cbr(labels[name]), ratio, *(cells.get(snr, "") for snr in snrs)]
                )
        if lines:
            header = ["Chain", "CBR", *(f"{snr_text(snr)} dB" for snr in snrs)]
            title = f"{metric.axis_label} over SNR" + (f", {note}" if note else "")
            tables.append(Table(metric.column, title, header, lines, _notes(rows, metric, outage)))
    return tables


def _without_cbr(label: str) -> str:
    """The label without the ratio, which has a column of its own."""
    return label.partition(", CBR ")[0].partition(", mean CBR ")[0]


def _cells(rows: Sequence[Row], metric: Metric, outage: str, channel: str) -> dict[float, str]:
    """SNR -> mean and interval as text."""
    excluding = outage == "exclude" and metric.kind == "picture"
    lost = {a.snr_db: a.mean for a in average(rows, "outage")} if excluding else {}
    cells = {}
    for point in chain_averages(rows, metric.column, outage, channel):
        text = metric.text(point.mean)
        if point.limits:
            low, high = map(metric.text, point.limits)
            text += f" ({low} to {high})"
        elif point.images > 1:
            text += f" {PLUS_MINUS} {metric.text(point.half_width)}"
        if lost.get(point.snr_db):
            text += f" ({lost[point.snr_db]:.0%} out)"
        cells[point.snr_db] = text
    for snr, rate in lost.items():
        cells.setdefault(snr, f"({rate:.0%} out)")
    return cells


def _notes(rows: Sequence[Row], metric: Metric, outage: str) -> list[str]:
    images = len({row.image for row in rows if row.height is not None})
    notes = []
    if any((row.transmissions or 1) > 1 for row in rows):
        notes.append("HARQ: CBRs are means, over SNRs too; the table of CBRs has them at each SNR.")
    if images > 1 and metric is OUTAGE:
        notes.append(f"Rates of {images} pictures with their 95 % intervals (Clopper and Pearson).")
    elif images > 1:
        notes.append(
            f"Means over {images} pictures {PLUS_MINUS} half of the 95 % interval (Student's t)."
        )
    if metric.kind == "picture" and any(row.outage for row in rows):
        if outage == "exclude":
            notes.append("Outages are left out of the means; their share is given as out.")
        elif outage == "mean":
            notes.append("Outages count as a picture of the original's mean colour.")
        else:
            notes.append("Outages count as the mid-grey picture.")
    return notes


def long_table(
    rows: Sequence[Row], metrics: Sequence[Metric], channel: str = "awgn", outage: str = OUTAGES[0]
) -> Table:
    """All means in one table, one line per chain, metric and SNR, as programs read it."""
    header = [
        "chain",
        "label",
        "cbr",
        "metric",
        "snr_db",
        "mean",
        "ci95_low",
        "ci95_high",
        "images",
        "outage",
    ]
    cbrs, lines = chain_cbrs(rows), []
    for name, own in by_chain(rows).items():
        lost = {a.snr_db: a.mean for a in average(own, "outage")}
        first = [name, display_name(name), _number(cbrs.get(name))]
        for metric in metrics:
            for point in chain_averages(own, metric.column, outage, channel):
                values = [point.snr_db, point.mean, *(point.interval or (None, None))]
                shown = [_number(value) for value in values]
                rest = [str(point.images), _number(lost.get(point.snr_db))]
                lines.append([*first, metric.column, *shown, *rest])
    return Table("means", "means and 95 % intervals", header, lines)


def _number(value: float | None) -> str:
    return "" if value is None else format(value, ".9g")

"""The table of metrics: label, format and direction of each column of the results."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from moclink.arguments import comma_list, shorten
from moclink.types import Row


@dataclass(frozen=True)
class Metric:
    """How tables and figures treat one column of `Row`.

    Attributes:
        column: Name of the column.
        label: What tables and axes say, with the unit.
        form: Format of a value, as `format` takes it.
        better: "higher" or "lower".
        kind: "picture" for quality of pictures, "error" for error rates, "other" for the rest.
        ceiling: Values above count as this in means.
    """

    column: str
    label: str
    form: str
    better: str = "higher"
    kind: str = "picture"
    ceiling: float = math.inf

    @property
    def option(self) -> str:
        """The name as `--metrics` takes it: psnr, ms-ssim-db, st-lpips."""
        column = self.column.removesuffix("_db") if self.column.startswith("psnr") else self.column
        return column.replace("_", "-")

    @property
    def axis_label(self) -> str:
        """The label, with the direction if lower is better and the field does not know it by heart."""
        return (
            f"{self.label} (lower is better)"
            if self.kind == "picture" and self.lower
            else self.label
        )

    @property
    def lower(self) -> bool:
        """Whether lower is better."""
        return self.better == "lower"

    def text(self, value: float) -> str:
        """A value as it is written."""
        return format(value, self.form)


IDENTICAL_DB = 100.0  # an identical image (PSNR infinite) counts as this in means

# A row here is all that a further column of `Row` needs; those that `Row` lacks are not there.
_EVERY = (
    Metric("psnr_db", "PSNR (dB)", ".2f", ceiling=IDENTICAL_DB),
    Metric("psnr_y_db", "PSNR of luma (dB)", ".2f", ceiling=IDENTICAL_DB),
    Metric("ssim", "SSIM", ".4f"),
    Metric("ms_ssim", "MS-SSIM", ".4f"),
    Metric("ms_ssim_db", "MS-SSIM (dB)", ".2f", ceiling=IDENTICAL_DB),
    Metric("lpips", "LPIPS", ".4f", "lower"),
    Metric("lpips_vgg", "LPIPS (VGG)", ".4f", "lower"),
    Metric("st_lpips", "ST-LPIPS", ".4f", "lower"),
    Metric("ber", "Bit error rate", ".2e", "lower", "error"),
    Metric("ier", "Index error rate", ".2e", "lower", "error"),
    Metric("bler", "Block error rate", ".2e", "lower", "error"),
    Metric("outage", "Outage rate", ".2f", "lower", "error"),
    Metric("cbr", "Channel bandwidth ratio", ".4f", "lower", "other"),
    Metric("bits", "Source bits", ".0f", "lower", "other"),
    Metric("energy", "Energy of a symbol", ".3f", "lower", "other"),
    Metric("papr_db", "PAPR (dB)", ".2f", "lower", "other"),
    Metric("transmissions", "Transmissions (HARQ)", ".2f", "lower", "other"),
    Metric("iterations", "LDPC iterations a block", ".1f", "lower", "other"),
)
METRICS_BY_COLUMN = {
    m.column: m for m in _EVERY if m.column in {field.name for field in fields(Row)}
}
OUTAGE = METRICS_BY_COLUMN["outage"]


def measured(rows: Sequence[Row], kind: str | None = None) -> list[Metric]:
    """Metrics of which the rows hold at least one value, of one kind or of all.

    A metric that could not be computed, as SSIM of a picture of 8x8 pixels, is NaN and not there
    either.
    """
    return [
        metric
        for metric in METRICS_BY_COLUMN.values()
        if kind in (None, metric.kind)
        and any(is_number(getattr(row, metric.column)) for row in rows)
    ]


def usual(rows: Sequence[Row], zeros: bool = False) -> list[Metric]:
    """Metrics of a table where none are named: quality and error rates, with HARQ also the CBR.

    Args:
        rows: Results.
        zeros: Whether the outage rate is there even if nothing was an outage.
    """
    harq = any(row.transmissions for row in rows)
    found = [
        metric
        for metric in measured(rows)
        if metric.kind != "other" or (harq and metric.column == "cbr")
    ]
    return (
        found if zeros or any(row.outage for row in rows) else [m for m in found if m is not OUTAGE]
    )


def choose_metrics(names: str | Sequence[str] | None, found: Sequence[Metric]) -> list[Metric]:
    """Metrics by name: options ("psnr") or columns ("psnr_db"), or a comma-separated list; None for all.

    Raises:
        ValueError: If a name is not among those found.
    """
    if names is None:
        return list(found)
    if isinstance(names, str):
        names = comma_list(names)
    elif not isinstance(names, Iterable):
        raise ValueError(f"metrics {shorten(names)}: give names, a comma-separated list or several")
    chosen, names = [], list(names)
    if not names:
        raise ValueError("no metric is named; leave --metrics out for the usual")
    for name in names:
        fitting = [
            m
            for m in found
            if str(name).lower() in (m.option, m.column, m.column.replace("_", "-"))
        ]
        if not fitting:
            there = ", ".join(m.option for m in found) or "none"
            raise ValueError(f"metric {name!r} was not measured; there are: {there}")
        chosen += fitting
    return chosen


def is_number(value: float | None) -> bool:
    """Whether something was measured, be it infinite."""
    return value is not None and not math.isnan(value)

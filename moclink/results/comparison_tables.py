"""Tables for papers: all chains compared with a reference."""

from __future__ import annotations

from collections.abc import Sequence

from moclink.constants import OUTAGES
from moclink.results.bandwidth import chain_labels
from moclink.results.comparison import (
    Delta,
    deltas_over_cbr,
    deltas_over_snr,
    paired_differences,
    pairs,
)
from moclink.results.mean_tables import Table
from moclink.results.metrics import Metric
from moclink.results.names import display_name, printable, snr_text
from moclink.types import Row

_DIFFERENCES = (
    "95 %: half of the interval of the mean difference (Student's t). Not corrected for many tests."
)
_CURVES = (
    "Curves are means over pictures. BD-rate: at equal quality, in percent of the bandwidth over CBR, in dB "
    "over SNR; negative is a saving. BD-quality: at equal CBR or SNR, in the unit of the metric."
)
_METHODS = (
    "cubic: one polynomial of degree 3 (VCEG-M33; four points at least). pchip: piecewise cubic (as for HEVC "
    "and VVC). none: the curves do not overlap. Left out: curves of fewer than two points (cubic: four)."
)


def comparison_tables(
    rows: Sequence[Row],
    reference: str,
    metrics: Sequence[Metric],
    outage: str = OUTAGES[0],
    snrs: Sequence[float] | None = None,
) -> list[Table]:
    """Compare all chains of pictures with a reference: paired differences, and Bjontegaard deltas.

    Args:
        rows: Results.
        reference: Name of a chain; before `@` if it is there at several bandwidth ratios.
        metrics: What to compare; metrics of pictures.
        outage: See `moclink.constants.OUTAGES`.
        snrs: SNRs in dB of the paired differences, and of the deltas over the bandwidth ratio; None
            for all. Deltas over SNR are over all.

    Raises:
        ValueError: If the reference is not there, or there is nothing to compare with it.
    """
    if not pairs(rows, reference) and not any(
        _over_cbr(rows, reference, m, outage, snrs) for m in metrics
    ):
        there = ", ".join(
            printable(name) for name in dict.fromkeys(r.chain for r in rows if r.height)
        )
        raise ValueError(
            f"nothing can be compared with {reference!r}; chains of pictures: {there or 'none'}"
        )
    every = {row.snr_db for row in rows}
    wanted = (
        every if snrs is None else {snr for snr in every if any(abs(snr - s) < 1e-9 for s in snrs)}
    )
    differences: list[list[str]] = []
    deltas: list[list[str]] = []
    for metric in metrics:
        differences += _differences(rows, reference, metric, outage, wanted)
        deltas += _over_snr(rows, reference, metric, outage)
        deltas += _over_cbr(rows, reference, metric, outage, sorted(wanted))
    name, first = display_name(reference), ["Chain", "Reference", "Metric"]
    tests = [*first, "SNR (dB)", "Difference", "95 %", "p, paired t", "p, Wilcoxon", "Pictures"]
    title = f"Paired differences over pictures to {name}"
    header = [*first, "Over", "Method", "BD-rate", "BD-quality"]
    bd = Table("bd", f"Bjontegaard deltas to {name}", header, deltas, [_CURVES, _METHODS])
    if not deltas:
        bd = Table(
            bd.name, bd.title, ["Over", "Result"], [["SNR and CBR", _explain_no_deltas(every)]]
        )
    return [Table("differences", title, tests, differences, [_DIFFERENCES]), bd]


def _explain_no_deltas(snrs: set[float]) -> str:
    """Why there are no Bjontegaard deltas at all."""
    points = "is one SNR" if len(snrs) == 1 else f"are {len(snrs)} SNRs"
    return (
        f"none: a curve needs two points at least (cubic: four); there {points}, and nothing to "
        "compare with the reference at two bandwidth ratios"
    )


def _differences(
    rows: Sequence[Row], reference: str, metric: Metric, outage: str, snrs: set[float]
) -> list[list[str]]:
    labels, lines = chain_labels(rows), []
    for chain, other in pairs(rows, reference):
        for d in paired_differences(rows, chain, other, metric.column, outage):
            if d.snr_db in snrs:
                half = metric.text(d.half_width) if d.images > 1 else ""
                mean = format(d.mean, f"+{metric.form}")
                tests = [_p_value(d.p_t), _p_value(d.p_wilcoxon), str(d.images)]
                lines.append(
                    [
                        labels[chain],
                        labels[other],
                        metric.label,
                        snr_text(d.snr_db),
                        mean,
                        half,
                        *tests,
                    ]
                )
    return lines


def _over_snr(rows: Sequence[Row], reference: str, metric: Metric, outage: str) -> list[list[str]]:
    labels = chain_labels(rows)
    return [
        [labels[chain], labels[other], metric.label, *_delta(delta, metric, ".2f", "dB")]
        for chain, other in pairs(rows, reference)
        for delta in deltas_over_snr(rows, chain, other, metric, outage)
        if not delta.too_few
    ]


def _over_cbr(
    rows: Sequence[Row], reference: str, metric: Metric, outage: str, snrs: Sequence[float] | None
) -> list[list[str]]:
    return [
        [delta.chain, display_name(reference), metric.label, *_delta(delta, metric, ".1f", "%")]
        for snr in (sorted({row.snr_db for row in rows}) if snrs is None else snrs)
        for delta in deltas_over_cbr(rows, reference, metric, snr, outage)
        if not delta.too_few
    ]


def _delta(delta: Delta, metric: Metric, form: str, unit: str) -> list[str]:
    saving = "none" if delta.saving is None else f"{delta.saving:+{form}} {unit}"
    quality = "none" if delta.quality is None else format(delta.quality, f"+{metric.form}")
    return [delta.over, delta.method, saving, quality]


def _p_value(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"

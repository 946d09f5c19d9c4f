"""Two chains compared: differences over the same pictures, their significance, and Bjontegaard deltas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.constants import OUTAGES
from moclink.results.averages import average, by_chain, image_means
from moclink.results.bandwidth import chain_cbrs, equal
from moclink.results.bjontegaard import FEWEST, METHODS, Curve, bd_quality, bd_rate, bd_snr
from moclink.results.intervals import half_width
from moclink.results.metrics import Metric
from moclink.results.names import base_name, snr_text
from moclink.results.schemes import scheme_points, schemes
from moclink.types import Row


@dataclass(frozen=True)
class PairedDifference:
    """How much better or worse a chain is than the reference on the same pictures, at one SNR.

    Attributes:
        snr_db: Es/N0 in dB.
        mean: Mean over pictures of chain - reference.
        half_width: Half the 95 % interval, Student's t over pictures.
        p_t: Two-sided p value of the paired t test; None if all differences are equal, or of one
            picture.
        p_wilcoxon: Two-sided p value of Wilcoxon's signed-rank test; None if all differences are 0,
            or of one picture. With n pictures it is 2 ** (1 - n) at the least: below 0.05 from six
            pictures on.
        images: Number of pictures.
    """

    snr_db: float
    mean: float
    half_width: float
    p_t: float | None
    p_wilcoxon: float | None
    images: int


def paired_differences(
    rows: Sequence[Row], chain: str, reference: str, metric: str, outage: str = OUTAGES[0]
) -> list[PairedDifference]:
    """Compare two chains at each SNR over the pictures that both have; trials are averaged first.

    Args:
        rows: Results.
        chain: The chain.
        reference: What it is compared with.
        metric: A column.
        outage: See `moclink.constants.OUTAGES`.
    """
    own = by_chain(rows)
    one, other = (image_means(own.get(name, []), metric, outage) for name in (chain, reference))
    found = []
    for snr in sorted(one.keys() & other.keys()):
        images = [image for image in one[snr] if image in other[snr]]
        if images:
            difference = np.array([one[snr][image] - other[snr][image] for image in images])
            mean, half = float(difference.mean()), half_width(difference)
            found.append(PairedDifference(snr, mean, half, *_significance(difference), len(images)))
    return found


def _significance(difference: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """P values of the paired t test and of Wilcoxon's signed-rank test."""
    from scipy import stats

    if len(difference) < 2:
        return None, None
    spread = np.ptp(difference) > 1e-9 * np.abs(difference).max()  # equal up to rounding is equal
    p_t = float(stats.ttest_1samp(difference, 0).pvalue) if spread else None
    return p_t, float(stats.wilcoxon(difference).pvalue) if difference.any() else None


@dataclass(frozen=True)
class Delta:
    """Bjontegaard deltas between two curves of means over pictures; None where they do not overlap.

    Attributes:
        chain: The chain, or the label of a scheme at several bandwidth ratios.
        over: "SNR", or "CBR at 10 dB".
        method: Interpolation, "cubic" or "pchip".
        saving: At equal quality: percent of the rate over CBR, dB of SNR over SNR; negative is a
            saving.
        quality: At equal rate or SNR, in the unit of the metric.
        too_few: Whether a curve has too few points for the method: no delta could be had.
    """

    chain: str
    over: str
    method: str
    saving: float | None
    quality: float | None
    too_few: bool = False


def deltas_over_snr(
    rows: Sequence[Row], chain: str, reference: str, metric: Metric, outage: str = OUTAGES[0]
) -> list[Delta]:
    """Bjontegaard deltas of a chain's curve over SNR, by each method."""
    own = by_chain(rows)
    one, other = (_curve(own.get(name, []), metric, outage) for name in (chain, reference))
    return [
        Delta(
            chain,
            "SNR",
            method,
            bd_snr(other, one, method, metric.lower),
            bd_quality(other, one, method, log=False),
            min(len(one[0]), len(other[0])) < FEWEST[method],
        )
        for method in METHODS
    ]


def _curve(rows: Sequence[Row], metric: Metric, outage: str) -> Curve:
    points = average(rows, metric.column, outage)
    return [p.snr_db for p in points], [p.mean for p in points]


def deltas_over_cbr(
    rows: Sequence[Row], reference: str, metric: Metric, snr_db: float, outage: str = OUTAGES[0]
) -> list[Delta]:
    """Bjontegaard deltas over the bandwidth ratio at one SNR, of all schemes that have several ratios.

    Args:
        rows: Results.
        reference: Name of the reference before `@`, or of any chain of its scheme.
        metric: The metric.
        snr_db: Es/N0 in dB.
        outage: See `moclink.constants.OUTAGES`.
    """
    at = [row for row in rows if row.snr_db == snr_db]
    groups = schemes([row.chain for row in at])
    named = {label: {*names, *map(base_name, names)} for label, names in groups.items()}
    anchor = next((label for label, names in named.items() if reference in names), "")
    curves: dict[str, Curve] = {}
    for label, names in groups.items():
        points = scheme_points(at, names, metric, outage)
        if len(points) > 1:
            curves[label] = [ratio for ratio, _ in points], [point.mean for _, point in points]
    if anchor not in curves:
        return []
    return [
        Delta(
            label,
            f"CBR at {snr_text(snr_db)} dB",
            method,
            bd_rate(curves[anchor], curve, method, metric.lower),
            bd_quality(curves[anchor], curve, method),
            min(len(curve[0]), len(curves[anchor][0])) < FEWEST[method],
        )
        for label, curve in curves.items()
        if label != anchor
        for method in METHODS
    ]


def pairs(rows: Sequence[Row], reference: str) -> list[tuple[str, str]]:
    """(chain, reference) of all chains of pictures and the reference that each is compared with.

    With references at several bandwidth ratios, each chain is compared with the one of its own
    ratio, and chains of other ratios with none.
    """
    pictures = [row for row in rows if row.height is not None]
    names, cbrs = list(by_chain(pictures)), chain_cbrs(pictures)
    references = [name for name in names if reference in (name, base_name(name))]
    found = []
    for name in names:
        if name in references:
            continue
        alike = [r for r in references if name in cbrs and r in cbrs and equal(cbrs[name], cbrs[r])]
        if alike or len(references) == 1:
            found.append((name, (alike or references)[0]))
    return found

"""Means over pictures with their 95 % confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.constants import OUTAGES
from moclink.results.intervals import clopper_pearson, half_width
from moclink.results.metrics import METRICS_BY_COLUMN, OUTAGE, is_number
from moclink.types import Row

# How an outage counts. "grey" or "mean": the mid-grey picture, or that of the original's mean colour,
# that the sweep scored it as. "exclude": not at all; means are over what was decoded, and the outage
# rate stands beside them.
OUTAGE_NOTES = {
    "grey": "outages as mid-grey",
    "mean": "outages as mean colour",
    "exclude": "outages left out",
}


@dataclass(frozen=True)
class Average:
    """Mean over images with its 95 % confidence interval.

    Attributes:
        snr_db: Es/N0 in dB.
        mean: Mean over images of the mean over trials.
        half_width: Half the interval, 0 where there is none.
        images: Number of images, 1 of random bits.
        limits: (low, high) of an outage rate, which is a proportion (Clopper and Pearson over
            images), and of error rates of random bits; half_width is then half of high - low. None
            where the interval is Student's t over images.
    """

    snr_db: float
    mean: float
    half_width: float
    images: int
    limits: tuple[float, float] | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """(low, high); None where it is not known, as of a single image."""
        if self.limits is not None or self.images < 2:
            return self.limits
        return self.mean - self.half_width, self.mean + self.half_width


def outage_note(rows: Sequence[Row], outage: str) -> str:
    """What a title says of outages; nothing if there are none."""
    return OUTAGE_NOTES[outage] if any(row.outage for row in rows) else ""


def image_means(
    rows: Sequence[Row], column: str, outage: str = OUTAGES[0]
) -> dict[float, dict[str, float]]:
    """Means over trials, SNR -> image -> mean, of one metric of one chain; see `average`."""
    cells: dict[float, dict[str, list[float]]] = {}
    for row in _counted(rows, column, outage):
        cells.setdefault(row.snr_db, {}).setdefault(row.image, []).append(getattr(row, column))
    ceiling = _ceiling(column)
    return {
        snr: {
            image: float(np.mean(np.minimum(trials, ceiling))) for image, trials in images.items()
        }
        for snr, images in sorted(cells.items())
    }


def average(rows: Sequence[Row], metric: str, outage: str = OUTAGES[0]) -> list[Average]:
    """Average one metric of one chain at each SNR: over trials first, then over images.

    Args:
        rows: Rows of one chain.
        metric: A column; rows where it is None or NaN are left out. An infinite PSNR counts as 100
            dB.
        outage: "grey" or "mean": outages count as they were scored. "exclude": quality of pictures
            is averaged over decoded cells only; an SNR without any is left out.

    Raises:
        ValueError: If `outage` is none of these.
    """
    counted = list(_counted(rows, metric, outage))
    return average_values(
        np.array([row.snr_db for row in counted], np.float64),
        number_images(row.image for row in counted),
        np.array([getattr(row, metric) for row in counted], np.float64),
        metric,
    )


def average_values(
    snrs: NDArray[np.float64], images: NDArray[np.intp], values: NDArray[np.float64], metric: str
) -> list[Average]:
    """Average values of one metric of one chain, see `average`.

    Args:
        snrs: Es/N0 in dB of each value, [n].
        images: Number of its image, [n]; means over images add up in this order.
        values: [n]; NaN is left out.
        metric: The column.
    """
    there = ~np.isnan(values)
    snrs, images = snrs[there], images[there]
    order = np.lexsort((images, snrs))  # trials stay as they come
    snrs, images = snrs[order], images[order]
    values = np.minimum(values[there][order], _ceiling(metric))
    if not len(values):
        return []
    new_snr = np.diff(snrs, prepend=np.nan) != 0
    starts = np.flatnonzero(new_snr | (np.diff(images, prepend=-1) != 0))
    trials = np.diff(starts, append=len(values))
    means = np.empty(len(starts))
    for count in np.unique(trials):  # as a rule all have as many
        own = trials == count
        means[own] = values[starts[own][:, None] + np.arange(count)].mean(axis=1)
    firsts = np.flatnonzero(new_snr[starts])
    return [
        _average_over_images(float(snrs[starts[first]]), part, metric)
        for first, part in zip(firsts, np.split(means, firsts[1:]), strict=True)
    ]


def _average_over_images(snr_db: float, means: NDArray[np.float64], metric: str) -> Average:
    mean, images = float(means.mean()), len(means)
    if metric != OUTAGE.column or images < 2:
        return Average(snr_db, mean, half_width(means), images)
    low, high = clopper_pearson(mean, images)
    return Average(snr_db, mean, (high - low) / 2, images, (low, high))


def number_images(names: Iterable[str]) -> NDArray[np.intp]:
    """A number for each name, the same for the same, in the order in which they first come."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.intp)


def _counted(rows: Sequence[Row], column: str, outage: str) -> Iterator[Row]:
    """Rows whose value counts in a mean."""
    if outage not in OUTAGES:
        raise ValueError(f"outage {outage!r}: there are {', '.join(OUTAGES)}")
    only_decoded = (
        outage == "exclude"
        and column in METRICS_BY_COLUMN
        and METRICS_BY_COLUMN[column].kind == "picture"
    )
    for row in rows:
        if is_number(getattr(row, column)) and not (only_decoded and row.outage):
            yield row


def _ceiling(column: str) -> float:
    """Values above count as this."""
    return METRICS_BY_COLUMN[column].ceiling if column in METRICS_BY_COLUMN else math.inf


def by_chain(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows of each chain, in the order in which the chains come."""
    chains: dict[str, list[Row]] = {}
    for row in rows:
        chains.setdefault(row.chain, []).append(row)
    return chains


def chosen_snrs(snrs: Sequence[float], most: int = 5) -> list[float]:
    """At most `most` of some SNRs: 0, 5, 10, 15, 20 dB if they are there, or else an even spread."""
    every = sorted(set(snrs))
    usual = [0.0, 5.0, 10.0, 15.0, 20.0]
    if len(every) <= most:
        return every
    if most == len(usual) and set(usual) <= set(every):
        return usual
    return [every[round(place)] for place in np.linspace(0, len(every) - 1, most)]

"""Means over pictures with their 95 % confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.constants import OUTAGES
from moclink.results.metrics import METRICS, is_number
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
        half_width: Half the interval, Student's t over images; 0 with a single image.
        images: Number of images.
    """

    snr_db: float
    mean: float
    half_width: float
    images: int


def half_width(values: NDArray[np.float64]) -> float:
    """Half the 95 % confidence interval of the mean of values [n], Student's t; 0 of a single value."""
    from scipy.special import stdtrit

    if len(values) < 2:
        return 0.0
    return float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / math.sqrt(len(values)))


def outage_note(rows: Sequence[Row], outage: str) -> str:
    """What a title says of outages; nothing if there are none."""
    return OUTAGE_NOTES[outage] if any(row.outage for row in rows) else ""


def image_means(
    rows: Sequence[Row], column: str, outage: str = OUTAGES[0]
) -> dict[float, dict[str, float]]:
    """Means over trials, SNR -> image -> mean, of one metric of one chain; see `average`."""
    if outage not in OUTAGES:
        raise ValueError(f"outage {outage!r}: there are {', '.join(OUTAGES)}")
    ceiling = METRICS[column].ceiling if column in METRICS else math.inf
    only_decoded = outage == "exclude" and column in METRICS and METRICS[column].kind == "picture"
    cells: dict[float, dict[str, list[float]]] = {}
    for row in rows:
        value = getattr(row, column)
        if is_number(value) and not (only_decoded and row.outage):
            cells.setdefault(row.snr_db, {}).setdefault(row.image, []).append(min(value, ceiling))
    return {
        snr: {image: float(np.mean(trials)) for image, trials in images.items()}
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
    averages = []
    for snr_db, images in image_means(rows, metric, outage).items():
        values = np.array(list(images.values()))
        averages.append(Average(snr_db, float(values.mean()), half_width(values), len(values)))
    return averages


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

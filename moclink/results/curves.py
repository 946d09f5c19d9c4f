"""Curves over SNR: one panel a metric, one curve a chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moclink.results.averages import Average, average
from moclink.results.names import SCHEME, chain_colour, display_name
from moclink.types import Row

PANELS = (
    ("psnr_db", "PSNR (dB)", False),
    ("ssim", "SSIM", False),
    ("lpips", "LPIPS (lower is better)", False),
    ("st_lpips", "ST-LPIPS (lower is better)", False),
)
ERROR_PANELS = (("ber", "bit error rate", True), ("bler", "block error rate", True))
RANDOM = "random-"
MARKERS = "osD^vP*X<>hd"
MOST_WITH_BANDS = 9  # curves; bands of more hide each other
FEWEST_FOR_BANDS = 5  # with fewer pictures Student's t makes bands that hide the curves; see summary.csv


def curves_figure(rows: Sequence[Row]) -> Figure:
    """Draw one panel a metric, one curve a chain.

    Args:
        rows: Results, at least one.
    """
    pictures = [row for row in rows if not row.chain.startswith(RANDOM)]
    bits = [row for row in rows if row.chain.startswith(RANDOM)]
    panels = [(p, pictures) for p in PANELS if any(getattr(r, p[0]) is not None for r in pictures)]
    panels += [(p, bits) for p in ERROR_PANELS if any(getattr(r, p[0]) is not None for r in bits)]
    figure = Figure(figsize=(4.4 * len(panels), 4.3), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)
    for axis, ((metric, label, log), subset) in zip(axes[0], panels, strict=True):
        _panel(axis, subset, metric)
        axis.set_xlabel("SNR, $E_s/N_0$ (dB)")
        axis.set_ylabel(label)
        if log:
            axis.set_yscale("log")
    images, chains = len({row.image for row in pictures}), len({row.chain for row in pictures})
    if images:
        shaded = images >= FEWEST_FOR_BANDS and chains <= MOST_WITH_BANDS
        bands = ", 95 % confidence bands" if shaded else ""
        title = f"mean over {images} pictures{bands}" if images > 1 else next(iter(pictures)).image
        figure.suptitle(title, fontsize=9, color="0.35")
    _legend(figure, axes[0])
    return figure


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """One legend for all panels, below them."""
    entries: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    longest = max((len(label) for label in entries), default=0) + 6  # letters, with the line beside them
    fitting = int(13 * figure.get_figwidth() / longest)  # 13 letters of this size stand on an inch
    columns = max(1, min(5, 2 * len(axes), len(entries), fitting))
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=columns)


def _panel(axis: Axes, rows: Sequence[Row], metric: str) -> None:
    chains = list(dict.fromkeys(row.chain for row in rows))
    curves = {name: average([r for r in rows if r.chain == name], metric) for name in chains}
    for place, (name, curve) in enumerate(curves.items()):
        # An error rate of nought is not zero: too few bits were sent to see one.
        points = [p for p in curve if p.mean > 0] if metric in {"ber", "bler"} else curve
        if points:
            _curve(axis, points, name, place, bands=len(chains) <= MOST_WITH_BANDS)
    for codec, schemes in families(chains).items():
        best = envelope([curves[name] for name in schemes], best=min if "lpips" in metric else max)
        if best and metric in {m for m, _, _ in PANELS}:
            colour, label = chain_colour(codec, 0), f"{codec.upper()}, best of {len(schemes)} schemes"
            axis.plot(*zip(*best, strict=True), color=colour, lw=4, alpha=0.3, label=label)


def _curve(axis: Axes, points: Sequence[Average], name: str, place: int, bands: bool) -> None:
    x = np.array([p.snr_db for p in points])
    mean, half = np.array([p.mean for p in points]), np.array([p.half_width for p in points])
    axis.plot(
        x,
        mean,
        "--" if name.endswith("-capacity") else ":" if name.endswith("-hard") else "-",
        color=chain_colour(name, place),
        marker=MARKERS[place % len(MARKERS)],
        markevery=max(1, len(x) // 9),
        label=display_name(name),
    )
    if bands and half.any() and min(p.images for p in points) >= FEWEST_FOR_BANDS:
        axis.fill_between(x, mean - half, mean + half, color=chain_colour(name, place), alpha=0.1, lw=0)


def families(chains: Sequence[str]) -> dict[str, list[str]]:
    """Codec -> its chains of several modulations and rates; codecs with one are left out."""
    families: dict[str, list[str]] = {}
    for name in chains:
        match = SCHEME.match(name)
        if match and not name.startswith(RANDOM):
            families.setdefault(match["codec"], []).append(name)
    return {codec: names for codec, names in families.items() if len(names) > 1}


def envelope(curves: Sequence[Sequence[Average]], best) -> list[tuple[float, float]]:  # noqa: ANN001
    """The best mean at each SNR."""
    at: dict[float, list[float]] = {}
    for curve in curves:
        for point in curve:
            at.setdefault(point.snr_db, []).append(point.mean)
    return [(snr, best(means)) for snr, means in sorted(at.items())]

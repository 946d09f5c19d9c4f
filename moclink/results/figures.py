"""Figures from stored results alone: python -m moclink.figures DIR [DIR...].

Several folders are drawn together, say one run of all chains at a few SNRs and one of the classical
chains at many; the figures are written into the first.

curves.png shows every measured metric over SNR with 95 % confidence intervals over images; where a
run holds several modulations and rates of one codec, also the envelope of the best at each SNR.
gallery.png shows one picture across chains and SNRs.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from moclink.results.averages import Average, average
from moclink.results.names import SCHEME, chain_colour, display_name, short_name
from moclink.results.store import RunFolderError, read_parameters, read_rows, read_shown
from moclink.types import Row, Shown

PANELS = (
    ("psnr_db", "PSNR (dB)", False),
    ("ssim", "SSIM", False),
    ("lpips", "LPIPS (lower is better)", False),
    ("st_lpips", "ST-LPIPS (lower is better)", False),
)
ERROR_PANELS = (("ber", "bit error rate", True), ("bler", "block error rate", True))
RANDOM = "random-"
STYLE: Any = {
    "font.family": "serif",
    "font.size": 9,
    "axes.grid": True,
    "grid.color": "0.88",
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "legend.fontsize": 8,
    "legend.frameon": False,
}
MARKERS = "osD^vP*X<>hd"
MOST_WITH_BANDS = 9  # curves; bands of more hide each other
FEWEST_FOR_BANDS = 5  # with fewer pictures Student's t makes bands that hide the curves; see summary.csv


def draw(folder: str | Path, *others: str | Path) -> list[Path]:
    """Draw every figure that the stored results of a run, or of several, allow.

    Args:
        folder: A run folder; the figures are written there.
        others: Further run folders.

    Returns:
        The files written.

    Raises:
        RunFolderError: If a folder holds no results.
    """
    rows, shown = _read((folder, *others))
    written = []
    with matplotlib.rc_context(STYLE):
        if rows:
            written.append(draw_curves(rows, Path(folder) / "curves.png"))
        if any(s.chain != "original" for s in shown):
            written.append(draw_gallery(rows, shown, Path(folder) / "gallery.png"))
    return written


def _check_alike(one: str | Path, other: str | Path) -> None:
    """Raise RunFolderError unless the rows of two runs may stand in one figure."""
    first, second = read_parameters(one), read_parameters(other)
    shared = set(first["chains"]) & set(second["chains"])
    for name in ("images", "channel", *(("match", "code", "receiver") if shared else ())):
        if first.get(name) != second.get(name):
            common = f", and both have {min(shared)}" if shared else ""
            raise RunFolderError(
                f"{one} and {other} were run with different {name}{common}; draw them one by one"
            )


def _read(folders: Sequence[str | Path]) -> tuple[list[Row], list[Shown]]:
    """Rows and pictures of all folders; of a cell that several have, the first folder's."""
    for other in folders[1:]:
        _check_alike(folders[0], other)
    rows: dict[Any, Row] = {}
    shown: dict[Any, Shown] = {}
    for folder in folders:
        for row in read_rows(folder):
            rows.setdefault((row.chain, row.image, row.snr_db, row.trial), row)
        for picture in read_shown(folder):
            shown.setdefault((picture.chain, picture.image, picture.snr_db), picture)
    return list(rows.values()), list(shown.values())


@dataclass(frozen=True)
class PaperFigure:
    """A figure of the paper, remade from a run.

    Attributes:
        chains: Pattern of the chains it shows.
        snrs: SNRs in dB of a picture gallery; empty for curves.
    """

    chains: str
    snrs: tuple[float, ...] = ()


PAPER = {
    "fig3": PaperFigure(r"moc-rvq(-perceptual)?-l\d|jscc-96|(jpeg|bpg)-ldpc(-.*)?"),
    "fig4": PaperFigure(r"moc-rvq-l4(-.*)?"),
    "fig5": PaperFigure(
        r"moc-rvq-l4(-no-nrb-no-cr)?|moc-rvq-perceptual-l4|(jpeg|bpg)-ldpc", (0.0, 5.0, 10.0, 20.0)
    ),
}


def draw_paper(name: str, folder: str | Path, *others: str | Path) -> Path:
    """Draw Fig. 3 (all schemes over SNR), 4 (ablation) or 5 (pictures) of the paper from runs.

    Args:
        name: "fig3", "fig4" or "fig5".
        folder: A run folder; the figure is written there.
        others: Further run folders.

    Returns:
        The file written, DIR/NAME.png.

    Raises:
        RunFolderError: If the runs hold none of the chains or SNRs that the figure shows.
    """
    wanted, path = PAPER[name], Path(folder) / f"{name}.png"
    every_row, every_picture = _read((folder, *others))
    rows = [row for row in every_row if re.fullmatch(wanted.chains, row.chain)]
    chains = {row.chain for row in rows}
    shown = [s for s in every_picture if s.chain == "original" or s.chain in chains]
    if wanted.snrs:
        shown = [s for s in shown if s.chain == "original" or s.snr_db in wanted.snrs]
    if not rows or (wanted.snrs and all(s.chain == "original" for s in shown)):
        needs = f" at {', '.join(f'{snr:g}' for snr in wanted.snrs)} dB" if wanted.snrs else ""
        raise RunFolderError(f"{folder} holds no results of {wanted.chains}{needs}, which {name} shows")
    with matplotlib.rc_context(STYLE):
        return draw_gallery(rows, shown, path) if wanted.snrs else draw_curves(rows, path)


def draw_curves(rows: Sequence[Row], path: Path) -> Path:
    """Draw one panel a metric, one curve a chain.

    Args:
        rows: Results.
        path: The PNG file to write.
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
    figure.savefig(path, dpi=200)
    return path


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
    for codec, schemes in _families(chains).items():
        envelope = _envelope([curves[name] for name in schemes], best=min if "lpips" in metric else max)
        if envelope and metric in {m for m, _, _ in PANELS}:
            colour, label = chain_colour(codec, 0), f"{codec.upper()}, best of {len(schemes)} schemes"
            axis.plot(*zip(*envelope, strict=True), color=colour, lw=4, alpha=0.3, label=label)


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


def _families(chains: Sequence[str]) -> dict[str, list[str]]:
    """Codec -> its chains of several modulations and rates; codecs with one are left out."""
    families: dict[str, list[str]] = {}
    for name in chains:
        match = SCHEME.match(name)
        if match and not name.startswith(RANDOM):
            families.setdefault(match["codec"], []).append(name)
    return {codec: names for codec, names in families.items() if len(names) > 1}


def _envelope(curves: Sequence[Sequence[Average]], best) -> list[tuple[float, float]]:  # noqa: ANN001
    """The best mean at each SNR."""
    at: dict[float, list[float]] = {}
    for curve in curves:
        for point in curve:
            at.setdefault(point.snr_db, []).append(point.mean)
    return [(snr, best(means)) for snr, means in sorted(at.items())]


def draw_gallery(rows: Sequence[Row], shown: Sequence[Shown], path: Path) -> Path:
    """Draw one picture: a line a chain, a column an SNR, the PSNR of the whole picture below each.

    Args:
        rows: Results.
        shown: Pictures kept by the sweep.
        path: The PNG file to write.
    """
    original = next((s for s in shown if s.chain == "original"), None)
    received = {(s.chain, s.snr_db): s for s in shown if s.chain != "original"}
    chains = [c for c in dict.fromkeys(r.chain for r in rows) if any(c == k for k, _ in received)]
    snrs = sorted({snr for _, snr in received})
    psnr = {(r.chain, r.image, r.snr_db): r.psnr_db for r in rows if r.trial == 0}
    width, height = _pixels(next(iter(received.values()))).size
    tall = 1.75 * height / width + 0.24
    figure = Figure(figsize=(1.75 * (len(snrs) + 1) + 0.2, tall * len(chains) + 0.3), layout="constrained")
    grid = figure.add_gridspec(len(chains), len(snrs) + 1)
    if original:
        _picture(figure.add_subplot(grid[:, 0]), original, "original", "")
    for line, chain in enumerate(chains):
        for column, snr in enumerate(snrs, 1):
            axis = figure.add_subplot(grid[line, column])
            if (chain, snr) in received:
                picture = received[chain, snr]
                value = psnr.get((chain, picture.image, snr))
                title = f"{snr:g} dB SNR" if line == 0 else ""
                _picture(axis, picture, title, "" if value is None else f"{value:.2f} dB")
            else:
                axis.set_axis_off()
            if column == 1:
                axis.set_ylabel(short_name(chain), fontsize=8, weight="bold")
    figure.savefig(path, dpi=200)
    return path


def _picture(axis: Axes, shown: Shown, title: str, caption: str) -> None:
    axis.imshow(_pixels(shown))
    axis.set_title(title, fontsize=8)
    axis.set_xlabel(caption, fontsize=7, labelpad=2)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def _pixels(shown: Shown) -> Image.Image:
    return Image.open(io.BytesIO(shown.png))

"""Figures from stored results alone: python -m moclink.figures DIR [DIR...].

Several folders are drawn together, say one run of all chains at a few SNRs and one of the classical
chains at many; the figures are written into the first.

curves.png shows every measured metric over SNR with 95 % confidence intervals over images; where a
run holds several modulations and rates of one codec, also the envelope of the best at each SNR.
gallery.png shows one picture across chains and SNRs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from moclink.results.curves import curves_figure
from moclink.results.gallery import gallery_figure
from moclink.results.store import RunFolderError, read_parameters, read_rows, read_shown
from moclink.types import Row, Shown

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
    rows, shown = read_runs((folder, *others))
    written = []
    with matplotlib.rc_context(STYLE):
        if rows:
            written.append(_save(curves_figure(rows), Path(folder) / "curves.png"))
        if any(s.chain != "original" for s in shown):
            written.append(_save(gallery_figure(rows, shown), Path(folder) / "gallery.png"))
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


def read_runs(folders: Sequence[str | Path]) -> tuple[list[Row], list[Shown]]:
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
    every_row, every_picture = read_runs((folder, *others))
    rows = [row for row in every_row if re.fullmatch(wanted.chains, row.chain)]
    chains = {row.chain for row in rows}
    shown = [s for s in every_picture if s.chain == "original" or s.chain in chains]
    if wanted.snrs:
        shown = [s for s in shown if s.chain == "original" or s.snr_db in wanted.snrs]
    if not rows or (wanted.snrs and all(s.chain == "original" for s in shown)):
        needs = f" at {', '.join(f'{snr:g}' for snr in wanted.snrs)} dB" if wanted.snrs else ""
        raise RunFolderError(f"{folder} holds no results of {wanted.chains}{needs}, which {name} shows")
    with matplotlib.rc_context(STYLE):
        return _save(gallery_figure(rows, shown) if wanted.snrs else curves_figure(rows), path)


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=200)
    return path

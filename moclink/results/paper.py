"""The figures of the paper, reproduced from stored results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moclink.results.curves import curves_figure
from moclink.results.figures import DPI, Choices, Drawn, choose_gallery, save
from moclink.results.gallery import gallery_figure
from moclink.results.names import base_name, snr_text
from moclink.results.selection import choose_rows, read_runs
from moclink.results.store import RunFolderError, read_parameters


@dataclass(frozen=True)
class PaperFigure:
    """A figure of the paper, reproduced from a run.

    Attributes:
        chains: Pattern of the chains it shows.
        names: The same in words.
        snrs: SNRs in dB of a picture gallery; empty for curves.
    """

    chains: str
    names: str
    snrs: tuple[float, ...] = ()


PAPER = {
    "fig3": PaperFigure(
        r"moc-rvq(-perceptual)?-l\d|jscc-(96|16|96-paper)|softcast"
        r"|(jpeg|bpg|lapped(-restored|-perceptual)?)-(ldpc(-.*)?|capacity)"
        r"|(moc-rvq|hybrid|jscc)-adaptive(-perceptual)?",
        "moc-rvq-l1 to -l4, moc-rvq-perceptual-l1 to -l4, jscc-96-paper, jscc-96, jscc-16, softcast, "
        "jpeg-ldpc, bpg-ldpc or adaptive chains",
    ),
    "fig4": PaperFigure(r"moc-rvq-l4(-.*)?", "moc-rvq-l4 or its variants (moc-rvq-l4-no-nrb, ...)"),
    "fig5": PaperFigure(
        r"moc-rvq-l4(-no-nrb-no-cr)?|moc-rvq-perceptual-l4|(jpeg|bpg)-ldpc",
        "moc-rvq-l4, moc-rvq-l4-no-nrb-no-cr, moc-rvq-perceptual-l4, jpeg-ldpc or bpg-ldpc",
        (0.0, 5.0, 10.0, 20.0),
    ),
}


def draw_paper(name: str, folder: str | Path, *others: str | Path, **choices: Any) -> Drawn:
    """Draw Fig. 3 (all schemes over SNR), 4 (ablation) or 5 (pictures) of the paper from runs.

    Args:
        name: "fig3", "fig4" or "fig5".
        folder: A run folder.
        others: Further run folders.
        choices: Attributes of `moclink.results.figures.Choices`.

    Returns:
        The files written, and why not if none was.

    Raises:
        RunFolderError: If the runs hold none of the chains or SNRs that the figure shows.
        ValueError: If what is chosen is not there.
    """
    figure, wanted = PAPER[name], Choices(**choices)
    snrs = list(figure.snrs) or wanted.snrs
    folders = (folder, *others)
    there = (name for each in folders for name in read_parameters(each).get("chains", ()))
    own = [name for name in there if re.fullmatch(figure.chains, base_name(name))]
    every_row, every_picture = read_runs(folders, wanted.chains or own)
    rows = [r for r in every_row if re.fullmatch(figure.chains, base_name(r.chain))]
    rows = choose_rows(rows, wanted.chains) if rows else []
    gallery = choose_gallery(every_picture, rows, snrs)
    if not rows or (figure.snrs and all(s.chain == "original" for s in gallery)):
        kind = "pictures" if figure.snrs else "results"
        needs = f" at {', '.join(snr_text(snr) for snr in figure.snrs)} dB" if figure.snrs else ""
        raise RunFolderError(
            f"{folder} holds no {kind} of {figure.names}{needs}, which {name} shows"
        )
    options, dpi, drawn = wanted.options(folder, rows), DPI[wanted.style], Drawn()
    if figure.snrs:
        save(
            drawn,
            name,
            folder,
            wanted,
            lambda: gallery_figure(rows, gallery, options, wanted.picture, dpi),
        )
    else:
        curves = choose_rows(rows, snrs=snrs)
        save(drawn, name, folder, wanted, lambda: curves_figure(curves, options))
    return drawn

"""Figure files from stored results.

curves.png shows every measured metric over SNR; where a run holds several modulations and rates of
one codec at the same bandwidth ratio, also the envelope of the best at each SNR. gallery.png shows
one picture across chains and SNRs. rates-10dB.png shows quality over the channel bandwidth ratio.
Several folders are drawn together, say one run of all chains at a few SNRs and one of the classical
chains at many.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from moclink import __version__
from moclink.atomic_files import atomic_write
from moclink.constants import OUTAGES
from moclink.results.curves import curves_figure
from moclink.results.gallery import gallery_figure
from moclink.results.metrics import choose_metrics, measured
from moclink.results.names import printable, snr_text
from moclink.results.panels import FigureError
from moclink.results.rate_curves import rate_figure
from moclink.results.selection import choose_outage, choose_rows, conditions, read_runs
from moclink.results.store import read_parameters
from moclink.results.style import STYLES, FigureOptions
from moclink.types import GalleryPicture, Row

FORMATS = ("png", "pdf", "svg")
DPI = {"screen": 200, "ieee": 300}


@dataclass(frozen=True)
class Drawn:
    """What came of drawing.

    Attributes:
        files: The files written.
        problems: A line for each figure that could not be drawn.
    """

    files: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Choices:
    """What is drawn, and how.

    Attributes:
        out: Folder for the figures; None for the first run folder.
        chains: Chains to show, a comma-separated list or a sequence; None for all.
        snrs: SNRs in dB to show; None for all.
        picture: Picture that the gallery shows; None for the first.
        formats: Some of `FORMATS`.
        style: A key of `STYLES`.
        rates: SNRs in dB at which rate curves are drawn.
        metrics: Metrics of the curves; None for all that were measured.
        outage: How outages count, see `moclink.constants.OUTAGES`; None for as the run says.
    """

    out: str | Path | None = None
    chains: str | Sequence[str] | None = None
    snrs: Sequence[float] | None = None
    picture: str | None = None
    formats: Sequence[str] = ("png",)
    style: str = "screen"
    rates: Sequence[float] = ()
    metrics: Sequence[str] | None = None
    outage: str | None = None

    def __post_init__(self) -> None:
        for value in self.formats:
            if value not in FORMATS:
                raise ValueError(f"format {value!r}: there are {', '.join(FORMATS)}")
        if not self.formats:
            raise ValueError(f"no format is named; there are {', '.join(FORMATS)}")
        if self.style not in STYLES:
            raise ValueError(f"style {self.style!r}: there are {', '.join(STYLES)}")
        if self.outage not in (None, *OUTAGES):
            raise ValueError(f"outage {self.outage!r}: there are {', '.join(OUTAGES)}")

    def options(self, folder: str | Path, rows: Sequence[Row]) -> FigureOptions:
        """What the figures of a run share that show these rows."""
        parameters = read_parameters(folder)
        note = conditions(parameters, {row.chain for row in rows})
        channel, outage = str(parameters.get("channel", "")), choose_outage(parameters, self.outage)
        return FigureOptions(self.style, note, channel, self.metrics, outage)


def draw(folder: str | Path, *others: str | Path, **choices: Any) -> Drawn:
    """Draw every figure that the stored results of a run, or of several, allow.

    Args:
        folder: A run folder.
        others: Further run folders.
        choices: Attributes of `Choices`.

    Returns:
        The files written, and a line for each figure that could not be drawn.

    Raises:
        RunFolderError: If a folder holds no results.
        ValueError: If what is chosen is not there.
    """
    wanted = Choices(**choices)
    every_row, every_picture = read_runs((folder, *others), wanted.chains)
    rows = choose_rows(every_row, wanted.chains, wanted.snrs)
    gallery = choose_gallery(every_picture, rows, wanted.snrs)
    options = wanted.options(folder, rows)
    _check(wanted, rows, every_row, gallery)
    drawn = Drawn()
    if rows:
        save(drawn, "curves", folder, wanted, lambda: curves_figure(rows, options))
    if any(s.chain != "original" for s in gallery):
        make = partial(gallery_figure, rows, gallery, options, wanted.picture, DPI[wanted.style])
        save(drawn, "gallery", folder, wanted, make)
    for snr in wanted.rates:
        at = choose_rows(every_row, wanted.chains, [snr])
        save(
            drawn,
            f"rates-{snr_text(snr)}dB",
            folder,
            wanted,
            partial(rate_figure, at, snr, options),
        )
    return drawn


def _check(
    wanted: Choices,
    rows: Sequence[Row],
    every_row: Sequence[Row],
    gallery: Sequence[GalleryPicture],
) -> None:
    """Raise ValueError if what is chosen is not there, before anything is drawn."""
    if wanted.metrics is not None:
        choose_metrics(wanted.metrics, measured(rows))
    if wanted.picture is not None:
        kept = list(dict.fromkeys(s.image for s in gallery if s.chain != "original"))
        if wanted.picture not in kept:
            names = ", ".join(map(printable, kept)) or "no picture"
            raise ValueError(f"--picture {wanted.picture}: received pictures were kept of {names}")
    for snr in wanted.rates:
        choose_rows(every_row, wanted.chains, [snr])


def choose_gallery(
    gallery: Sequence[GalleryPicture], rows: Sequence[Row], snrs: Sequence[float] | None
) -> list[GalleryPicture]:
    """Originals, and what was kept of the chains of some rows at the chosen SNRs."""
    chains = {row.chain for row in rows}
    return [
        s
        for s in gallery
        if s.chain == "original"
        or (s.chain in chains and (snrs is None or any(abs(s.snr_db - snr) < 1e-9 for snr in snrs)))
    ]


def save(
    drawn: Drawn, name: str, folder: str | Path, wanted: Choices, make: Callable[[], Figure]
) -> None:
    """Draw a figure and write it in each format, or note why not: one that fails never stops the others."""
    out = Path(wanted.out or folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with STYLES[wanted.style].context(), warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # characters that a font lacks are drawn as boxes
            figure = make()
            figure.draw_without_rendering()  # tick labels move panels: lay them out twice
            for form in wanted.formats:
                path = out / f"{name}.{form}"
                with atomic_write(path) as part:
                    mark = {"Software": f"moclink {__version__}"} if form == "png" else None
                    figure.savefig(part, format=form, dpi=DPI[wanted.style], metadata=mark)
                drawn.files.append(path)
    except FigureError as error:
        drawn.problems.append(f"{name} is not drawn: {error}")
    except OSError as error:
        reason = error.strerror or str(error)
        place = printable(str(out))
        drawn.problems.append(
            f"{name} cannot be written to {place} ({reason}); choose another --out"
        )
    except Exception as error:  # whatever Matplotlib makes of odd data: what else there is appears
        reason = str(error).splitlines()[0] if str(error) else ""
        drawn.problems.append(f"{name} cannot be drawn ({type(error).__name__}: {reason})")

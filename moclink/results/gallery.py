"""The gallery: one picture as the chains received it."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from moclink.constants import LEAST_GALLERY_SIDE
from moclink.results.bandwidth import cbr_note, chain_labels
from moclink.results.metrics import METRICS_BY_COLUMN, is_number, measured
from moclink.results.names import printable, short_name, snr_text, wrapped
from moclink.results.panels import FigureError, add_title, plain
from moclink.results.style import PLAIN, STYLES, FigureOptions
from moclink.types import GalleryPicture, Row

PICTURE_WIDTH = 1.75  # inches
TALLEST = 2.6  # inches; a picture that would be taller is narrower
LONGEST_SIDES = 12  # a picture's sides differ by at most this factor
MOST_PIXELS = 16_000  # a side of the figure
FEWEST_FOR_GRID = 3  # chains at one SNR; more fill a grid
MOST_COLUMNS = 6  # of a grid


def gallery_figure(
    rows: Sequence[Row],
    gallery: Sequence[GalleryPicture],
    options: FigureOptions = PLAIN,
    picture: str | None = None,
    dpi: int = 200,
) -> Figure:
    """Draw one picture as it was received, with its own PSNR below and the bandwidth that it took.

    One line per chain and one column per SNR; at a single SNR the chains fill a grid.

    Args:
        rows: Results.
        gallery: Pictures kept by the sweep.
        options: Style and conditions.
        picture: Name of the picture; None for the first that is large enough to see something.
        dpi: Pixels an inch, which bound the size.

    Raises:
        FigureError: If there is nothing to show, or the figure would be too large.
    """
    received = {
        (s.chain, s.snr_db): s for s in _select_picture(gallery, picture) if s.chain != "original"
    }
    name = next(iter(received.values())).image
    rows = [row for row in rows if row.image == name]
    original = next((s for s in gallery if s.chain == "original" and s.image == name), None)
    chains = [c for c in dict.fromkeys(r.chain for r in rows) if any(c == k for k, _ in received)]
    snrs = sorted({snr for _, snr in received})
    if not chains:
        raise FigureError(f"no pictures of these chains were kept of {printable(name)}")
    labels = {
        chain: label.replace("CBR ", "CBR\u00a0").replace("MCS ", "MCS\u00a0")
        for chain, label in chain_labels(rows, short_name).items()
    }
    sheet = _Sheet(received, original, _captions(rows), labels)
    draw = _draw_grid if len(snrs) == 1 and len(chains) > FEWEST_FOR_GRID else _draw_lines
    figure = draw(sheet, chains, snrs, options, dpi)
    at = [f"{snr_text(snrs[0])} dB SNR"] if draw is _draw_grid else []
    add_title(figure, [printable(name), *at, options.note, cbr_note(rows)])
    return figure


@dataclass(frozen=True)
class _Sheet:
    """What a gallery shows: received pictures and captions by chain and SNR, labels by chain."""

    received: dict[tuple[str, float], GalleryPicture]
    original: GalleryPicture | None
    captions: dict[tuple[str, float], str]
    labels: dict[str, str]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its pictures in pixels."""
        return _pixels(next(iter(self.received.values()))).size


def _draw_lines(
    sheet: _Sheet, chains: Sequence[str], snrs: Sequence[float], options: FigureOptions, dpi: int
) -> Figure:
    """One line per chain, one column per SNR."""
    figure = _figure(sheet.size, len(chains), len(snrs) + 1, 0, options, dpi)
    grid = figure.add_gridspec(len(chains), len(snrs) + 1)
    if sheet.original:
        _picture(figure.add_subplot(grid[0, 0]), sheet.original, "original", "")
    for line, chain in enumerate(chains):
        for column, snr in enumerate(snrs, 1):
            axis = figure.add_subplot(grid[line, column])
            if (chain, snr) in sheet.received:
                title = f"{snr_text(snr)} dB SNR" if line == 0 else ""
                caption = sheet.captions.get((chain, snr), "")
                _picture(axis, sheet.received[chain, snr], title, caption)
            else:
                axis.set_xticks([])
                axis.set_yticks([])
                axis.spines[:].set_visible(False)
            if column == 1:
                label = wrapped(sheet.labels[chain])
                plain(axis.set_ylabel(label, fontsize=8, weight="bold"))
    return figure


def _draw_grid(
    sheet: _Sheet, chains: Sequence[str], snrs: Sequence[float], options: FigureOptions, dpi: int
) -> Figure:
    """Chains beside and below each other at one SNR, the original first."""
    titles = [wrapped(sheet.labels[chain], 20) for chain in chains]
    cells = [(sheet.original, "original", "")] if sheet.original else []
    cells += [
        (sheet.received[chain, snrs[0]], title, sheet.captions.get((chain, snrs[0]), ""))
        for chain, title in zip(chains, titles, strict=True)
    ]
    width, height = sheet.size
    columns = min(len(cells), MOST_COLUMNS, math.ceil(math.sqrt(len(cells) * height / width) + 1))
    lines = -(-len(cells) // columns)
    above = 0.14 * max(title.count("\n") + 1 for title in titles)
    figure = _figure(sheet.size, lines, columns, above, options, dpi)
    for place, (one, title, caption) in enumerate(cells):
        axis = figure.add_subplot(lines, columns, place + 1)
        _picture(axis, one, title, caption)
        axis.title.set_fontweight("bold" if one is not sheet.original else "normal")
    return figure


def _select_picture(gallery: Sequence[GalleryPicture], name: str | None) -> list[GalleryPicture]:
    """What was kept of one picture."""
    sizes: dict[str, int] = {}
    for s in gallery:
        if s.chain != "original" and s.image not in sizes:
            sizes[s.image] = min(*_pixels(s).size, LEAST_GALLERY_SIDE)
    names = list(sizes)
    if not names:
        raise FigureError("no received pictures were kept of these chains at these SNRs")
    if name is not None and name not in names:
        kept = ", ".join(map(printable, names))
        raise FigureError(f"of {printable(name)} no received pictures were kept, but of {kept}")
    chosen = max(names, key=lambda each: sizes[each]) if name is None else name
    return [s for s in gallery if s.image == chosen]


def _figure(
    size: tuple[int, int], lines: int, columns: int, above: float, options: FigureOptions, dpi: int
) -> Figure:
    """An empty figure for lines of pictures, and `above` inches over each line.

    Raises:
        FigureError: If it would be too large, or a picture too thin to be seen.
    """
    width, height = size
    if max(size) > LONGEST_SIDES * min(size):
        raise FigureError(f"a picture of {width} x {height} pixels is too thin to show")
    total = STYLES[options.style].gallery_width or PICTURE_WIDTH * columns + 0.2
    each = (total - 0.2) / columns
    tall = min(each * height / width, TALLEST * each / PICTURE_WIDTH) + 0.24 + above
    figsize = total, tall * lines + 0.5
    if max(figsize) * dpi > MOST_PIXELS:
        pixels = " x ".join(f"{side * dpi:.0f}" for side in figsize)
        raise FigureError(
            f"{lines} lines of {columns} pictures make {pixels} pixels; choose fewer by --chains or --snr"
        )
    return Figure(figsize=figsize, layout="constrained")


def _captions(rows: Sequence[Row]) -> dict[tuple[str, float], str]:
    """The caption of a picture: its PSNR, or else the first metric there is, or that it is an outage."""
    metric = next(iter(measured(rows, "picture")), METRICS_BY_COLUMN["psnr_db"])
    captions = {}
    for row in rows:
        value = getattr(row, metric.column)
        text = metric.text(value) if is_number(value) else ""
        if text:
            text = f"{text} dB" if metric.column == "psnr_db" else f"{metric.label} {text}"
        if row.trial == 0:
            captions[row.chain, row.snr_db] = "outage" if row.outage else text
    return captions


def _picture(axis: Axes, picture: GalleryPicture, title: str, caption: str) -> None:
    axis.imshow(_pixels(picture))
    plain(axis.set_title(title, fontsize=8))
    axis.set_xlabel(caption, fontsize=7, labelpad=2)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def _pixels(picture: GalleryPicture) -> Image.Image:
    return Image.open(io.BytesIO(picture.png))

"""The gallery: one picture as the chains received it."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from moclink.results.bandwidth import cbr_note, chain_labels
from moclink.results.metrics import METRICS, is_number, measured
from moclink.results.names import printable, short_name, wrapped
from moclink.results.panels import FigureError, add_title, plain
from moclink.results.style import PLAIN, STYLES, FigureOptions
from moclink.types import Row, Shown

PICTURE_WIDTH = 1.75  # inches
TALLEST = 2.6  # inches; a picture that would be taller is narrower
LONGEST_SIDES = 12  # a picture's sides differ by at most this factor
MOST_PIXELS = 16_000  # a side of the figure


def gallery_figure(
    rows: Sequence[Row],
    shown: Sequence[Shown],
    options: FigureOptions = PLAIN,
    picture: str | None = None,
    dpi: int = 200,
) -> Figure:
    """Draw one picture: a line a chain, a column an SNR, the PSNR of the whole picture below each.

    Args:
        rows: Results.
        shown: Pictures kept by the sweep.
        options: Style and conditions.
        picture: Name of the picture; None for the first.
        dpi: Pixels an inch, which bound the size.

    Raises:
        FigureError: If there is nothing to show, or the figure would be too large.
    """
    received = {
        (s.chain, s.snr_db): s for s in _of_one_picture(shown, picture) if s.chain != "original"
    }
    name = next(iter(received.values())).image
    original = next((s for s in shown if s.chain == "original" and s.image == name), None)
    chains = [c for c in dict.fromkeys(r.chain for r in rows) if any(c == k for k, _ in received)]
    snrs = sorted({snr for _, snr in received})
    if not chains:
        raise FigureError(f"no pictures of these chains were kept of {printable(name)}")
    figure = _sheet(
        _pixels(next(iter(received.values()))).size, len(chains), len(snrs), options, dpi
    )
    grid = figure.add_gridspec(len(chains), len(snrs) + 1)
    if original:
        _picture(figure.add_subplot(grid[0, 0]), original, "original", "")
    captions, labels = _captions(rows), chain_labels(rows, short_name)
    for line, chain in enumerate(chains):
        for column, snr in enumerate(snrs, 1):
            axis = figure.add_subplot(grid[line, column])
            if (chain, snr) in received:
                title = f"{snr:g} dB SNR" if line == 0 else ""
                _picture(axis, received[chain, snr], title, captions.get((chain, name, snr), ""))
            else:
                axis.set_xticks([])
                axis.set_yticks([])
                axis.spines[:].set_visible(False)
            if column == 1:
                label = wrapped(labels[chain].replace("CBR ", "CBR\u00a0"))
                plain(axis.set_ylabel(label, fontsize=8, weight="bold"))
    add_title(figure, [printable(name), options.note, cbr_note(rows)])
    return figure


def _of_one_picture(shown: Sequence[Shown], name: str | None) -> list[Shown]:
    """What was kept of one picture."""
    names = list(dict.fromkeys(s.image for s in shown if s.chain != "original"))
    if not names:
        raise FigureError("no received pictures were kept of these chains at these SNRs")
    if name is not None and name not in names:
        kept = ", ".join(map(printable, names))
        raise FigureError(f"of {printable(name)} no received pictures were kept, but of {kept}")
    return [s for s in shown if s.image == (names[0] if name is None else name)]


def _sheet(
    size: tuple[int, int], lines: int, columns: int, options: FigureOptions, dpi: int
) -> Figure:
    """An empty figure for the pictures.

    Raises:
        FigureError: If it would be too large, or a picture too thin to be seen.
    """
    width, height = size
    if max(size) > LONGEST_SIDES * min(size):
        raise FigureError(f"a picture of {width} x {height} pixels is too thin to show")
    total = STYLES[options.style].gallery_width or PICTURE_WIDTH * (columns + 1) + 0.2
    each = (total - 0.2) / (columns + 1)
    tall = min(each * height / width, TALLEST * each / PICTURE_WIDTH) + 0.24
    figsize = total, tall * lines + 0.5
    if max(figsize) * dpi > MOST_PIXELS:
        pixels = " x ".join(f"{side * dpi:.0f}" for side in figsize)
        raise FigureError(
            f"{lines} chains at {columns} SNRs would make {pixels} pixels; choose fewer by --chains or --snr"
        )
    return Figure(figsize=figsize, layout="constrained")


def _captions(rows: Sequence[Row]) -> dict[tuple[str, str, float], str]:
    """The caption of a picture: its PSNR, or else the first metric there is, or that it is an outage."""
    metric = next(iter(measured(rows, "picture")), METRICS["psnr_db"])
    captions = {}
    for row in rows:
        value = getattr(row, metric.column)
        text = metric.text(value) if is_number(value) else ""
        if text:
            text = f"{text} dB" if metric.column == "psnr_db" else f"{metric.label} {text}"
        if row.trial == 0:
            captions[row.chain, row.image, row.snr_db] = "outage" if row.outage else text
    return captions


def _picture(axis: Axes, shown: Shown, title: str, caption: str) -> None:
    axis.imshow(_pixels(shown))
    axis.set_title(title, fontsize=8)
    axis.set_xlabel(caption, fontsize=7, labelpad=2)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def _pixels(shown: Shown) -> Image.Image:
    return Image.open(io.BytesIO(shown.png))

"""The gallery: one picture as the chains received it."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from moclink.results.names import short_name
from moclink.types import Row, Shown


def gallery_figure(rows: Sequence[Row], shown: Sequence[Shown]) -> Figure:
    """Draw one picture: a line a chain, a column an SNR, the PSNR of the whole picture below each.

    Args:
        rows: Results.
        shown: Pictures kept by the sweep, at least one received.
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
    return figure


def _picture(axis: Axes, shown: Shown, title: str, caption: str) -> None:
    axis.imshow(_pixels(shown))
    axis.set_title(title, fontsize=8)
    axis.set_xlabel(caption, fontsize=7, labelpad=2)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def _pixels(shown: Shown) -> Image.Image:
    return Image.open(io.BytesIO(shown.png))

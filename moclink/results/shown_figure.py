"""Figures that notebooks show, and scripts by `show`."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

from matplotlib.figure import Figure

from moclink.results.style import STYLES


class ShownFigure(Figure):
    """A figure that a notebook shows as the value of a cell, and a script by `show`."""

    def show(self, warn: bool = True) -> None:
        """Show the figure: in a window, until it is closed, or in a notebook.

        Args:
            warn: Whether to warn where there is no display.
        """
        from matplotlib import pyplot
        from matplotlib.backends.registry import BackendFilter, backend_registry

        without = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)
        if pyplot.get_backend().lower() in without:
            if warn:
                message = (
                    'there is no display for the figure; save it: figure.savefig("curves.png")'
                )
                warnings.warn(message, stacklevel=2)
            return
        manager = pyplot.figure().canvas.manager  # of a window, which is given this figure
        if manager is not None:
            manager.canvas.figure = self
            self.set_canvas(manager.canvas)
            pyplot.show()

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, dpi=100)
        return buffer.getvalue()


def drawn(style: str, make: Callable[[], Figure]) -> Figure:
    """Draw a figure in a style, and make it one that notebooks show.

    Args:
        style: One of `moclink.results.style.STYLES`.
        make: Makes the figure.

    Raises:
        ValueError: If there is no such style.
    """
    if style not in STYLES:
        raise ValueError(f"style {style!r}: there are {', '.join(STYLES)}")
    with STYLES[style].context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure = make()
        figure.draw_without_rendering()
    figure.__class__ = ShownFigure
    return figure

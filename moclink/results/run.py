"""The results of a run as an object: rows, averages, figures."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from moclink.arguments import read_folder, read_snr, shorten
from moclink.results.curves import curves_figure
from moclink.results.export import SUMMARY_COLUMNS, summary_rows
from moclink.results.gallery import gallery_figure
from moclink.results.mean_tables import long_table, mean_tables
from moclink.results.metrics import choose_metrics, measured, usual
from moclink.results.rate_curves import rate_figure
from moclink.results.selection import choose_outage, choose_rows, conditions
from moclink.results.store import COLUMNS, read_gallery, read_parameters, read_rows
from moclink.results.style import STYLES, FigureOptions
from moclink.results.table_formats import FORMATS, written
from moclink.results.tables import table
from moclink.types import Row


class Run:
    """A stored run; it is read again at each call, so a run in progress can be looked at.

    Args:
        folder: A run folder, its `results.sqlite`, or another `Run`.

    Raises:
        RunFolderError: If the folder holds no results.
        ValueError: If it is no path.

    Example:
        >>> results = moclink.open_run("runs/20261126-120000")
        >>> results.summary()[0]
        {'chain': 'jpeg-ldpc', 'metric': 'psnr_db', 'snr_db': 0.0, 'mean': 11.2, ...}
        >>> results.plot(chains=["jpeg-ldpc", "bpg-ldpc"])
    """

    def __init__(self, folder: str | Path | Run) -> None:
        place = folder.folder if isinstance(folder, Run) else read_folder("folder", folder)
        if place.name == "results.sqlite" and place.is_file():
            place = place.parent
        self.folder: Path = place.absolute()  # wherever the program goes from here
        read_parameters(self.folder)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the run was asked for, by name: `snr` in dB, `chains`, `channel`, `metrics`, ..."""
        return read_parameters(self.folder)

    def rows(self, chains: str | Sequence[str] | None = None) -> list[Row]:
        """Finished cells, of some chains or of all, in the order of the run.

        Raises:
            ValueError: If the run has no such chain.
        """
        return choose_rows(read_rows(self.folder), chains)

    def to_pandas(self) -> Any:
        """Finished cells as a `pandas.DataFrame`, a column for each attribute of `Row`.

        Numbers are numbers in columns that were not measured too, which are NaN.

        Raises:
            ImportError: If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas needs pandas; pip install pandas") from error
        rows = [[getattr(row, name) for name in COLUMNS] for row in self.rows()]
        frame = pandas.DataFrame(rows, columns=COLUMNS)
        numbers = [field.name for field in fields(Row) if field.type != "str"]
        return frame.astype({name: float for name in numbers if frame[name].dtype == object})

    def summary(self, chains: str | Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Means over images as in summary.csv, a dict for each chain, metric and SNR.

        Returns:
            Dicts of `chain`, `metric` (a column of `Row`), `snr_db`, `mean`, `ci95_half_width`
            (half of the 95 % confidence interval; None where it is not known, as of one image) and
            `images`, their number. Means and half-widths are in the unit of the metric.

        Raises:
            ValueError: If the run has no such chain.
        """
        channel = str(self.parameters.get("channel", ""))
        found = summary_rows(self.rows(chains), channel)
        return [dict(zip(SUMMARY_COLUMNS, values, strict=True)) for values in found]

    def plot(
        self,
        chains: str | Sequence[str] | None = None,
        metrics: str | Sequence[str] | None = None,
        style: str = "screen",
        outage: str | None = None,
    ) -> Figure:
        """Curves over SNR, one panel per metric.

        Args:
            chains: Names of chains or a comma-separated list; None for all. A name
                without `@` means all its bandwidth ratios.
            metrics: Names such as "psnr" or a comma-separated list; None for all that were measured.
            style: "screen" or "ieee".
            outage: "exclude" leaves outages out; None counts them as the run says, see
                `moclink.results.averages.average`.

        Raises:
            ValueError: If the run has no such chain or metric, or nothing to show.
        """
        rows = self._chosen(chains)
        options = self._options(rows, style, metrics, outage)
        return _drawn(style, lambda: curves_figure(rows, options))

    def rate_plot(
        self,
        snr: Any,
        chains: str | Sequence[str] | None = None,
        metrics: str | Sequence[str] | None = None,
        style: str = "screen",
        outage: str | None = None,
    ) -> Figure:
        """Quality over the channel bandwidth ratio at one SNR in dB; other arguments as of `plot`.

        Raises:
            ValueError: As of `plot`, or if `snr` is not one SNR.
        """
        snrs = () if snr is None else read_snr(snr)
        if len(snrs) != 1:
            raise ValueError(f"snr {shorten(snr)}: one SNR in dB is wanted; draw a figure for each")
        rows = self._chosen(chains)
        options = self._options(rows, style, metrics, outage)
        return _drawn(style, lambda: rate_figure(rows, snrs[0], options))

    def gallery(
        self, chains: str | Sequence[str] | None = None, picture: str | None = None
    ) -> Figure:
        """An image as the chains received it; the first one that was kept if none is named.

        Raises:
            ValueError: If no received pictures of this image or these chains were kept.
        """
        if picture is not None and not isinstance(picture, str):
            raise ValueError(f"picture {shorten(picture)}: the name of a picture is wanted")
        rows = self._chosen(chains)
        names = {row.chain for row in rows} | {"original"}
        kept = [s for s in read_gallery(self.folder) if s.chain in names]
        options = self._options(rows, "screen")
        return _drawn("screen", lambda: gallery_figure(rows, kept, options, picture))

    def table(
        self,
        format: str = "text",
        chains: str | Sequence[str] | None = None,
        metrics: str | Sequence[str] | None = None,
        snr: Any = None,
        outage: str | None = None,
    ) -> str:
        """Means over images as text.

        Args:
            format: "text" for one compact table of a few SNRs; "latex", "markdown" or "csv" for
                every metric at every SNR, with 95 % intervals.
            chains: Names of chains or a comma-separated list; None for all.
            metrics: Names such as "psnr"; None for all of quality and errors. Not for "text".
            snr: SNRs in dB, as `moclink.run` takes them; None for all.
            outage: As of `plot`.

        Raises:
            ValueError: If the run has no such chain, metric or SNR, or there is no such format.
        """
        rows = choose_rows(self._chosen(chains), snrs=None if snr is None else read_snr(snr))
        parameters = self.parameters
        note = conditions(parameters, {row.chain for row in rows})
        channel, counted = str(parameters.get("channel", "")), choose_outage(parameters, outage)
        if format == "text":
            return table(rows, note, counted)
        if format not in FORMATS:
            raise ValueError(f"format {shorten(format)}: there are text, {', '.join(FORMATS)}")
        found = measured(rows) if metrics else usual(rows, zeros=format == "csv")
        chosen = choose_metrics(metrics or None, found)
        if format == "csv":
            return written(long_table(rows, chosen, channel, counted), format)
        tables = mean_tables(rows, chosen, note, counted, channel)
        return "\n".join(written(each, format) for each in tables)

    def _chosen(self, chains: str | Sequence[str] | None) -> list[Row]:
        rows = choose_rows(read_rows(self.folder), chains)
        if not rows:
            raise ValueError(f"{self.folder} holds no finished cells")
        return rows

    def _options(
        self,
        rows: Sequence[Row],
        style: str,
        metrics: str | Sequence[str] | None = None,
        outage: str | None = None,
    ) -> FigureOptions:
        parameters = self.parameters
        note = conditions(parameters, {row.chain for row in rows})
        channel = str(parameters.get("channel", ""))
        return FigureOptions(style, note, channel, metrics, choose_outage(parameters, outage))

    def __repr__(self) -> str:
        rows = self.rows()
        chains = len({row.chain for row in rows})
        head = f"Run({str(self.folder)!r}: {len(rows)} cells of {chains} chains)"
        return f"{head}\n{self.table()}" if rows else head


def open_run(folder: str | Path | Run) -> Run:
    """Open a stored run, for its rows, averages, tables and figures.

    Args:
        folder: A run folder, its `results.sqlite`, or a `Run`.

    Returns:
        The run, which is read again at each call.

    Raises:
        RunFolderError: If the folder holds no results; a `ValueError`.
        ValueError: If it is no path.
    """
    return Run(folder)


class _ShownFigure(Figure):
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


def _drawn(style: str, make: Callable[[], Figure]) -> Figure:
    """Draw a figure in a style, and make it one that notebooks show."""
    if style not in STYLES:
        raise ValueError(f"style {style!r}: there are {', '.join(STYLES)}")
    with STYLES[style].context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure = make()
        figure.draw_without_rendering()
    figure.__class__ = _ShownFigure
    return figure

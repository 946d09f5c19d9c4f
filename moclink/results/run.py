"""The results of a run as an object: rows, averages, figures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias, cast

from matplotlib.figure import Figure

from moclink.arguments import read_folder, read_snr, shorten
from moclink.results.curves import curves_figure
from moclink.results.export import SUMMARY_COLUMNS, summary_rows
from moclink.results.gallery import gallery_figure
from moclink.results.mean_tables import long_table, mean_tables
from moclink.results.metrics import choose_metrics, measured, usual
from moclink.results.rate_curves import rate_figure
from moclink.results.selection import (
    choose_outage,
    choose_rows,
    conditions,
    read_rows_of_runs,
    read_runs,
)
from moclink.results.shown_figure import drawn
from moclink.results.store import COLUMNS, read_parameters
from moclink.results.style import FigureOptions
from moclink.results.table_formats import FORMATS, written
from moclink.results.tables import table
from moclink.types import Row

Place: TypeAlias = "str | os.PathLike[str] | Run"


class Run:
    """A stored run, or several together; read again at each call, so one in progress can be looked at.

    Args:
        folder: A run folder, its `results.sqlite`, another `Run`, or several of them, which are
            read together as `moclink.results.selection.read_rows_of_runs` does.

    Attributes:
        folder: The run folder; of several the first, whose parameters count.
        folders: All run folders.

    Raises:
        RunFolderError: If a folder holds no results.
        ValueError: If it is no path.

    Example:
        >>> results = moclink.open_run("runs/20261126-120000")
        >>> results.summary()[0]
        {'chain': 'jpeg-ldpc', 'metric': 'psnr_db', 'snr_db': 0.0, 'mean': 11.2, ...}
        >>> results.plot(chains=["jpeg-ldpc", "bpg-ldpc"])
    """

    def __init__(self, folder: Place | Iterable[Place]) -> None:
        one = isinstance(folder, str | os.PathLike | Run) or not isinstance(folder, Iterable)
        several: list[Any] = [folder] if one else list(cast("Iterable[Place]", folder))
        if not several:
            raise ValueError(f"folder {shorten(folder)}: name at least one run folder")
        found = [path for place in several for path in _folders_of(place)]
        self.folders: tuple[Path, ...] = tuple(found)
        self.folder = self.folders[0]
        for path in self.folders:
            read_parameters(path)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the run was asked for, by name: `snr` in dB, `chains`, `channel`, `metrics`, ..."""
        return read_parameters(self.folder)

    def rows(self, chains: str | Sequence[str] | None = None) -> list[Row]:
        """Finished cells, of some chains or of all, in the order of the run.

        Raises:
            ValueError: If the run has no such chain.
        """
        return choose_rows(read_rows_of_runs(self.folders, chains), chains)

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
        return drawn(style, lambda: curves_figure(rows, options))

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
        return drawn(style, lambda: rate_figure(rows, snrs[0], options))

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
        pictures = read_runs(self.folders, chains)[1]
        kept = [shown for shown in pictures if shown.chain in names]
        options = self._options(rows, "screen")
        return drawn("screen", lambda: gallery_figure(rows, kept, options, picture))

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
        rows = choose_rows(read_rows_of_runs(self.folders, chains), chains)
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
        folders = ", ".join(repr(str(folder)) for folder in self.folders)
        head = f"Run({folders}: {len(rows)} cells of {chains} chains)"
        return f"{head}\n{self.table()}" if rows else head


def _folders_of(place: Place) -> tuple[Path, ...]:
    """The folders that one place stands for, absolute: wherever the program goes from here."""
    if isinstance(place, Run):
        return place.folders
    path = read_folder("folder", place)
    if path.name == "results.sqlite" and path.is_file():
        path = path.parent
    return (path.absolute(),)


def open_run(folder: Place | Iterable[Place]) -> Run:
    """Open a stored run, or several together, for rows, averages, tables and figures.

    Args:
        folder: A run folder, its `results.sqlite`, a `Run`, or several of them. Several are read as
            the command lines read them: of a cell that more than one has the first one's counts,
            and trials of another seed are further trials.

    Returns:
        The run, which is read again at each call.

    Raises:
        RunFolderError: If a folder holds no results; a `ValueError`. Rows of runs that may not be
            shown together (docs/results.md) raise it when they are read.
        ValueError: If it is no path.
    """
    return Run(folder)

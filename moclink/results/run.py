"""The results of a run as an object: rows, averages, figures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from moclink.results.curves import curves_figure
from moclink.results.figures import STYLE
from moclink.results.gallery import gallery_figure
from moclink.results.store import COLUMNS, read_parameters, read_rows, read_shown, summary_of
from moclink.results.tables import table
from moclink.types import Row


class Run:
    """A stored run; what it holds is read anew at each call, so a run in progress can be looked at.

    Args:
        folder: A run folder.

    Raises:
        RunFolderError: If the folder holds no results.

    Example:
        >>> results = moclink.open_run("runs/20261126-120000")
        >>> results.summary()[0]
        {'chain': 'jpeg-ldpc', 'metric': 'psnr_db', 'snr_db': 0.0, 'mean': 11.2, ...}
        >>> results.plot(chains=["jpeg-ldpc", "bpg-ldpc"])
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        read_parameters(self.folder)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the run was asked for."""
        return read_parameters(self.folder)

    def rows(self, chains: Sequence[str] | None = None) -> list[Row]:
        """Finished cells, of some chains or of all, in the order of the run."""
        rows = read_rows(self.folder)
        if chains is None:
            return rows
        known = list(dict.fromkeys(row.chain for row in rows))
        for name in chains:
            if name not in known:
                raise ValueError(f"{self.folder} holds no results of {name!r}, but of {', '.join(known)}")
        return [row for row in rows if row.chain in chains]

    def to_pandas(self) -> Any:
        """Finished cells as a `pandas.DataFrame`, a column for each attribute of `Row`.

        Raises:
            ImportError: If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas needs pandas; pip install pandas") from error
        rows = [[getattr(row, name) for name in COLUMNS] for row in self.rows()]
        return pandas.DataFrame(rows, columns=COLUMNS)

    def summary(self, chains: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Means over pictures: chain, metric, snr_db, mean, ci95_half_width (None of one picture), images."""
        names = ("chain", "metric", "snr_db", "mean", "ci95_half_width", "images")
        return [dict(zip(names, values, strict=True)) for values in summary_of(self.rows(chains))]

    def plot(self, chains: Sequence[str] | None = None) -> Figure:
        """Curves over SNR, a panel a metric."""
        rows = self.rows(chains)
        if not rows:
            raise ValueError(f"{self.folder} holds no finished cells to plot")
        with matplotlib.rc_context(STYLE):
            return _shown_in_notebooks(curves_figure(rows))

    def gallery(self, chains: Sequence[str] | None = None) -> Figure:
        """The first picture as the chains received it."""
        rows = self.rows(chains)
        names = {row.chain for row in rows} | {"original"}
        shown = [picture for picture in read_shown(self.folder) if picture.chain in names]
        if all(picture.chain == "original" for picture in shown):
            raise ValueError(f"{self.folder} holds no received pictures to show")
        with matplotlib.rc_context(STYLE):
            return _shown_in_notebooks(gallery_figure(rows, shown))

    def __repr__(self) -> str:
        rows = self.rows()
        chains = len({row.chain for row in rows})
        return f"Run({str(self.folder)!r}: {len(rows)} cells of {chains} chains)\n{table(rows)}"


def open_run(folder: str | Path) -> Run:
    """Open a stored run; see `Run`."""
    return Run(folder)


class _NotebookFigure(Figure):
    """A figure that a notebook shows as the value of a cell, without pyplot."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, dpi=100)
        return buffer.getvalue()


def _shown_in_notebooks(figure: Figure) -> Figure:
    figure.__class__ = _NotebookFigure
    return figure

"""Common parts of all figures: panels, titles, legends, curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from moclink.results.bandwidth import chain_labels
from moclink.results.names import shortened
from moclink.results.style import STYLES, CurveStyle, FigureOptions, curve_styles
from moclink.types import Row

SNR_LABEL, BIT_SNR_LABEL = "SNR, $E_s/N_0$ (dB)", "$E_b/N_0$ (dB)"
LONGEST_LABEL = 56


class FigureError(ValueError):
    """A figure cannot be drawn; the message says why."""


@dataclass(frozen=True)
class Legend:
    """Labels and styles of the chains of a figure, and which of them its legend shows."""

    labels: dict[str, str]
    styles: dict[str, CurveStyle]
    entries: dict[str, Any]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Legend:
        """Labels and styles of the chains of some rows."""
        labels = {
            name: shortened(label, LONGEST_LABEL) for name, label in chain_labels(rows).items()
        }
        return cls(labels, curve_styles(list(labels)), {})


def panels_figure(count: int, options: FigureOptions) -> tuple[Figure, list[Axes]]:
    """A figure for `count` panels and a legend, and the axes of the panels."""
    style = STYLES[options.style]
    lines = -(-count // style.columns)
    columns = -(-count // lines)
    width, height = style.panel
    figure = Figure(figsize=(width * columns, height * lines + 0.4), layout="constrained")
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axis in axes[count:]:
        axis.set_axis_off()
    return figure, axes[:count]


def add_title(figure: Figure, parts: Iterable[str]) -> None:
    """State the conditions above the panels, on as many lines as the width asks for."""
    lines = [""]
    for part in filter(None, parts):
        grown = f"{lines[-1]}, {part}" if lines[-1] else part
        if lines[-1] and len(grown) > 18 * figure.get_figwidth():
            lines.append(part)
        else:
            lines[-1] = grown
    if lines[0]:
        plain(figure.suptitle("\n".join(lines), fontsize=8, color="0.35"))


def draw_curve(axis: Axes, x: Sequence[float], y: Sequence[float], style: CurveStyle) -> Any:
    """Draw a curve; returns its entry for the legend."""
    (handle,) = axis.plot(
        x,
        y,
        style.line,
        color=style.colour,
        marker=style.marker,
        markevery=max(1, len(x) // 9),
    )
    return handle


def one_snr(axis: Axes, snrs: Iterable[float]) -> None:
    """Mark the SNR at the axis if there is only one: its neighbours mean nothing."""
    if len(set(snrs)) == 1:
        axis.set_xticks(sorted(set(snrs)))


def plain(text: Text) -> Text:
    """Write a text as it stands: `$`, `^` and `_` in a name are no mathematics."""
    text.set_parse_math(False)
    return text


def add_legend(
    figure: Figure, entries: dict[str, Any], characters_per_inch: float, most_columns: int = 5
) -> None:
    """One legend below all panels.

    Args:
        figure: The figure.
        entries: Label -> what is drawn.
        characters_per_inch: Characters of the legend's size in an inch.
        most_columns: Columns at most.
    """
    longest = (
        max((len(label) for label in entries), default=0) + 6
    )  # with the line beside the characters
    fitting = int(characters_per_inch * figure.get_figwidth() / longest)
    columns = max(1, min(most_columns, len(entries), fitting))
    # Labels are set afterwards: Matplotlib leaves out those that begin with an underscore.
    places = [str(place) for place in range(len(entries))]
    legend = figure.legend(
        list(entries.values()), places, loc="outside lower center", ncols=columns
    )
    for text, label in zip(legend.get_texts(), entries, strict=True):
        plain(text).set_text(label)

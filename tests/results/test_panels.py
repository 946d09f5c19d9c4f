"""Panels, titles and legends."""

import pytest
from matplotlib.figure import Figure

from moclink.results.panels import LONGEST_LABEL, Legend, add_legend, add_title, panels_figure
from moclink.results.style import FigureOptions


@pytest.mark.parametrize("count,lines", [(1, 1), (4, 1), (5, 2), (9, 3)])
def test_panels_stand_on_lines_of_four_at_most(count, lines):
    figure, axes = panels_figure(count, FigureOptions())
    assert len(axes) == count and axes[0].get_gridspec().nrows == lines
    assert figure.get_figwidth() <= 4 * 4.4


def test_panels_of_a_column_stand_below_each_other():
    figure, axes = panels_figure(3, FigureOptions("ieee"))
    assert figure.get_figwidth() == 3.5 and axes[0].get_gridspec().nrows == 3


def test_a_legend_shows_labels_as_they_are():
    figure = Figure(layout="constrained")
    handle = figure.subplots().plot([0, 1])[0]
    labels = ["_hidden", "$x^", "plain"]
    add_legend(figure, dict.fromkeys(labels, handle), 14)
    texts = figure.legends[0].get_texts()
    assert [t.get_text() for t in texts] == labels and not any(t.get_parse_math() for t in texts)
    figure.draw_without_rendering()


def test_a_title_is_broken_to_the_width():
    figure = Figure(figsize=(3.5, 2))
    add_title(figure, ["one" * 8, "", "two" * 8, "three" * 8])  # 63 characters fit on 3.5 inches
    assert figure.get_suptitle().split("\n") == [f"{'one' * 8}, {'two' * 8}", "three" * 8]


def test_long_labels_are_shortened(row):
    legend = Legend.of([row("x" * 200)])
    assert len(legend.labels["x" * 200]) == LONGEST_LABEL

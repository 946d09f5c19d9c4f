"""Figures in notebooks and in windows."""

import importlib

import pytest
from matplotlib.figure import Figure

from moclink.results.run import Run
from moclink.results.shown_figure import drawn

FAKE_BACKEND = """
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

shown = []


class FigureManager(FigureManagerBase):
    @classmethod
    def pyplot_show(cls, *, block=None):
        from matplotlib._pylab_helpers import Gcf

        shown.extend(manager.canvas.figure for manager in Gcf.get_all_fig_managers())


class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager
"""


def test_a_script_shows_figures(run_folder, tmp_path, monkeypatch):
    from matplotlib import pyplot

    figure, backend = Run(run_folder).plot(), pyplot.get_backend()
    with pytest.warns(UserWarning, match="no display for the figure; save it: figure.savefig"):
        figure.show()
    (tmp_path / "fake_display.py").write_text(FAKE_BACKEND)
    monkeypatch.syspath_prepend(tmp_path)
    pyplot.switch_backend("module://fake_display")
    try:
        figure.show()
        assert importlib.import_module("fake_display").shown == [figure]
        assert figure.canvas.figure is figure and figure._repr_png_().startswith(b"\x89PNG")
    finally:
        pyplot.close("all")
        pyplot.switch_backend(backend)


def test_a_figure_is_drawn_in_a_style_that_there_is():
    figure = drawn("ieee", lambda: Figure(figsize=(3, 2)))
    assert tuple(figure.get_size_inches()) == (3, 2)
    assert figure._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="style 'x': there are screen, ieee"):
        drawn("x", Figure)

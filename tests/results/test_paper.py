"""The figures of the paper from stored results."""

import numpy as np
import pytest
from PIL import Image

from moclink.results.paper import PAPER, draw_paper
from moclink.results.store import RunFolderError


@pytest.mark.parametrize("name", ["fig3", "fig4", "fig5"])
def test_each_figure_is_drawn(name, run_folder):
    (path,) = draw_paper(name, run_folder).files
    assert path == run_folder / f"{name}.png"
    assert np.asarray(Image.open(path).convert("L")).std() > 5


def test_a_figure_without_its_results_says_what_is_missing(run, row, run_folder):
    with pytest.raises(
        RunFolderError, match="holds no results of moc-rvq-l4 or its variants .*, which fig4"
    ):
        draw_paper("fig4", run([], folder="empty"))
    for figure in PAPER.values():  # no regular expression is told
        assert not set(figure.names) & set("\\|*?[]")
    with pytest.raises(
        RunFolderError, match="no pictures of moc-rvq-l4, .* at 0, 5, 10, 20 dB, which fig5"
    ):
        draw_paper("fig5", run([row("jpeg-ldpc", psnr_db=1.0)], folder="bare"))


def test_choices_hold_for_the_paper_too(run_folder, tmp_path):
    drawn = draw_paper(
        "fig3", run_folder, out=tmp_path / "out", chains="jpeg-ldpc", formats=["svg"]
    )
    assert [p.name for p in drawn.files] == ["fig3.svg"]


def test_runs_may_differ_in_chains_that_the_figure_lacks(run, row):
    parameters = {"images": [["x", ""]]}
    rows = [[row("moc-rvq-l4", psnr_db=20.0)], [row("webp-ldpc", psnr_db=21.0)]]
    one = run(rows[0] + rows[1], folder="one", match="symbols", **parameters)
    two = run(rows[1], folder="two", match="source-bits", **parameters)
    assert len(draw_paper("fig3", one, two).files) == 1

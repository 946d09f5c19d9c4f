"""The figures of the paper from stored results."""

import numpy as np
import pytest
from PIL import Image

from moclink.results.paper import draw_paper
from moclink.results.store import RunFolderError


@pytest.mark.parametrize("name", ["fig3", "fig4", "fig5"])
def test_each_figure_is_drawn(name, run_folder):
    (path,) = draw_paper(name, run_folder).files
    assert path == run_folder / f"{name}.png"
    assert np.asarray(Image.open(path).convert("L")).std() > 5


def test_a_figure_without_its_results_says_what_is_missing(run, row, run_folder):
    with pytest.raises(RunFolderError, match="holds no results of moc-rvq-l4.* which fig4 shows"):
        draw_paper("fig4", run([], folder="empty"))
    with pytest.raises(RunFolderError, match="at 0, 5, 10, 20 dB, which fig5 shows"):
        draw_paper("fig5", run([row("jpeg-ldpc", psnr_db=1.0)], folder="bare"))


def test_choices_hold_for_the_paper_too(run_folder, tmp_path):
    drawn = draw_paper(
        "fig3", run_folder, out=tmp_path / "out", chains="jpeg-ldpc", formats=["svg"]
    )
    assert [p.name for p in drawn.files] == ["fig3.svg"]

"""Files of figures: what is drawn, what cannot be, and names of all kinds."""

import numpy as np
import pytest
from PIL import Image

import moclink.results.figures as module
from moclink.results.figures import draw
from moclink.results.store import RunFolderError
from moclink.types import GalleryPicture

HOSTILE = (
    "$x$",
    "$broken",
    "_hidden",
    "a^b_c",
    "a:b,c",
    "%d {0}",
    "random-init/codec",
    "图\\frac{",
    "\udcff",
)


def test_every_figure_is_drawn_from_stored_results(run_folder):
    drawn = draw(run_folder, rates=[10.0])
    assert [p.name for p in drawn.files] == ["curves.png", "gallery.png", "rates-10dB.png"]
    assert drawn.problems == [] and all(p.parent == run_folder for p in drawn.files)
    for path in drawn.files:
        assert np.asarray(Image.open(path).convert("L")).std() > 5  # not an empty sheet


def test_figures_go_where_they_are_asked_for_in_every_format(run_folder, tmp_path):
    before = sorted(run_folder.iterdir())
    drawn = draw(run_folder, out=tmp_path / "new" / "folder", formats=("pdf", "svg"), style="ieee")
    assert [p.name for p in drawn.files] == [
        "curves.pdf",
        "curves.svg",
        "gallery.pdf",
        "gallery.svg",
    ]
    assert (
        drawn.files[0].read_bytes().startswith(b"%PDF")
        and b"<svg" in drawn.files[1].read_bytes()[:600]
    )
    assert sorted(run_folder.iterdir()) == before


def test_a_column_of_ieee_is_three_and_a_half_inches(run_folder):
    curves = Image.open(draw(run_folder, style="ieee").files[0])
    assert curves.width == pytest.approx(3.5 * 300, abs=1)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_a_figure(name, run, row, png):
    chain = name.encode("utf-8", "backslashreplace").decode()  # as names are stored
    ratios = {chain: 1 / 24, "jscc-96": 1 / 4}
    rows = [
        row(c, chain, snr, psnr_db=20.0, cbr=cbr) for c, cbr in ratios.items() for snr in (0.0, 5.0)
    ]
    gallery = [
        GalleryPicture(chain, chain, 0.0, png()),
        GalleryPicture("original", chain, 0.0, png()),
    ]
    drawn = draw(run(rows, gallery), rates=[0.0])
    assert drawn.problems == [] and len(drawn.files) == 3


def test_a_figure_that_cannot_be_drawn_says_so_and_the_rest_appears(run, row, png):
    rows = [row("a", "x", 0.0, outage=0)]
    drawn = draw(run(rows, [GalleryPicture("a", "x", 0.0, png())]))
    assert [p.name for p in drawn.files] == ["gallery.png"]
    assert drawn.problems == [
        "curves is not drawn: no metric was measured of these pictures at these SNRs"
    ]
    thin = draw(
        run([row("a", "x", 0.0, psnr_db=9.0)], [GalleryPicture("a", "x", 0.0, png(512, 1))], "thin")
    )
    assert [p.name for p in thin.files] == ["curves.png"]
    assert thin.problems == [
        "gallery is not drawn: a picture of 1 x 512 pixels is too thin to show"
    ]


def test_whatever_matplotlib_says_is_one_line(run_folder, monkeypatch):
    def broken(*_):
        raise MemoryError("two\nlines")

    monkeypatch.setattr(module, "curves_figure", broken)
    drawn = draw(run_folder)
    assert drawn.problems == ["curves cannot be drawn (MemoryError: two)"]
    assert [p.name for p in drawn.files] == ["gallery.png"]


def test_a_folder_that_cannot_be_written_is_named(run_folder):
    (run_folder / "file").write_text("")
    drawn = draw(run_folder, out=run_folder / "file")
    assert drawn.files == [] and len(drawn.problems) == 2
    assert (
        drawn.problems[0].startswith("curves cannot be written to ")
        and "--out" in drawn.problems[0]
    )


def test_chains_snrs_and_pictures_are_chosen(run_folder):
    assert len(draw(run_folder, chains="jpeg-ldpc", snrs=[10.0], picture="0").files) == 2
    for wrong, message in [
        ({"chains": "jpeg"}, "no results of 'jpeg' "),
        ({"snrs": [3.0]}, "nothing was sent at 3 dB; SNRs of these chains: 0, 10, 20"),
        ({"picture": "1"}, "--picture 1: received pictures were kept of 0"),
        ({"metrics": ["lpips"]}, "'lpips' was not measured"),
        ({"rates": [3.0]}, "nothing was sent at 3 dB"),
        ({"formats": ["gif"]}, "'gif': there are png, pdf, svg"),
        ({"formats": []}, "no format is named"),
        ({"style": "nature"}, "'nature': there are screen, ieee"),
        ({"outage": "black"}, "'black': there are grey, mean, exclude"),
    ]:
        with pytest.raises(ValueError, match=message):
            draw(run_folder, **wrong)


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(RunFolderError, match=r"holds no results\.sqlite"):
        draw(tmp_path)

"""The gallery and its bounds."""

import pytest

from moclink.results.gallery import gallery_figure
from moclink.results.panels import FigureError
from moclink.results.style import FigureOptions
from moclink.types import Shown


def captions(figure):
    return [axis.get_xlabel() for axis in figure.axes if axis.get_xlabel()]


def test_pictures_have_their_psnr_or_are_outages(row, png):
    rows = [row("a", psnr_db=31.234, outage=0), row("jpeg-ldpc", psnr_db=11.0, outage=1)]
    shown = [Shown(name, "x", 0.0, png()) for name in ("original", "a", "jpeg-ldpc")]
    figure = gallery_figure(rows, shown, FigureOptions(note="AWGN"))
    assert captions(figure) == ["31.23 dB", "outage"] and figure.get_suptitle() == "x, AWGN"
    assert [a.get_ylabel() for a in figure.axes if a.get_ylabel()] == ["a", "JPEG + LDPC"]


def test_another_metric_stands_in_where_there_is_no_psnr(row, png):
    figure = gallery_figure([row("a", ssim=0.5)], [Shown("a", "x", 0.0, png())])
    assert captions(figure) == ["SSIM 0.5000"]


def test_a_picture_is_chosen(row, png):
    rows = [row("a", "x", psnr_db=1.0), row("a", "y", psnr_db=2.0)]
    shown = [Shown("a", "x", 0.0, png()), Shown("a", "y", 0.0, png())]
    assert captions(gallery_figure(rows, shown)) == ["1.00 dB"]
    assert captions(gallery_figure(rows, shown, picture="y")) == ["2.00 dB"]
    with pytest.raises(FigureError, match="of z no received pictures were kept, but of x, y"):
        gallery_figure(rows, shown, picture="z")
    with pytest.raises(FigureError, match="no received pictures"):
        gallery_figure(rows, [Shown("original", "x", 0.0, png())])


def test_a_tall_picture_is_bounded(row, png):
    figure = gallery_figure([row("a", psnr_db=1.0)], [Shown("a", "x", 0.0, png(500, 50))])
    assert figure.get_figheight() < 4


@pytest.mark.parametrize("size", [(1, 512), (512, 1)])
def test_a_thin_picture_is_refused(size, row, png):
    with pytest.raises(FigureError, match="too thin to show"):
        gallery_figure([row("a", psnr_db=1.0)], [Shown("a", "x", 0.0, png(*size))])


def test_a_gallery_that_would_be_huge_is_refused(row, png):
    names = [f"chain-{n}" for n in range(80)]
    rows, shown = (
        [row(n, psnr_db=1.0) for n in names],
        [Shown(n, "x", 0.0, png(80, 60)) for n in names],
    )
    with pytest.raises(FigureError, match="80 chains at 1 SNRs would make .* pixels; choose fewer"):
        gallery_figure(rows, shown)

"""The gallery and its bounds."""

import pytest

from moclink.results.gallery import gallery_figure
from moclink.results.panels import FigureError
from moclink.results.style import FigureOptions
from moclink.types import GalleryPicture


def captions(figure):
    return [axis.get_xlabel() for axis in figure.axes if axis.get_xlabel()]


def test_pictures_have_their_psnr_or_are_outages(row, png):
    rows = [row("a", psnr_db=31.234, outage=0), row("jpeg-ldpc", psnr_db=11.0, outage=1)]
    gallery = [GalleryPicture(name, "x", 0.0, png()) for name in ("original", "a", "jpeg-ldpc")]
    figure = gallery_figure(rows, gallery, FigureOptions(note="AWGN"))
    assert captions(figure) == ["31.23 dB", "outage"] and figure.get_suptitle() == "x, AWGN"
    assert [a.get_ylabel() for a in figure.axes if a.get_ylabel()] == ["a", "JPEG + LDPC"]


def test_another_metric_stands_in_where_there_is_no_psnr(row, png):
    figure = gallery_figure([row("a", ssim=0.5)], [GalleryPicture("a", "x", 0.0, png())])
    assert captions(figure) == ["SSIM 0.5000"]


def test_a_picture_is_chosen(row, png):
    rows = [row("a", "x", psnr_db=1.0), row("a", "y", psnr_db=2.0)]
    gallery = [GalleryPicture("a", "x", 0.0, png()), GalleryPicture("a", "y", 0.0, png())]
    assert captions(gallery_figure(rows, gallery)) == ["1.00 dB"]
    assert captions(gallery_figure(rows, gallery, picture="y")) == ["2.00 dB"]
    with pytest.raises(FigureError, match="of z no received pictures were kept, but of x, y"):
        gallery_figure(rows, gallery, picture="z")
    with pytest.raises(FigureError, match="no received pictures"):
        gallery_figure(rows, [GalleryPicture("original", "x", 0.0, png())])


def test_a_tall_picture_is_bounded(row, png):
    figure = gallery_figure([row("a", psnr_db=1.0)], [GalleryPicture("a", "x", 0.0, png(500, 50))])
    assert figure.get_figheight() < 4


@pytest.mark.parametrize("size", [(1, 512), (512, 1)])
def test_a_thin_picture_is_refused(size, row, png):
    with pytest.raises(FigureError, match="too thin to show"):
        gallery_figure([row("a", psnr_db=1.0)], [GalleryPicture("a", "x", 0.0, png(*size))])


def test_a_gallery_that_would_be_huge_is_refused(row, png):
    names = [f"chain-{n}" for n in range(80)]
    rows = [row(n, snr=s, psnr_db=1.0) for n in names for s in (0.0, 5.0)]
    gallery = [GalleryPicture(n, "x", s, png(80, 60)) for n in names for s in (0.0, 5.0)]
    with pytest.raises(FigureError, match="80 lines of 3 pictures make .* pixels; choose fewer"):
        gallery_figure(rows, gallery)


def test_many_chains_at_one_snr_fill_a_grid(row, png):
    names = [f"chain-{n}" for n in range(14)]
    rows = [row(n, psnr_db=float(place), cbr=1 / 24) for place, n in enumerate(names)]
    gallery = [GalleryPicture(n, "x", 0.0, png()) for n in ["original", *names]]
    figure = gallery_figure(rows, gallery)
    width, height = figure.get_size_inches()
    assert 0.5 < width / height < 2
    assert [axis.get_title() for axis in figure.axes] == ["original", *names]
    assert captions(figure) == [f"{place:.2f} dB" for place in range(14)]
    assert figure.get_suptitle() == "x, 0 dB SNR, CBR 1/24"


def test_the_ratio_is_that_of_the_picture_shown(row, png):
    rows = [row("a", "x", psnr_db=1.0, cbr=1 / 24), row("b", "x", psnr_db=1.0, cbr=1 / 12)]
    rows += [row("a", "tiny", psnr_db=1.0, cbr=27.0), row("b", "tiny", psnr_db=1.0, cbr=27.0)]
    figure = gallery_figure(rows, [GalleryPicture(c, "x", 0.0, png()) for c in "ab"])
    assert [a.get_ylabel().replace("\n", " ") for a in figure.axes] == [
        "a, CBR\u00a01/24",
        "b, CBR\u00a01/12",
    ]


def test_a_picture_in_which_nothing_can_be_seen_is_not_the_first_choice(row, png):
    rows = [row("a", name, psnr_db=1.0) for name in ("dot", "small", "large", "larger")]
    sizes = {"dot": 1, "small": 40, "large": 70, "larger": 90}
    gallery = [GalleryPicture("a", name, 0.0, png(side, side)) for name, side in sizes.items()]
    assert gallery_figure(rows, gallery).get_suptitle() == "large"
    assert gallery_figure(rows, gallery[:2]).get_suptitle() == "small"
    assert gallery_figure(rows, gallery, picture="dot").get_suptitle() == "dot"

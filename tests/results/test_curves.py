"""Curves over SNR."""

import pytest

from moclink.results.averages import Average
from moclink.results.curves import curves_figure, envelope, families
from moclink.results.panels import FigureError
from moclink.results.style import FigureOptions


def labels_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_families_are_codecs_with_several_schemes():
    chains = ["jpeg-ldpc", "jpeg-ldpc-qpsk-r12", "bpg-ldpc", "random-ldpc", "random-ldpc-16qam-r12"]
    assert families(chains) == {"jpeg": ["jpeg-ldpc", "jpeg-ldpc-qpsk-r12"]}
    at = ["bpg-ldpc@1/24", "bpg-ldpc@1/48", "bpg-ldpc-qpsk-r12@1/24"]
    assert families(at) == {"bpg@1/24": ["bpg-ldpc@1/24", "bpg-ldpc-qpsk-r12@1/24"]}


def test_the_envelope_is_the_best_at_each_snr():
    one = [Average(0.0, 10.0, 0, 3), Average(5.0, 20.0, 0, 3)]
    two = [Average(0.0, 12.0, 0, 3), Average(5.0, 15.0, 0, 3), Average(9.0, 1.0, 0, 3)]
    assert envelope([one, two], max) == [(0.0, 12.0), (5.0, 20.0), (9.0, 1.0)]
    assert envelope([one, two], min) == [(0.0, 10.0), (5.0, 15.0), (9.0, 1.0)]


def test_conditions_and_unequal_ratios_are_stated(row):
    rows = [row("moc-rvq-l4", i, s, psnr_db=20.0, cbr=1 / 24) for i in "xy" for s in (0.0, 5.0)]
    rows += [row("jpeg-ldpc", i, s, psnr_db=20.0, cbr=1 / 24) for i in "xy" for s in (0.0, 5.0)]
    rows += [row("jscc-96", i, s, psnr_db=30.0, cbr=1 / 4) for i in "xy" for s in (0.0, 5.0)]
    figure = curves_figure(rows, FigureOptions(note="AWGN, equal symbols"))
    assert (
        figure.get_suptitle() == "AWGN, equal symbols, CBR 1/24 unless stated, mean over 2 pictures"
    )
    assert labels_of(figure) == ["MOC-RVQ L4", "JPEG + LDPC", "JSCC-96, CBR 1/4"]


@pytest.mark.parametrize(
    "pictures,spread,banded", [(5, 1.0, True), (4, 1.0, False), (5, 0.0, False)]
)
def test_bands_are_named_only_where_they_are_drawn(pictures, spread, banded, row):
    rows = [
        row("a", str(i), snr, psnr_db=20 + spread * i + snr)
        for i in range(pictures)
        for snr in (0.0, 5.0)
    ]
    figure = curves_figure(rows)
    assert ("confidence bands" in figure.get_suptitle()) == banded
    assert bool(figure.axes[0].collections) == banded


def test_a_band_ends_where_pictures_are_too_few(row):
    rows = [
        row("a", str(i), snr, psnr_db=20.0 + i + snr, outage=int(snr == 0 and i < 3))
        for i in range(6)
        for snr in (0.0, 5.0, 10.0)
    ]
    figure = curves_figure(rows, FigureOptions(outage="exclude"))
    (band,) = figure.axes[0].collections
    xs = band.get_paths()[0].vertices[:, 0]
    assert (xs.min(), xs.max()) == (5, 10)
    assert figure.get_suptitle() == "mean over 6 pictures, 95 % confidence bands, outages left out"


def test_lower_is_better_is_written_at_the_axis(row):
    rows = [row("a", snr=s, psnr_db=1.0, lpips=0.1) for s in (0.0, 5.0)]
    figure = curves_figure(rows)
    assert [a.get_ylabel() for a in figure.axes] == ["PSNR (dB)", "LPIPS (lower is better)"]
    assert [a.get_ylabel() for a in curves_figure(rows, FigureOptions(metrics=["lpips"])).axes] == [
        "LPIPS (lower is better)"
    ]


def test_the_envelope_of_a_metric_takes_its_better_side(row):
    names = ("jpeg-ldpc", "jpeg-ldpc-qpsk-r12")
    rows = [
        row(n, snr=s, lpips=0.1 + i, psnr_db=10.0 + i)
        for i, n in enumerate(names)
        for s in (0.0, 5.0)
    ]
    psnr, lpips = curves_figure(rows).axes
    assert list(psnr.lines[-1].get_ydata()) == [11.0, 11.0]
    assert list(lpips.lines[-1].get_ydata()) == [0.1, 0.1]


def test_without_outages_their_rate_has_a_panel(row):
    rows = [row("a", i, s, psnr_db=10.0, outage=int(i == "x")) for i in "xy" for s in (0.0, 5.0)]
    figure = curves_figure(rows, FigureOptions(outage="exclude"))
    assert [a.get_ylabel() for a in figure.axes] == ["PSNR (dB)", "Outage rate"]
    assert len(curves_figure(rows).axes) == 1


def test_nothing_measured_is_said(row):
    with pytest.raises(FigureError, match="no metric was measured"):
        curves_figure([row(outage=0)])

"""Quality over the channel bandwidth ratio."""

import pytest

from moclink.results.panels import FigureError
from moclink.results.rate_curves import rate_figure
from moclink.results.style import FigureOptions


@pytest.fixture
def rows(row):
    """A scheme at three ratios, the levels of another, and a chain of one ratio, at 10 dB."""
    ratios = {f"bpg-ldpc@1/{n}": 1 / n for n in (24, 96, 48)}
    ratios |= {"moc-rvq-l1": 1 / 96, "moc-rvq-l4": 1 / 24, "jscc-96": 1 / 4}
    return [
        row(name, image, 10.0, psnr_db=40 * cbr + shift, cbr=cbr)
        for name, cbr in ratios.items()
        for image, shift in (("x", 20.0), ("y", 22.0))
    ]


def test_a_scheme_at_several_ratios_is_one_curve(rows):
    figure = rate_figure(rows, 10.0, FigureOptions(note="AWGN"))
    (axis,) = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "BPG + LDPC",
        "MOC-RVQ",
        "JSCC-96",
    ]
    bpg = axis.lines[0]
    assert list(bpg.get_xdata()) == pytest.approx([1 / 96, 1 / 48, 1 / 24])
    assert list(bpg.get_ydata()) == pytest.approx([40 / 96 + 21, 40 / 48 + 21, 40 / 24 + 21])
    assert [text.get_text() for text in axis.get_xticklabels()] == ["1/96", "1/48", "1/24", "1/4"]
    assert figure.get_suptitle() == "SNR 10 dB, AWGN, mean over 2 pictures"


def test_an_snr_that_was_not_sent_is_named(rows):
    with pytest.raises(FigureError, match="no pictures were sent at 3 dB; SNRs of pictures: 10"):
        rate_figure(rows, 3.0)


def test_ticks_prefer_fractions(row):
    ratios = {
        "bpg-ldpc@1/48": 0.0203,
        "softcast@1/48": 1 / 48,
        "bpg-ldpc@1/24": 0.0409,
        "softcast@1/24": 1 / 24,
    }
    rows = [row(name, psnr_db=20.0, cbr=cbr) for name, cbr in ratios.items()]
    (axis,) = rate_figure(rows, 0.0).axes
    assert [text.get_text() for text in axis.get_xticklabels()] == ["1/48", "1/24"]


@pytest.mark.parametrize(
    "ratios,texts",
    [
        ([0.02, 0.05], ["0.02", "0.05"]),  # not 0.02 beside 1/20
        ([1 / 24, 1 / 6], ["1/24", "1/6"]),
        ([1 / 24], ["1/24"]),
        ([0.041, 0.0425], ["0.041"]),
    ],
)
def test_ticks_are_all_fractions_or_all_decimals(ratios, texts, row):
    rows = [row(f"softcast@{cbr}", psnr_db=20.0 + cbr, cbr=cbr) for cbr in ratios]
    figure = rate_figure(rows, 0.0)
    figure.draw_without_rendering()
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.get_xticklabels()] == texts
    assert axis.get_xticklabels(minor=True) == []

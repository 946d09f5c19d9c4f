"""Error rates of random bits: axes, bars and closed forms."""

from dataclasses import replace

import pytest

from moclink.results.curves import curves_figure
from moclink.results.error_curves import efficiencies
from moclink.results.panels import FigureError
from moclink.results.style import FigureOptions
from moclink.results.uncoded_qam import qam_bit_error_rate

QAM64 = {"bits": 64_800, "symbols": 10_800}
CODED = {"bits": 64_800, "symbols": 21_600}


@pytest.fixture
def uncoded(bit_row):
    return [bit_row(snr=s, ber=b, **QAM64) for s, b in ((5.0, 0.26), (10.0, 0.155), (15.0, 0.06))]


@pytest.fixture
def coded(bit_row):
    rates = ((5.0, 0.2, 1.0), (10.0, 0.05, 0.7), (12.0, 0.0, 0.0))
    return [bit_row("random-ldpc", snr=s, ber=b, bler=e, **CODED) for s, b, e in rates]


def theory_of(axis):
    return [line for line in axis.lines if line.get_color() == "black"]


def test_chains_of_one_efficiency_have_a_second_axis(uncoded):
    figure = curves_figure(uncoded, FigureOptions(channel="awgn"))
    (axis,) = figure.axes
    (top,) = axis.child_axes
    figure.draw_without_rendering()
    low, high = axis.get_xlim()
    assert top.get_xlim() == pytest.approx((low - 7.782, high - 7.782), abs=1e-3)  # 10 log10(6)
    assert "E_b/N_0" in top.get_xlabel()


def test_chains_of_several_efficiencies_have_a_panel_over_bits(uncoded, coded):
    figure = curves_figure(uncoded + coded, FigureOptions(channel="awgn"))
    assert [a.get_ylabel() for a in figure.axes] == [
        "Bit error rate",
        "Block error rate",
        "Bit error rate",
    ]
    uncoded_line, coded_line = (
        line for line in figure.axes[2].lines if line.get_linestyle() == "-"
    )
    assert list(uncoded_line.get_xdata()) == pytest.approx(
        [s - 7.782 for s in (5, 10, 15)], abs=1e-3
    )
    assert list(coded_line.get_xdata()) == pytest.approx([s - 4.771 for s in (5, 10)], abs=1e-3)
    assert efficiencies(uncoded + coded) == {"random-64qam": 6.0, "random-ldpc": 3.0}


@pytest.mark.parametrize("channel,rayleigh", [("awgn", False), ("rayleigh", True)])
def test_the_closed_form_of_the_channel_is_drawn_for_uncoded_bits(
    channel, rayleigh, uncoded, coded
):
    axis = curves_figure(uncoded + coded, FigureOptions(channel=channel)).axes[0]
    (line,) = theory_of(axis)
    assert line.get_ydata() == pytest.approx(qam_bit_error_rate(6, line.get_xdata(), rayleigh))


def test_a_channel_without_a_closed_form_has_none(uncoded):
    assert theory_of(curves_figure(uncoded, FigureOptions(channel="tdl-a")).axes[0]) == []


def test_bars_are_the_intervals_by_counts(uncoded):
    axis = curves_figure(uncoded, FigureOptions(channel="awgn")).axes[0]
    (bars,) = axis.collections
    low, high = bars.get_segments()[0][:, 1]
    normal = 1.96 * (0.26 * 0.74 / 64_800) ** 0.5
    assert low < 0.26 < high and high - low == pytest.approx(2 * normal, rel=0.02)
    assert len(curves_figure(uncoded, FigureOptions(channel="rayleigh")).axes[0].collections) == 0


def test_a_rate_of_nought_is_not_drawn(coded):
    bits, blocks = curves_figure(coded).axes
    assert len(bits.lines[0].get_xdata()) == len(blocks.lines[0].get_xdata()) == 2


def test_a_panel_without_a_rate_is_left_out_and_a_chain_without_an_error_named(uncoded, bit_row):
    clean = [bit_row("random-ldpc", snr=s, ber=0.0, bler=0.0, **CODED) for s in (5.0, 10.0)]
    figure = curves_figure(uncoded + clean, FigureOptions(channel="awgn"))
    assert [a.get_ylabel() for a in figure.axes] == ["Bit error rate"] * 2
    for axis in figure.axes:
        assert [text.get_text() for text in axis.texts] == ["no errors seen: random bits + LDPC"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "random bits, 64-QAM",
        "uncoded QAM, theory",
    ]
    with pytest.raises(FigureError, match="no bit was wrong; send more"):
        curves_figure(clean)


def test_at_one_snr_there_are_no_lines_in_the_legend_alone(uncoded, row):
    rows = [row(n, psnr_db=20.0) for n in ("jpeg-ldpc", "jpeg-ldpc-qpsk-r12")]
    one = [r for r in uncoded if r.snr_db == 10.0]
    figure = curves_figure(
        [*rows, *[replace(r, snr_db=0.0) for r in one]], FigureOptions(channel="awgn")
    )
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "JPEG + LDPC",
        "JPEG + LDPC QPSK 1/2",
        "random bits, 64-QAM",
    ]
    assert list(figure.axes[0].get_xticks()) == [0.0]


def test_a_codec_in_a_folder_called_random_is_no_chain_of_bits(row):
    rows = [row("random-init/codec", snr=s, psnr_db=20.0) for s in (0.0, 5.0)]
    assert [a.get_ylabel() for a in curves_figure(rows).axes] == ["PSNR (dB)"]

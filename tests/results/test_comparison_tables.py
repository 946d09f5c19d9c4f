"""Comparisons with a reference as tables."""

import pytest

from moclink.results.comparison_tables import comparison_tables
from moclink.results.metrics import METRICS_BY_COLUMN

PSNR = METRICS_BY_COLUMN["psnr_db"]


@pytest.fixture
def rows(row):
    values = {"a": 1.5, "bpg-ldpc": 0.0}
    return [
        row(c, str(i), s, psnr_db=20 + s + i + v + 0.1 * (i == 2 and c == "a"), cbr=1 / 24)
        for c, v in values.items()
        for i in range(6)
        for s in (0.0, 5.0, 10.0, 15.0)
    ]


def test_differences_and_deltas_are_stated(rows):
    differences, deltas = comparison_tables(rows, "bpg-ldpc", [PSNR], snrs=[5.0])
    assert differences.title == "Paired differences over pictures to BPG + LDPC"
    (line,) = differences.lines
    assert line[:5] == ["a", "BPG + LDPC", "PSNR (dB)", "5", "+1.52"] and line[-2:] == [
        "0.031",
        "6",
    ]
    assert float(line[6]) < 1e-6  # paired t
    assert [line[3:] for line in deltas.lines] == [
        ["SNR", "cubic", "-1.52 dB", "+1.52"],
        ["SNR", "pchip", "-1.52 dB", "+1.52"],
    ]


def test_curves_that_do_not_overlap_say_none(row):
    rows = [
        row(c, snr=s, psnr_db=v + s)
        for c, v in (("a", 20.0), ("b", 90.0))
        for s in (0.0, 1.0, 2.0, 3.0)
    ]
    deltas = comparison_tables(rows, "b", [PSNR])[1]
    assert [line[-2:] for line in deltas.lines] == [["none", "-70.00"]] * 2


def test_a_reference_without_company_is_named(rows, bit_row):
    with pytest.raises(
        ValueError, match="nothing can be compared with 'random-64qam'; chains of pictures: a, bpg"
    ):
        comparison_tables([*rows, bit_row()], "random-64qam", [PSNR])


def test_one_snr_makes_no_curve_and_that_is_said(rows):
    one = [row for row in rows if row.snr_db == 5.0]
    differences, deltas = comparison_tables(one, "bpg-ldpc", [PSNR])
    assert len(differences.lines) == 1
    ((_, reason),) = deltas.lines
    assert (
        reason.startswith("none: a curve needs two points at least")
        and "there is one SNR" in reason
    )
    two = [row for row in rows if row.snr_db < 10.0]
    assert [line[4] for line in comparison_tables(two, "bpg-ldpc", [PSNR])[1].lines] == ["pchip"]

"""Paired differences, their significance, and deltas between chains."""

import numpy as np
import pytest
from scipy import stats

from moclink.results.comparison import deltas_over_cbr, deltas_over_snr, paired_differences, pairs
from moclink.results.metrics import METRICS_BY_COLUMN

PSNR = METRICS_BY_COLUMN["psnr_db"]


def test_differences_are_over_the_same_pictures(row):
    rng = np.random.default_rng(2)
    one, other = rng.normal(30, 2, (8, 2)), rng.normal(29, 2, (8, 2))
    rows = [row("a", str(i), trial=t, psnr_db=one[i, t]) for i in range(8) for t in range(2)]
    rows += [row("b", str(i), trial=t, psnr_db=other[i, t]) for i in range(8) for t in range(2)]
    rows += [row("a", "only-a", psnr_db=99.0), row("a", "0", 5.0, psnr_db=1.0)]
    (found,) = paired_differences(rows, "a", "b", "psnr_db")
    means = one.mean(axis=1), other.mean(axis=1)
    assert found.mean == pytest.approx((means[0] - means[1]).mean()) and found.images == 8
    assert found.p_t == pytest.approx(stats.ttest_rel(*means).pvalue)
    assert found.p_wilcoxon == pytest.approx(stats.wilcoxon(*means).pvalue)


def test_what_has_no_significance_has_no_p_value(row):
    rows = [row(c, i, psnr_db=10.0) for c in "ab" for i in "xy"]
    (same,) = paired_differences(rows, "a", "b", "psnr_db")
    assert (same.mean, same.p_t, same.p_wilcoxon) == (0, None, None)
    (single,) = paired_differences([rows[0], rows[2]], "a", "b", "psnr_db")
    assert (single.half_width, single.p_t, single.p_wilcoxon, single.images) == (0, None, None, 1)


def test_a_curve_three_db_to_the_left_saves_three_db(row):
    snrs, curve = [0.0, 5.0, 10.0, 15.0, 20.0], [20.0, 23.0, 25.0, 26.0, 26.5]
    rows = [row("b", snr=s, psnr_db=v) for s, v in zip(snrs, curve, strict=True)]
    rows += [row("a", snr=s - 3, psnr_db=v) for s, v in zip(snrs, curve, strict=True)]
    for delta in deltas_over_snr(rows, "a", "b", PSNR):
        assert delta.saving == pytest.approx(-3) and delta.quality > 0 and delta.over == "SNR"
    rows += [row("c", snr=s, psnr_db=90.0 + s) for s in snrs]
    assert [d.saving for d in deltas_over_snr(rows, "c", "b", PSNR)] == [None, None]


def test_deltas_over_the_ratio_are_between_schemes(row):
    rows = []
    for n, value in ((96, 20.0), (48, 22.0), (24, 24.0), (12, 26.0)):
        rows.append(row(f"bpg-ldpc@1/{n}", psnr_db=value, cbr=1 / n))
        rows.append(row(f"softcast@1/{n}", psnr_db=value + 1, cbr=1 / n))
    rows.append(row("jscc-96", psnr_db=30.0, cbr=1 / 4))
    for reference in ("bpg-ldpc", "bpg-ldpc@1/48"):
        cubic, pchip = deltas_over_cbr(rows, reference, PSNR, 0.0)
        assert (cubic.chain, cubic.over, cubic.method) == ("SoftCast", "CBR at 0 dB", "cubic")
        # One dB is half of an octave of this curve.
        assert cubic.saving == pytest.approx(
            100 * (2**-0.5 - 1)
        ) and cubic.quality == pytest.approx(1)
        assert pchip.saving == pytest.approx(cubic.saving) and pchip.method == "pchip"
    assert deltas_over_cbr(rows, "jscc-96", PSNR, 0.0) == []


def test_chains_meet_the_reference_of_their_own_ratio(row, bit_row):
    rows = [row(f"bpg-ldpc@1/{n}", cbr=1 / n) for n in (24, 48)]
    rows += [row("moc-rvq-l4", cbr=1 / 24), row("jscc-96", cbr=1 / 4), bit_row()]
    assert pairs(rows, "bpg-ldpc") == [("moc-rvq-l4", "bpg-ldpc@1/24")]
    assert pairs(rows, "moc-rvq-l4") == [
        (n, "moc-rvq-l4") for n in ("bpg-ldpc@1/24", "bpg-ldpc@1/48", "jscc-96")
    ]
    assert pairs(rows, "random-64qam") == []

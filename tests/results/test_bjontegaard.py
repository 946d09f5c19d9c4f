"""Bjontegaard deltas against an independent implementation, and where they cannot be had."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from moclink.results.bjontegaard import bd_quality, bd_rate, bd_snr

EXAMPLES = json.loads((Path(__file__).parent.parent / "refs" / "bjontegaard.json").read_text())


@pytest.mark.parametrize("method", ["cubic", "pchip"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_deltas_are_those_of_an_independent_implementation(name, method):
    example = EXAMPLES[name]
    curves = example["reference"], example["tested"]
    assert bd_rate(*curves, method) == pytest.approx(example[method]["bd_rate"], rel=1e-9)
    assert bd_quality(*curves, method) == pytest.approx(example[method]["bd_psnr"], rel=1e-9)


@pytest.mark.parametrize("method", ["cubic", "pchip"])
def test_a_curve_moved_along_an_axis_is_off_by_just_that(method):
    rates, quality = [1 / 96, 1 / 48, 1 / 24, 1 / 12, 1 / 6], [20.0, 23.0, 25.5, 27.0, 28.0]
    double = [2 * rate for rate in rates]
    better = [value + 1.5 for value in quality]
    assert bd_rate((rates, quality), (double, quality), method) == pytest.approx(100)
    assert bd_quality((rates, quality), (rates, better), method) == pytest.approx(1.5)
    snrs = [0, 5, 10, 15, 20]
    assert bd_snr((snrs, quality), ([s - 3 for s in snrs], quality), method) == pytest.approx(-3)
    assert bd_quality((snrs, quality), (snrs, better), method, log=False) == pytest.approx(1.5)


def test_where_lower_is_better_less_rate_is_still_a_saving():
    rates, lpips = [1.0, 2.0, 4.0, 8.0], [0.5, 0.4, 0.3, 0.25]
    halved = [rate / 2 for rate in rates]
    assert bd_rate((rates, lpips), (halved, lpips), "cubic", lower=True) == pytest.approx(-50)
    assert bd_rate((rates, lpips), (halved, lpips), "pchip", lower=True) == pytest.approx(-50)


def test_curves_that_do_not_overlap_or_are_too_short_have_none():
    low, high = ([1, 2, 3, 4], [10, 11, 12, 13]), ([1, 2, 3, 4], [20, 21, 22, 23])
    assert bd_rate(low, high) is None and bd_quality(low, ([5, 6, 7, 8], [1, 2, 3, 4])) is None
    three = ([1, 10, 100], [10, 11, 12])
    assert bd_rate(three, three, "cubic") is None and bd_rate(
        three, three, "pchip"
    ) == pytest.approx(0)
    assert bd_rate(low, ([], [])) is None


def test_a_plateau_counts_from_where_it_is_reached():
    cliff = [0, 5, 10, 15, 20, 25], [10, 10, 10, 24, 24, 24]
    shifted = [s + 2 for s in cliff[0]], cliff[1]
    # Points that are no better than those before them are left out: 0 dB and 15 dB stay.
    assert bd_snr(cliff, shifted) == pytest.approx(2)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="rates .*0.* each must be positive"):
        bd_rate(([0, 1], [1, 2]), ([1, 2], [1, 2]))
    with pytest.raises(ValueError, match="'akima': there are cubic, pchip"):
        bd_rate(([1, 2], [1, 2]), ([1, 2], [1, 2]), "akima")
    assert math.isfinite(bd_rate((np.arange(1, 6), np.arange(5)), (np.arange(1, 6), np.arange(5))))

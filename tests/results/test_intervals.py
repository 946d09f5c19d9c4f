"""Confidence intervals against SciPy's."""

import numpy as np
import pytest
from scipy import stats

from moclink.results.intervals import clopper_pearson, half_width


def test_clopper_pearson_is_that_of_scipy():
    for seen, count in [(0, 50), (3, 50), (50, 50), (100, 64_800)]:
        exact = stats.binomtest(seen, count).proportion_ci(0.95, "exact")
        assert clopper_pearson(seen / count, count) == pytest.approx((exact.low, exact.high))


def test_clopper_pearson_of_means_of_trials_is_between_those_of_counts():
    lows, highs = zip(*(clopper_pearson(seen / 10, 10) for seen in (2, 2.5, 3)), strict=True)
    assert sorted(lows) == list(lows) and sorted(highs) == list(highs)
    assert len(set(lows)) == len(set(highs)) == 3


def test_half_width_is_that_of_students_t():
    values = np.array([1.0, 4.0, 2.5, 7.0])
    low, high = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    assert half_width(values) == pytest.approx((high - low) / 2)
    assert half_width(values[:1]) == 0

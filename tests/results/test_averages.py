"""Means over pictures, their intervals, and how outages count."""

import math

import numpy as np
import pytest
from scipy import stats

from moclink.results.averages import average, by_chain, chosen_snrs, image_means
from moclink.results.intervals import half_width


def test_averages_are_over_trials_then_images_with_students_t(row):
    rng = np.random.default_rng(1)
    values = rng.normal(30, 2, (6, 3))
    rows = [
        row(image=str(i), trial=t, psnr_db=values[i, t]) for i in range(6) for t in range(3)
    ] + [
        row(image="7", snr=5.0, psnr_db=math.inf),
        row(image="8", snr=5.0),
        row(image="9", snr=5.0, psnr_db=math.nan),
    ]
    first, second = average(rows, "psnr_db")
    means = values.mean(axis=1)
    low, high = stats.t.interval(0.95, 5, means.mean(), stats.sem(means))
    assert first.mean == pytest.approx(means.mean())
    assert first.half_width == pytest.approx((high - low) / 2)
    assert (second.mean, second.half_width, second.images) == (100.0, 0.0, 1)


def test_outages_count_as_stored_or_not_at_all(row):
    rows = [
        row(image="0", trial=0, psnr_db=10.0, outage=1, bler=1.0),
        row(image="0", trial=1, psnr_db=30.0, outage=0, bler=0.0),
        row(image="1", psnr_db=20.0, outage=0, bler=0.0),
        row(image="2", snr=-5.0, psnr_db=10.0, outage=1),
    ]
    assert [(a.snr_db, a.mean) for a in average(rows, "psnr_db")] == [(-5, 10), (0, 20)]
    assert [(a.snr_db, a.mean) for a in average(rows, "psnr_db", "exclude")] == [(0, 25)]
    assert average(rows, "outage", "exclude")[1].mean == 0.25
    assert average(rows, "outage")[0].interval is None  # of one picture
    assert average(rows, "bler", "exclude")[0].mean == 0.25  # error rates are of all that was sent
    assert image_means(rows, "psnr_db", "exclude") == {0.0: {"0": 30.0, "1": 20.0}}
    with pytest.raises(ValueError, match="outage 'black': there are grey, mean, exclude"):
        average(rows, "psnr_db", "black")


def test_an_outage_rate_has_the_interval_of_a_proportion(row):
    for lost, count in [(0, 3), (2, 5), (4, 4)]:
        rows = [row(image=str(i), outage=int(i < lost)) for i in range(count)]
        (found,) = average(rows, "outage")
        exact = stats.binomtest(lost, count).proportion_ci(0.95, "exact")
        assert found.interval == pytest.approx((exact.low, exact.high))
        assert found.half_width == pytest.approx((exact.high - exact.low) / 2)


def test_chains_keep_their_order(row):
    rows = [row("b"), row("a"), row("b", snr=1.0)]
    assert by_chain(rows) == {"b": [rows[0], rows[2]], "a": [rows[1]]}


@pytest.mark.parametrize(
    "snrs,chosen",
    [
        (range(-5, 31), [0, 5, 10, 15, 20]),
        ([3, 1, 1], [1, 3]),
        (range(1, 10), [1, 3, 5, 7, 9]),
    ],
)
def test_a_few_snrs_are_chosen(snrs, chosen):
    assert chosen_snrs(snrs) == chosen


def test_means_are_those_of_numpy_one_by_one(row):
    """To the last bit, with cells missing, values that are no numbers."""
    rng = np.random.default_rng(1)
    odd = [math.inf, math.nan, None]
    rows = [
        row("a", str(image), snr, trial, psnr_db=odd[int(u * 40)] if u * 40 < 3 else 40 * u)
        for image in range(5)
        for snr in (10.0, -5.0, 0.5)
        for trial, u in enumerate(rng.random(20))
        if u < 0.9 or image == 2
    ]
    expected: dict = {}
    for one in rows:
        if one.psnr_db is not None and not math.isnan(one.psnr_db):
            images = expected.setdefault(one.snr_db, {})
            images.setdefault(one.image, []).append(min(one.psnr_db, 100.0))
    for point, snr in zip(average(rows, "psnr_db"), sorted(expected), strict=True):
        means = {image: float(np.mean(values)) for image, values in expected[snr].items()}
        ordered = np.array([means[image] for image in "01234"])
        assert (point.snr_db, point.images) == (snr, 5)
        assert point.mean == ordered.mean() and point.half_width == half_width(ordered)
        assert image_means(rows, "psnr_db")[snr] == means

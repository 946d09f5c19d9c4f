"""Means over pictures, their intervals, and how outages count."""

import math

import numpy as np
import pytest
from scipy import stats

from moclink.results.averages import average, by_chain, chosen_snrs, image_means


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
    assert average(rows, "bler", "exclude")[0].mean == 0.25  # error rates are of all that was sent
    assert image_means(rows, "psnr_db", "exclude") == {0.0: {"0": 30.0, "1": 20.0}}
    with pytest.raises(ValueError, match="outage 'black': there are grey, mean, exclude"):
        average(rows, "psnr_db", "black")


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

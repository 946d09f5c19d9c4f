"""Metrics without weights and pictures that are too small: named before a sweep begins."""

from functools import partial

import numpy as np
import pytest

from moclink.images import Picture
from moclink.sweep.available_metrics import (
    drop_missing_metrics,
    find_missing_metrics,
    report_small_pictures,
)
from moclink.sweep.plan import Plan
from moclink.sweep.session import Session
from moclink.sweep.workers import Pool


@pytest.fixture
def plan(monkeypatch):
    """A plan with two learned metrics, of which one has no weights."""

    def unavailable(*args, **options):
        raise RuntimeError("there are no weights")

    monkeypatch.setattr("moclink.sweep.session.measures.lpips", unavailable)
    zeros = lambda images, *args, **options: np.zeros(len(images))  # noqa: E731
    monkeypatch.setattr("moclink.sweep.session.measures.st_lpips", zeros)
    return Plan((5.0,), ("jpeg-ldpc",), metrics=("psnr", "lpips", "st-lpips", "ms-ssim"))


def test_metrics_without_weights_are_found_with_the_reason(plan):
    assert find_missing_metrics(Session(plan), plan) == [("lpips", "there are no weights")]


def test_the_plan_goes_on_without_them_and_a_line_says_so(plan, capsys):
    with Pool(1) as pool:
        kept = drop_missing_metrics(plan, pool, partial(Session, plan))
    assert kept.metrics == ("psnr", "st-lpips", "ms-ssim") and kept.chains == plan.chains
    assert capsys.readouterr().err == "note: not measured: lpips, since there are no weights\n"


def test_pictures_that_are_too_small_are_counted_for_each_metric(plan, capsys):
    sides = [(200, 200), (160, 300), (31, 400)]
    pictures = [
        Picture(str(place), np.zeros((*side, 3), np.uint8)) for place, side in enumerate(sides)
    ]
    report_small_pictures(plan, pictures)
    assert capsys.readouterr().err.splitlines() == [
        "note: lpips, st-lpips: not measured of 1 of 3 pictures (sides of 32 pixels are needed)",
        "note: ms-ssim: not measured of 2 of 3 pictures (sides of 161 pixels are needed)",
    ]
    report_small_pictures(plan, pictures[:1])
    assert capsys.readouterr().err == ""

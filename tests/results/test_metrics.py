"""The one table of metrics."""

import math

import pytest

from moclink.results.metrics import METRICS_BY_COLUMN, choose_metrics, measured
from moclink.types import Row


def test_every_metric_is_a_column_of_a_row():
    numbers = {
        name for name, field in Row.__dataclass_fields__.items() if "str" not in str(field.type)
    }
    assert METRICS_BY_COLUMN.keys() <= numbers
    quality = {name for name in METRICS_BY_COLUMN if METRICS_BY_COLUMN[name].kind == "picture"}
    assert {"psnr_db", "ssim", "lpips", "st_lpips"} <= quality
    # Whatever number a row holds beside the cell, its size and its symbols is in the table.
    assert numbers - METRICS_BY_COLUMN.keys() == {
        "height",
        "width",
        "snr_db",
        "trial",
        "symbols",
        "blocks",
    }


def test_directions_are_those_of_the_field():
    assert not METRICS_BY_COLUMN["psnr_db"].lower and not METRICS_BY_COLUMN["ssim"].lower
    assert METRICS_BY_COLUMN["lpips"].axis_label == "LPIPS (lower is better)"
    assert (
        METRICS_BY_COLUMN["ber"].lower and METRICS_BY_COLUMN["ber"].axis_label == "Bit error rate"
    )


def test_what_was_not_measured_is_not_there(row):
    rows = [row(psnr_db=math.inf, ssim=math.nan, outage=0)]
    assert [m.column for m in measured(rows, "picture")] == ["psnr_db"]
    assert [m.column for m in measured(rows)] == ["psnr_db", "outage"]


def test_metrics_are_chosen_by_option_or_column():
    found = [METRICS_BY_COLUMN["psnr_db"], METRICS_BY_COLUMN["st_lpips"]]
    assert choose_metrics(None, found) == found
    assert choose_metrics(["st-lpips", "PSNR"], found) == found[::-1]
    assert choose_metrics(["psnr_db"], found) == found[:1]
    with pytest.raises(ValueError, match="'ssim' was not measured; there are: psnr, st-lpips"):
        choose_metrics(["ssim"], found)

"""What the command lines and `moclink.run` share: the same words mean the same."""

import decimal
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from moclink.arguments import (
    UsageError,
    comma_list,
    parse_snr,
    read_cbrs,
    read_choice,
    read_folder,
    read_integer,
    read_metrics,
    read_snr,
    read_switch,
)
from moclink.constants import METRICS


def test_a_run_has_at_most_a_thousand_snrs_however_they_are_given():
    with pytest.raises(UsageError, match="1999 points; at most 1000"):
        parse_snr("0:99.9:0.1,-99.9:-0.1:0.1")
    with pytest.raises(UsageError, match="1001 points; at most 1000"):
        read_snr(np.linspace(0, 10, 1001))
    assert len(read_snr(np.linspace(0, 10, 1000))) == 1000


def test_lists_are_cut_at_commas():
    assert comma_list(" a, b ,,c") == ["a", "b", "c"] and comma_list(" ") == []


@pytest.mark.parametrize(
    "value,snrs",
    [
        (None, [float(snr) for snr in range(-5, 31)]),
        ("0:4:2", [0, 2, 4]),
        ("7, 3", [3, 7]),
        (5, [5]),
        (np.float32(2.5), [2.5]),
        (range(3), [0, 1, 2]),
        ([10, 0, 10.0], [0, 10]),
        (np.arange(2), [0, 1]),
        ({4, 2}, [2, 4]),
        # The 0.3 of single precision, of TensorFlow and JAX, is that of the command line.
        (np.arange(0, 1, 0.3, np.float32), [0, 0.3, 0.6, 0.9]),
        ([np.float32(-0.7), np.float32(33.3)], [-0.7, 33.3]),
        (np.float16(0.1), [0.1]),
        (0.123456789, [0.123456789]),
    ],
)
def test_snrs_are_text_numbers_or_several(value, snrs):
    assert list(read_snr(value)) == snrs


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a",
        "5:1",
        [],
        [None],
        ["5"],
        [[1], [2, 3]],
        float("nan"),
        [np.inf],
        1000,
        True,
        object(),
    ],
)
def test_what_is_no_snr_is_one_line(value):
    with pytest.raises(ValueError, match="^snr ") as caught:
        read_snr(value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "value,names",
    [
        (None, ("psnr", "ssim")),
        ("psnr", ("psnr",)),
        ("ssim, psnr,ssim", ("ssim", "psnr")),
        (["ms-ssim"], ("ms-ssim",)),
        (["PSNR", "psnr_db", "MS-SSIM_dB", "psnr_y_db"], ("psnr", "ms-ssim-db", "psnr-y")),
        ("all", METRICS),
        (["all"], METRICS),
    ],
)
def test_metrics_are_text_or_several_names(value, names):
    assert read_metrics(value) == names


@pytest.mark.parametrize("value", ["", [], "vmaf", ["psnr", 3], 3, "psnr,all"])
def test_what_is_no_metric_is_one_line(value):
    with pytest.raises(ValueError, match="^metrics .*there are psnr, psnr-y, .*, or all") as caught:
        read_metrics(value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value,ratios",
    [
        ("1/24", ["1/24"]),
        ("1/96,0.05", ["1/96", "1/20"]),
        (1 / 24, ["1/24"]),
        (0.05, ["1/20"]),
        (1, ["1"]),
        (np.float64(1 / 48), ["1/48"]),
        ([Fraction(1, 24), "1/12", 0.25], ["1/24", "1/12", "1/4"]),
    ],
)
def test_ratios_are_text_numbers_or_several(value, ratios):
    assert [str(ratio) for ratio in read_cbrs(value)] == ratios


@pytest.mark.parametrize(
    "value", [0, 2, -1 / 24, "", [], True, None, [None], float("nan"), "1/24;1/48"]
)
def test_what_is_no_ratio_is_one_line(value):
    with pytest.raises(ValueError, match="(?i)^cbr .*give") as caught:
        read_cbrs(value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [3, 3.0, "3", np.int64(3)])
def test_whole_numbers(value):
    assert read_integer("trials", value, 1) == 3


@pytest.mark.parametrize("value", [0, 1.5, "x", None, True, float("inf"), float("nan"), [3]])
def test_what_is_no_whole_number_is_one_line(value):
    with pytest.raises(ValueError, match="^trials .*: a whole number of at least 1 is needed$"):
        read_integer("trials", value, 1)


def test_choices_and_folders():
    assert read_choice("code", "a", ("a", "b")) == "a" and read_folder("out", "x") == Path("x")
    for wrong in ("c", None, ["a"]):
        with pytest.raises(ValueError, match="^code .*: there are a, b"):
            read_choice("code", wrong, ("a", "b"))
    for wrong in (3, "", None, ["x"]):
        with pytest.raises(ValueError, match="^out .*: the path of a folder is wanted"):
            read_folder("out", wrong)
    assert read_folder("out", "~/runs") == Path.home() / "runs"
    assert read_folder("out", Path("~")) == Path.home()
    assert read_folder("out", ".") == Path() and read_folder("out", "./") == Path()
    for wrong in ("runs/" + "x" * 300, "a\0b"):
        with pytest.raises(ValueError, match="^out '.*: .*(name is too long|null)"):
            read_folder("out", wrong)


def test_snrs_are_what_a_command_line_has():
    assert read_snr(np.arange(0.1, 0.5, 0.1)) == (0.1, 0.2, 0.3, 0.4)
    assert np.signbit(read_snr([-0.0])).tolist() == [False]


@pytest.mark.parametrize(
    "text,expected",
    [
        ("-5:30", [float(v) for v in range(-5, 31)]),
        ("0:1:0.1", [round(0.1 * i, 1) for i in range(11)]),
        ("-5:0:2", [-5, -3, -1]),
        ("20,-3,7.5,20", [-3, 7.5, 20]),
        ("-5", [-5]),
        ("1e1", [10]),
        ("-5:0:5,3,10:20:10", [-5, 0, 3, 10, 20]),
        ("30, 0:2", [0, 1, 2, 30]),
    ],
)
def test_snr_is_read(text, expected):
    assert list(parse_snr(text)) == expected


@pytest.mark.parametrize("context", [{"prec": 2}, {"traps": [decimal.Inexact]}])
def test_a_callers_decimal_context_changes_no_snr(context):
    """With two digits 10.125 would be 10; with the trap of inexact results there would be an error."""
    with decimal.localcontext(decimal.Context(**context)):
        assert parse_snr("10:10.5:0.125") == (10, 10.125, 10.25, 10.375, 10.5)
        assert parse_snr("0:1:0.3") == (0, 0.3, 0.6, 0.9)
        with pytest.raises(ValueError, match="between -100 and 100"):
            parse_snr("100.4")
        with pytest.raises(ValueError, match="not a number of dB"):
            parse_snr("a:b")


def test_decimals_and_fractions_are_snrs_and_bytes_are_none():
    assert read_snr([Decimal("1.5"), Fraction(1, 2)]) == (0.5, 1.5)
    for value in (b"10", bytearray(b"10"), memoryview(b"10"), [True], [None]):
        with pytest.raises(ValueError, match="not a number of dB"):
            read_snr(value)


def test_a_switch_is_true_or_false():
    assert read_switch("x", True) and not read_switch("x", 0) and read_switch("x", np.True_)
    for value in ("no", "yes", None, 2, 0.0):
        with pytest.raises(ValueError, match="x .*: True or False is needed"):
            read_switch("x", value)


def test_a_folder_is_not_called_like_a_file(tmp_path):
    with pytest.raises(ValueError, match=r"--out fig.pdf: that is the name of a file; .* as fig$"):
        read_folder("--out", "fig.pdf")
    (tmp_path / "a.csv").mkdir()
    assert read_folder("out", tmp_path / "a.csv") == tmp_path / "a.csv"
    assert read_folder("out", "run.v1.2") == Path("run.v1.2")


def test_a_range_without_a_number_is_no_wrong_step():
    for text in ("-inf:0", "0:nan", "0:10:inf"):
        with pytest.raises(ValueError, match="not a number of dB"):
            parse_snr(text)


def test_a_suggested_folder_is_quoted_for_a_shell(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    with pytest.raises(ValueError, match="such as '/home/me/a b'$"):
        read_folder("--out", "~/a b.png")

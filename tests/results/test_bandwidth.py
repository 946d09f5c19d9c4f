"""Channel bandwidth ratios in labels and titles."""

import pytest

from moclink.results.bandwidth import cbr_note, cbr_text, chain_cbrs, chain_labels, common_cbr
from moclink.types import Row


@pytest.mark.parametrize(
    "value,text",
    [(1 / 24, "1/24"), (0.0417, "1/24"), (0.25, "1/4"), (1, "1"), (0.0815, "0.0815"), (0.3, "0.3")],
)
def test_a_ratio_is_a_fraction_where_it_is_near_one(value, text):
    assert cbr_text(value) == text


def test_only_those_that_differ_are_marked(row):
    rows = [
        row("moc-rvq-l4", cbr=1 / 24),
        row("jpeg-ldpc", cbr=0.0412),
        row("jscc-96", cbr=0.25),
        row("x"),
    ]
    assert chain_labels(rows) == {
        "moc-rvq-l4": "MOC-RVQ L4",
        "jpeg-ldpc": "JPEG + LDPC",
        "jscc-96": "JSCC-96, CBR 1/4",
        "x": "x",
    }
    assert cbr_note(rows) == "CBR 1/24 unless stated"
    assert cbr_note(rows[:2]) == "CBR 1/24" and cbr_note(rows[3:]) == ""


def test_where_all_differ_all_are_marked(row):
    rows = [row("moc-rvq-l1", cbr=1 / 96), row("moc-rvq-l2", cbr=1 / 48)]
    assert list(chain_labels(rows).values()) == ["MOC-RVQ L1, CBR 1/96", "MOC-RVQ L2, CBR 1/48"]
    assert cbr_note(rows) == "" and common_cbr([]) is None


def test_a_stated_ratio_that_was_not_sent_is_said(row):
    rows = [row("bpg-ldpc@1/24", cbr=0.0415), row("jpeg-ldpc@1/24", cbr=1 / 48)]
    assert list(chain_labels(rows).values()) == [
        "BPG + LDPC, CBR 1/24",
        "JPEG + LDPC, CBR 1/48 (1/24 asked for)",
    ]


def test_the_ratio_of_a_chain_is_its_mean(row):
    assert chain_cbrs([row(cbr=0.1), row(image="y", cbr=0.3), row("b")]) == {
        "a": pytest.approx(0.2)
    }


def test_a_tiny_picture_weighs_what_it_is():
    """One codeword is many symbols a value of a picture of one pixel."""
    sent = {"photo": (480, 640, 38_400), "dot": (1, 1, 108)}
    rows = [
        Row("a", name, h, w, 0.0, 0, symbols=s, cbr=s / (3 * h * w))
        for name, (h, w, s) in sent.items()
    ]
    symbols, values = 38_400 + 108, 3 * (480 * 640 + 1)
    assert chain_cbrs(rows)["a"] == pytest.approx(symbols / values)


def test_a_ratio_between_two_groups_is_not_that_of_most():
    """0.0412 is within 2 % of both 0.0407 and 1/24, which most have exactly."""
    assert common_cbr([0.0407, 0.0408, 0.0412, 1 / 24, 1 / 24, 1 / 24 + 1e-7]) == pytest.approx(
        1 / 24, rel=1e-5
    )
    assert common_cbr([0.0407, 0.0412]) == 0.0412 and common_cbr([0.04, 0.08]) is None

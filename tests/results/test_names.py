"""Names of chains as the field writes them."""

import pytest

from moclink.linear_names import FIXED_LINEAR, LINEAR_CODECS
from moclink.results.names import (
    base_name,
    display_name,
    information_bits,
    printable,
    short_name,
    shortened,
    stated_cbr,
    wrapped,
)


@pytest.mark.parametrize(
    "chain,expected",
    [
        ("moc-rvq-l4", "MOC-RVQ L4"),
        ("moc-rvq-perceptual-l1", "MOC-RVQ perceptual L1"),
        ("moc-rvq-perceptual-l4-no-nrb", "MOC-RVQ perceptual L4, w/o NRB"),
        ("moc-rvq-l4-no-nrb-no-cr", "MOC-RVQ L4, w/o NRB, w/o CR"),
        ("moc-rvq-l2-greedy-paper-hard", "MOC-RVQ L2, greedy CR, paper's g, hard receiver"),
        ("jscc-96", "JSCC-96"),
        ("jscc-96-paper", "JSCC-96, paper"),
        ("jscc-16", "JSCC-16"),
        ("softcast", "SoftCast"),
        ("softcast-robust", "SoftCast, robust"),
        ("moc-rvq-linear@1/24", "MOC-RVQ linear, CBR 1/24"),
        ("jscc-linear-robust", "JSCC linear, robust"),
        ("moc-rvq-adaptive", "MOC-RVQ adaptive"),
        ("hybrid-adaptive-perceptual", "Hybrid adaptive, perceptual"),
        ("hybrid-robust@1/24", "Hybrid robust, CBR 1/24"),
        ("moc-rvq-adaptive-l4", "MOC-RVQ L4, adaptive"),
        ("moc-rvq-robust-l4", "MOC-RVQ L4, robust"),
        ("moc-rvq-l2-ldpc-16qam-r12", "MOC-RVQ L2 + LDPC 16-QAM 1/2"),
        ("moc-rvq-l2-ldpc", "MOC-RVQ L2 + LDPC"),
        ("moc-rvq-l3-ldpc-mcs13-table2", "MOC-RVQ L3 + LDPC, MCS 13 of table 2"),
        ("moc-rvq-ldpc-adaptive@1/24", "MOC-RVQ + LDPC, adaptive, CBR 1/24"),
        ("moc-rvq-capacity", "MOC-RVQ, ideal code"),
        ("jpeg-ldpc", "JPEG + LDPC"),
        ("bpg-ldpc-16qam-r34", "BPG + LDPC 16-QAM 3/4"),
        ("jpeg-ldpc-qpsk-r13", "JPEG + LDPC QPSK 1/3"),
        ("bpg-ldpc-adaptive", "BPG + LDPC, adaptive"),
        ("bpg-ldpc-mcs13", "BPG + LDPC, MCS 13"),
        ("bpg444-ldpc-mcs5-table3@1/24", "BPG 4:4:4 + LDPC, MCS 5 of table 3, CBR 1/24"),
        ("jpeg-ldpc-rst-mcs5", "JPEG with restart markers + LDPC, MCS 5"),
        ("avif-capacity", "AVIF, ideal code"),
        ("jpeg2000-capacity", "JPEG 2000, ideal code"),
        ("webp-ldpc", "WebP + LDPC"),
        ("random-64qam", "random bits, 64-QAM"),
        ("random-qam64", "random bits, 64-QAM"),
        ("random-qpsk", "random bits, QPSK"),
        ("random-ldpc-16qam-r12", "random bits + LDPC 16-QAM 1/2"),
        ("bpg-ldpc@1/48", "BPG + LDPC, CBR 1/48"),
        ("softcast@0.05", "SoftCast, CBR 0.05"),
        ("runs/mine/codec:l2", "runs/mine/codec:l2"),
        ("random-init/codec", "random-init/codec"),
        ("runs/x-ldpc", "runs/x-ldpc"),
        ("a@b", "a@b"),
        ("$x^_{", "$x^_{"),
        ("new\nline", "new\\nline"),
    ],
)
def test_names_are_written_as_the_field_writes_them(chain, expected):
    assert display_name(chain) == expected


@pytest.mark.parametrize(
    "chain,expected",
    [
        ("moc-rvq-l4-no-nrb", "MOC-RVQ L4, w/o NRB"),
        ("runs/mine/codec:l2", "codec:l2"),
        ("runs/mine/codec@1/24", "codec, CBR 1/24"),
        ("bpg-ldpc@1/24", "BPG + LDPC, CBR 1/24"),
    ],
)
def test_short_names_leave_out_folders_and_nothing_else(chain, expected):
    assert short_name(chain) == expected


def test_the_ratio_is_what_stands_after_the_at_sign():
    assert (base_name("bpg-ldpc@1/48"), stated_cbr("bpg-ldpc@1/48")) == ("bpg-ldpc", "1/48")
    assert (base_name("me@home/codec"), stated_cbr("me@home/codec")) == ("me@home/codec", "")
    assert stated_cbr("x@1/0") == ""


def test_information_bits_are_in_the_name():
    bits = {"random-ldpc": 324, "random-ldpc-16qam-r34": 486, "bpg-ldpc-qpsk-r13@1/24": 216}
    bits |= {"random-64qam": None, "bpg-ldpc-adaptive": None}
    assert {name: information_bits(name) for name in bits} == bits


def test_long_texts_are_broken_or_shortened():
    assert wrapped("MOC-RVQ L4, w/o NRB") == "MOC-RVQ L4,\nw/o NRB"
    assert wrapped("JPEG + LDPC QPSK 1/2, CBR 1") == "JPEG + LDPC\nQPSK 1/2, CBR\n1"
    assert shortened("abcdefghij", 10) == "abcdefghij"
    assert shortened("abcdefghijk", 10) == "abc…fghijk" and len(shortened("x" * 99, 10)) == 10


@pytest.mark.parametrize(
    "text,most,short",
    [
        (
            "JPEG + LDPC, adaptive, CBR 0.0808 (1/12 asked for)",
            48,
            "JPEG + LDPC…CBR 0.0808 (1/12 asked for)",
        ),
        (
            "runs/a-very-long-name/of-a-folder/codec:l4-hard",
            40,
            "runs/a-very-…/of-a-folder/codec:l4-hard",
        ),
        ("x" * 20 + "-" + "y" * 60, 30, "x" * 10 + "…" + "y" * 19),
    ],
)
def test_names_are_cut_between_words(text, most, short):
    assert shortened(text, most) == short and len(short) <= most


def test_what_cannot_be_printed_is_escaped():
    assert printable("a\udcffb\tc\x1b é 图") == "a\\udcffb\\tc\\x1b é 图"


@pytest.mark.parametrize("chain", [*LINEAR_CODECS, *FIXED_LINEAR])
def test_every_linear_chain_has_a_name_for_figures(chain):
    assert display_name(chain) != chain

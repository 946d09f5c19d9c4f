"""Channel bandwidth ratios as they are written."""

from fractions import Fraction

import pytest

from moclink.bandwidth_ratio import parse_cbr, split_cbr, usual_name


def test_a_ratio_is_read_as_a_fraction_or_a_decimal():
    assert parse_cbr("1/24") == Fraction(1, 24) and parse_cbr(" 0.05") == Fraction(1, 20)
    assert split_cbr("bpg-ldpc@1/24") == ("bpg-ldpc", Fraction(1, 24))
    assert split_cbr("runs/me@home/codec") == ("runs/me@home/codec", None)


@pytest.mark.parametrize("text", ["0", "-1/24", "1/0", "2", "1.5", "a", "", "1/2/3", "nan", "inf"])
def test_what_is_no_ratio_is_refused(text):
    with pytest.raises(ValueError, match="give symbols per value, above 0 and up to 1"):
        parse_cbr(text)


def test_one_ratio_has_one_spelling():
    for name in ("softcast@2/48", "softcast@0.0416667", "softcast@0.041666666666666664"):
        assert usual_name(name) == "softcast@1/24"
    assert usual_name("softcast@0.0417") == "softcast@417/10000"
    assert usual_name("my.py:C@0.05") == "my.py:C@1/20" and usual_name("softcast") == "softcast"

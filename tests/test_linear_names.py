"""Names of the linear codecs: each says in a line what it is, and which of two alike it is."""

from fractions import Fraction

import pytest

from moclink.linear_names import FIXED_LINEAR, LAPPED, LINEAR_CBR, LINEAR_CODECS


def test_a_fixed_name_is_a_codec_at_a_ratio():
    for base, cbr in FIXED_LINEAR.values():
        assert base in LINEAR_CODECS and 0 < cbr <= 1
    # 16 reals are 8 symbols for the 192 values of a block of 8x8 pixels.
    assert FIXED_LINEAR["jscc-16"] == ("jscc-adaptive", Fraction(8, 192))
    assert Fraction(8, 192) == LINEAR_CBR


@pytest.mark.parametrize("name", [*LINEAR_CODECS, *LAPPED])
def test_a_description_is_a_line_that_refers_to_names_there_are(name):
    line = {**LINEAR_CODECS, **LAPPED}[name]
    assert 0 < len(line) < 110 and "\n" not in line and not line.endswith(".")
    for other in LINEAR_CODECS:
        assert other != name or not line.startswith(other)


@pytest.mark.parametrize("kind", ["adaptive", "robust"])
def test_the_name_without_a_level_says_that_the_learned_codec_has_one(kind):
    assert f"moc-rvq-{kind}-l4: the learned one" in LINEAR_CODECS[f"moc-rvq-{kind}"]

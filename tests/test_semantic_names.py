"""Names of the learned codec's chains: how they are taken apart."""

import pytest

from moclink.linear_names import LINEAR_CODECS
from moclink.semantic_names import (
    CHANNEL_OPTIMIZED,
    CHANNEL_OPTIMIZED_NAMES,
    CODED,
    DASHED_FAMILIES,
    SEMANTIC_DESCRIPTIONS,
    family_and_scheme,
)


@pytest.mark.parametrize(
    ("name", "family", "scheme"),
    [
        ("jpeg-ldpc-16qam-r12", "jpeg", "ldpc-16qam-r12"),
        ("moc-rvq-ldpc-adaptive", "moc-rvq", "ldpc-adaptive"),
        ("lapped-ldpc-mcs5", "lapped", "ldpc-mcs5"),
        ("lapped-restored-capacity", "lapped-restored", "capacity"),
        ("lapped-perceptual-ldpc", "lapped-perceptual", "ldpc"),
        ("random-64qam", "random", "64qam"),
        ("softcast", "softcast", ""),
    ],
)
def test_a_family_may_have_a_dash(name, family, scheme):
    assert family_and_scheme(name) == (family, scheme)
    assert ("-" in family) == (family in DASHED_FAMILIES)


def test_with_a_level_a_name_is_the_learned_codec_and_without_a_linear_one():
    for name in CHANNEL_OPTIMIZED_NAMES:
        match = CHANNEL_OPTIMIZED.fullmatch(name)
        assert match["kind"] in ("adaptive", "robust") and 1 <= int(match["levels"]) <= 4
        plain = name.rpartition("-")[0]
        assert plain in LINEAR_CODECS and CHANNEL_OPTIMIZED.fullmatch(plain) is None
        assert any(f"{plain} alone: a transform codec" in line for _, line in SEMANTIC_DESCRIPTIONS)


def test_a_coded_name_has_family_levels_and_scheme():
    match = CODED.fullmatch("moc-rvq-perceptual-l3-ldpc-mcs5")
    assert match.group("family", "levels", "scheme") == ("moc-rvq-perceptual", "3", "ldpc-mcs5")
    for other in ("moc-rvq-l4", "moc-rvq-l4-hard", "moc-rvq-l5-ldpc", "moc-rvq-ldpc-mcs5"):
        assert CODED.fullmatch(other) is None

"""Chains of `moclink.linear` by name: what they are made of, and what they share."""

from fractions import Fraction

import pytest

from moclink.linear.octonary import OctonaryCodec
from moclink.linear.restored_codec import RestoredCodec
from moclink.linear.softcast import LinearCodec
from moclink.linear_chains import LinearChains
from moclink.linear_names import LAPPED, LINEAR_CODECS


@pytest.fixture(scope="module")
def chains():
    return LinearChains()


@pytest.mark.parametrize("base", LINEAR_CODECS)
def test_every_name_makes_the_codec_it_says(chains, base):
    chain = chains.symbol_chain(f"{base}@1/48", base, Fraction(1, 48))
    assert chain.name == f"{base}@1/48" and chain.adaptive is not base.endswith("-robust")
    restored = not base.startswith("softcast") and "-linear" not in base
    assert isinstance(chain.codec, RestoredCodec) is restored
    codec = chain.codec.codec if restored else chain.codec
    assert codec.cbr == pytest.approx(1 / 48)
    analog = base.startswith(("softcast", "jscc"))
    assert isinstance(codec, LinearCodec if analog else OctonaryCodec)


def test_networks_and_tables_are_loaded_once(chains):
    one = chains.symbol_chain("a", "moc-rvq-adaptive", Fraction(1, 24)).codec
    two = chains.symbol_chain("b", "hybrid-adaptive", Fraction(1, 12)).codec
    other = chains.symbol_chain("c", "hybrid-adaptive-perceptual", Fraction(1, 12)).codec
    assert one.restoration is two.restoration is not other.restoration
    assert one.codec.model is two.codec.model


@pytest.mark.parametrize("family", LAPPED)
def test_file_codecs_are_made_once_and_named(chains, family):
    assert chains.file_codec(family) is chains.file_codec(family)
    assert chains.file_codec(family).name == family

"""Chains of the learned codec: what a name's scheme makes, and what is loaded once."""

import pytest

from moclink.chain_factory import ChainFactory
from moclink.presets import SEMANTIC_PRESETS
from moclink.semantic_chains import SemanticChains
from moclink.semantic_names import CHANNEL_OPTIMIZED, CODED

PRESET = SEMANTIC_PRESETS["moc-rvq"]


@pytest.fixture(scope="module")
def chains():
    return SemanticChains("hard")


def test_a_scheme_says_levels_and_variants(chains):
    plain = chains.uncoded("a", PRESET, "l2")
    assert (plain.name, plain.source.levels, plain.adaptive) == ("a", 2, False)
    assert (plain.source.receiver, plain.source.use_nrb, plain.source.requantize) == (
        "hard",  # the one asked for, unless the name says
        True,
        True,
    )
    varied = chains.uncoded("b", PRESET, "l4-no-nrb-soft")
    assert (varied.source.receiver, varied.source.use_nrb) == ("soft", False)
    assert varied.source.codec is plain.source.codec  # loaded once
    assert chains.uncoded("c", PRESET, "l4-no-cr").source.codec is not plain.source.codec
    with pytest.raises(ValueError, match="'l5-loud' is no scheme of a semantic chain, such as l4"):
        chains.uncoded("d", PRESET, "l5-loud")


def test_channel_optimised_chains_share_a_codec_and_are_told_the_snr_or_not(chains):
    made = {
        name: chains.channel_optimized(name, CHANNEL_OPTIMIZED.fullmatch(name))
        for name in ("moc-rvq-adaptive-l2", "moc-rvq-robust-l4")
    }
    adaptive, robust = made["moc-rvq-adaptive-l2"], made["moc-rvq-robust-l4"]
    assert adaptive.adaptive and not robust.adaptive
    assert (adaptive.source.levels, robust.source.levels) == (2, 4)
    assert adaptive.source.codec is robust.source.codec


def test_bits_are_sent_as_they_are_or_as_one_transport_block(chains):
    asked = []
    name = "moc-rvq-l2-ldpc-16qam-r12"
    factory = ChainFactory()

    def bit_modem(scheme):
        asked.append(scheme)
        return factory.bit_modem(scheme)

    plain = chains.coded(name, CODED.fullmatch(name), bit_modem, None)
    assert asked == ["ldpc-16qam-r12"] and plain.modem.indices_per_block == 324
    given = []
    source = type("Files", (), {"alphabet": 2})()
    name = "moc-rvq-l3-ldpc-mcs13"
    one = chains.coded(
        name, CODED.fullmatch(name), bit_modem, lambda codec, budget: given.append(codec) or source
    )
    assert one.source is source and one.modem.indices_per_block is None and len(asked) == 1
    assert given == [chains.file_codec(PRESET, 3)]

"""Names and objects become chains, which share what they can."""

import numpy as np
import pytest

from moclink.chain import BitChain, IdealChain
from moclink.chain_factory import ChainFactory, make_chain
from moclink.images import read_image, sample_paths, to_float
from moclink.metrics import psnr
from moclink.phy.channels import awgn, noise_variance
from moclink.presets import ChainOptions, chain_names, default_chains, describe_chains
from moclink.types import ChannelState


def test_every_name_makes_a_chain_and_is_described():
    shipped = {name.split("-")[0] for name in default_chains()}
    shipped |= {"bpg444", "webp", "avif", "jpeg2000", "random"}
    factory = ChainFactory()  # loads each codec once
    for name in chain_names():
        if name.split("-")[0] not in shipped:
            continue
        chain = factory.make(name)
        assert chain.name == name
        assert isinstance(chain, BitChain) == name.startswith("random-")
    families = {name.split("-")[0] for name in chain_names()}
    assert {name.split("-")[0] for name, _ in describe_chains()} >= families


def test_errors_of_making_a_chain_name_it(tmp_path):
    (tmp_path / "codec.json").write_text('{"kind": "semantic", "config": {}}')
    with pytest.raises(ValueError, match=f"{tmp_path}/codec"):
        make_chain(f"{tmp_path}/codec:l4")


@pytest.mark.parametrize(("reals", "cbr"), [(16, "1/24"), (96, "1/4")])
def test_jscc_16_and_96_are_the_adaptive_analog_codec(reals, cbr):
    image = to_float(read_image(sample_paths()[0])[None, 60:124, 100:196])
    named, other = make_chain(f"jscc-{reals}"), make_chain(f"jscc-adaptive@{cbr}")
    sent = named.transmit(image, ChannelState(10.0))
    assert named.name == f"jscc-{reals}" and sent.symbols.shape == (1, 8 * 12 * reals // 2)
    assert np.array_equal(sent.symbols, other.transmit(image, ChannelState(10.0)).symbols)
    no = np.float32([0.1])
    received = [chain.receive(sent.symbols, no, sent.header).images for chain in (named, other)]
    assert np.array_equal(*received)


@pytest.mark.parametrize("snr_db", [0.0, 15.0, 30.0])
def test_jscc_96_is_above_softcast_at_its_bandwidth_ratio(snr_db):
    found = []
    for name in ("jscc-96", "softcast@1/4"):
        chain = make_chain(name)
        for path in sample_paths():
            image = to_float(read_image(path)[None, :256, :256])
            sent = chain.transmit(image, ChannelState(snr_db))
            output = awgn(sent.symbols, noise_variance([snr_db]), [("jscc", path.name)])
            got = chain.receive(output.received, output.no, sent.header).images
            found.append(psnr(got, image)[0])
    assert np.mean(found[:3]) > np.mean(found[3:]) + 0.5


def test_chains_of_a_factory_share_modems_and_tried_files():
    factory = ChainFactory()
    jpeg, bpg = factory.make("jpeg-ldpc"), factory.make("bpg-ldpc")
    assert jpeg.modem is bpg.modem is factory.bit_modem("ldpc")
    assert jpeg.source.cache is bpg.source.cache
    assert make_chain("jpeg-ldpc").modem is not jpeg.modem
    ideal = factory.make("jpeg-capacity@1/12")
    assert isinstance(ideal, IdealChain) and ideal.source.cache is jpeg.source.cache
    assert ideal.symbols(64, 96) == 64 * 96 * 3 // 12


def test_random_bits_and_objects_of_moclink_are_taken_as_they_are():
    factory = ChainFactory(ChainOptions(harq=4))
    bits = factory.make("random-ldpc-mcs5")
    assert isinstance(bits, BitChain) and factory.from_object("mine", bits) is bits


def test_without_a_ratio_symbols_follow_the_match():
    by_bits, by_symbols = (ChainFactory(ChainOptions(match=m)) for m in ("source-bits", "symbols"))
    # 8 symbols for each block of 8x8 pixels at L4; twice as many with a code of rate 1/2.
    assert by_symbols.symbols_at(None)(64, 96) == 8 * 12 * 8
    assert by_bits.symbols_at(None)(64, 96) == 2 * 8 * 12 * 8

"""Names of chains: what is known, what is suggested, and channel bandwidth ratios in them."""

import math
from fractions import Fraction

import pytest

from moclink.chain import AnalogChain
from moclink.chain_factory import make_chain
from moclink.codec.analog_codec import AnalogCodec
from moclink.codeword_length import check_code
from moclink.images import read_image, sample_paths, to_float
from moclink.presets import (
    ChainOptions,
    at_cbr,
    chain_names,
    check_name,
    is_bit_chain,
    is_file_chain,
    takes_cbr,
)
from moclink.types import ChannelState


def test_ratios_are_dealt_to_chains_that_take_them():
    names = ("moc-rvq-l4", "jpeg-ldpc", "bpg-capacity@1/6", "random-64qam")
    assert at_cbr(names, [Fraction(1, 24), Fraction(1, 48)]) == (
        "moc-rvq-l4",
        "jpeg-ldpc@1/24",
        "jpeg-ldpc@1/48",
        "bpg-capacity@1/6",
        "random-64qam",
    )


@pytest.mark.parametrize(
    "name,message",
    [
        ("jpeg-lpdc", "did you mean jpeg-ldpc"),
        ("random-qam64", "did you mean random-64qam"),
        ("JPEG-LDPC", "did you mean jpeg-ldpc"),
        ("jpeg-ldpc-qam16-r12", "did you mean jpeg-ldpc-16qam-r12"),
        ("softcas@1/24", "unknown chain 'softcas'; did you mean softcast"),
        ("jpg-ldpc@1/24", "unknown chain 'jpg-ldpc'; did you mean jpeg-ldpc"),
        ("moc-rvq-l5@1/24", "there is no level 5"),
        ("nowhere/codec@1/24", "no codec at nowhere/codec"),
        ("moc-rvq-l4@1/24", "moc-rvq-l4 declares its own CBR"),
        ("moc-rvq-l2-ldpc@1/24", "moc-rvq-l2-ldpc declares its own CBR"),
        ("moc-rvq-robust-l3", "did you mean moc-rvq-robust-l4"),
        ("moc-rvq-l2-ldpc-mcs40", "table 1 of TS 38.214 has mcs0 to mcs28"),
        ("jscc-16@1/12", "jscc-16 declares its own CBR"),
        ("jpeg-ldpc@0", "above 0 and up to 1"),
        ("moc-rvq-l9", "chain 'moc-rvq-l9': there is no level 9; give l1 to l4"),
        ("moc-rvq-perceptual-l0-hard", "no level 0; give l1 to l4"),
    ],
)
def test_a_wrong_name_is_answered_with_the_remedy(name, message):
    with pytest.raises(ValueError, match=message):
        check_name(name)


def test_the_folder_of_a_training_is_answered_with_the_codec_in_it(tmp_path, monkeypatch):
    for ending in (".json", ".weights.h5"):
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / f"codec{ending}").touch()
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "./mine", f"{tmp_path}/mine"):
        with pytest.raises(ValueError, match=f"no codec at {name}: .*; did you mean {name}/codec"):
            check_name(name)


@pytest.mark.parametrize("name", [None, 4, ["jpeg-ldpc"]], ids=repr)
def test_what_is_no_string_is_no_name(name):
    with pytest.raises(ValueError, match="is no name of a chain; give a string such as"):
        check_name(name)


def test_a_rate_that_a_code_lacks_is_known_from_the_name():
    check_code(["jpeg-ldpc-16qam-r13", "random-ldpc-qpsk-r56"], "ldpc5g")
    check_code(
        ["jpeg-ldpc", "jpeg-ldpc-16qam-r12@1/24", "jpeg-ldpc-mcs13", "moc-rvq-l4"], "wifi648"
    )
    for name in ("jpeg-ldpc-16qam-r13@1/24", "random-ldpc-qpsk-r56"):
        with pytest.raises(ValueError, match=f"chain '{name}': --code wifi648 has k = 324"):
            check_code(["jpeg-ldpc", name], "wifi648")
        with pytest.raises(ValueError, match=f"chain '{name}'"):
            make_chain(name, ChainOptions(code="wifi648"))


def test_every_name_passes_its_own_check():
    for name in chain_names():
        check_name(name)
        if takes_cbr(name):
            check_name(f"{name}@1/24")


@pytest.mark.parametrize(
    "name",
    [
        "jpeg-ldpc",
        "jpeg-ldpc-qpsk-r12",
        "webp-capacity",
        "jpeg-ldpc-adaptive",
        "moc-rvq-ldpc-mcs5",
        "softcast",
    ],
)
@pytest.mark.parametrize("cbr", ["1/12", "0.03"])
def test_no_more_symbols_are_sent_than_the_ratio_allows(name, cbr):
    image = to_float(read_image(sample_paths()[0])[None, 60:193, 100:297])
    chain = make_chain(f"{name}@{cbr}")
    sent = chain.transmit(image, ChannelState(10.0))
    allowed = math.ceil(Fraction(cbr) * image.size)
    # Whole codewords and the coarse steps of the codecs leave some.
    assert 0.75 * allowed < sent.symbols.shape[1] <= allowed


PATHS = (
    "random-init/codec",
    "random-mine",
    "jpeg-ldpc-x/codec",
    "softcast/codec",
    "bpg-capacity/l4",
)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_may_begin_like_a_chain(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    AnalogCodec.from_size("toy").save(path)
    assert not is_bit_chain(path) and not is_file_chain(path) and not takes_cbr(path)
    chain = make_chain(path)
    assert isinstance(chain, AnalogChain) and chain.name == path


@pytest.mark.parametrize(
    "name", ["softcast@", "@1/24", "softcast@-1/24", "softcast@1/24@1/48", "softcast@4%"]
)
def test_a_broken_ratio_is_no_path(name):
    with pytest.raises(ValueError, match="after one @ comes the CBR, above 0 and up to 1"):
        check_name(name)

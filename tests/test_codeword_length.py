"""Lengths of LDPC codewords in chain names."""

import numpy as np
import pytest

from moclink.chain_factory import ChainFactory
from moclink.codeword_length import check_code, check_length, code_size, split_length
from moclink.phy.ldpc import get_code, get_decoder
from moclink.phy.modems import BitModem
from moclink.presets import MODULATIONS, ChainOptions, check_name, is_bit_chain
from moclink.results.names import display_name, information_bits
from moclink.types import ChannelState


def test_a_length_is_read_and_left_out():
    assert split_length("bpg-ldpc-64qam-r23-n6144") == ("bpg-ldpc-64qam-r23", 6144)
    assert split_length("ldpc-qpsk-r13-n1200") == ("ldpc-qpsk-r13", 1200)
    assert split_length("bpg-ldpc-64qam-r23") == ("bpg-ldpc-64qam-r23", 648)
    assert code_size("r23", 6144) == (4096, 6144)
    assert code_size("r56", 648) == (540, 648)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bpg-ldpc-64qam-r23-n6145", "k = 4096.67; give a length that 3 divides"),
        ("random-ldpc-64qam-r12-n1000", "no whole number of symbols of 6 bits"),
        ("jpeg-ldpc-16qam-r12-n40000", "k is 20000; codes of TS 38.212 have 12 to 8448"),
        ("jpeg-ldpc-qpsk-r12-n16", "k is 8"),
    ],
)
def test_a_length_that_no_code_has_is_refused(name, words):
    with pytest.raises(ValueError, match="chain '" + name) as error:
        check_length(name, MODULATIONS)
    assert words in str(error.value)
    with pytest.raises(ValueError):
        check_name(name)


def test_wifi_has_one_length():
    check_code(["jpeg-ldpc-16qam-r12-n648"], "wifi648")
    with pytest.raises(ValueError, match="without a length"):
        check_code(["jpeg-ldpc-16qam-r12-n1296"], "wifi648")


def test_names_say_the_length():
    assert display_name("bpg-ldpc-64qam-r23-n6144@1/24") == (
        "BPG + LDPC 64-QAM 2/3 n=6144, CBR 1/24"
    )
    assert information_bits("random-ldpc-64qam-r23-n6144") == 4096
    assert is_bit_chain("random-ldpc-64qam-r23-n6144")
    assert not is_bit_chain("random-ldpc-64qam-r99-n6144")


def test_a_long_code_is_the_code_of_its_size():
    chain = ChainFactory(ChainOptions()).make("jpeg-ldpc-64qam-r23-n6144@1/12")
    assert (chain.modem.code.k, chain.modem.code.n) == (4096, 6144)
    image = np.random.default_rng(0).random((1, 128, 192, 3), dtype=np.float32)
    payload = chain.transmit(image, ChannelState(30.0))
    assert payload is not None


def block_error_rate(k: int, n: int, count: int, snr_db: float) -> float:
    """Of 64-QAM over AWGN."""
    code, modem, rng = get_code("ldpc5g", k, n, 6), BitModem(6), np.random.default_rng(n)
    bits = rng.integers(0, 2, (count, k), dtype=np.uint8)
    symbols = modem.modulate(code.encode(bits))
    no = np.full(count, 10 ** (-snr_db / 10), np.float32)
    noise = rng.normal(scale=np.sqrt(no[0] / 2), size=(2, *symbols.shape)).astype(np.float32)
    found = get_decoder(code, "fast").decode(modem.demap(symbols + noise[0] + 1j * noise[1], no))
    return float(np.mean((found.bits != bits).any(1)))


def test_a_long_code_needs_less_snr():
    # At 14 dB 0.255 of 400 blocks of 432 bits fail and 0.033 of 120 of 4,096 bits. Four deviations of
    # such counts (4 * sqrt(0.25 * 0.75 / 400) and 4 * sqrt(0.033 * 0.967 / 120)) leave them apart.
    assert block_error_rate(432, 648, 400, 14.0) > 0.255 - 0.087
    assert block_error_rate(4096, 6144, 120, 14.0) < 0.033 + 0.066

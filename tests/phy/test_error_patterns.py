"""Shared error patterns against scrambling by hand and against links of their own."""

import numpy as np
import pytest

from moclink.phy.channels import awgn, get_channel, noise_variance, stream
from moclink.phy.error_patterns import ErrorPatterns, can_share
from moclink.phy.ldpc import get_code
from moclink.phy.modems import BitModem

MODEMS = {
    "ldpc5g": lambda: BitModem(6, get_code("ldpc5g", 324, 648, 6)),
    "wifi648": lambda: BitModem(6, get_code("wifi648", 324, 648)),
    # Filler bits (k = 216 of the 5G base graph) and the shortest code that the chains use.
    "ldpc5g-qpsk-r13": lambda: BitModem(2, get_code("ldpc5g", 216, 648, 2)),
}
# Below, in and above the waterfall of each.
SNRS = {
    "ldpc5g": (5.0, 10.5, 14.0),
    "wifi648": (5.0, 11.0, 15.0),
    "ldpc5g-qpsk-r13": (-5.0, -1.0, 3.0),
}


def keys(snr_db: float, count: int, seed: int = 1):
    return [(seed, snr_db, "picture", trial) for trial in range(count)]


def file_like(bits: int) -> np.ndarray:
    """A message that is anything but random: long runs, as at the end of a padded file."""
    return (np.arange(bits) // 97 % 3 == 0).astype(np.uint8)[None]


@pytest.mark.parametrize("name", MODEMS)
def test_a_pattern_is_what_a_scrambled_link_does_to_any_message(name):
    """Scramble, encode, send, decode, descramble two messages by hand, with pads that give the same word."""
    modem, snr_db = MODEMS[name](), SNRS[name][1]
    k, blocks, no = modem.code.k, 40, noise_variance([snr_db])
    (key,) = keys(snr_db, 1)
    word = stream((*key, "message")).integers(0, 2, (1, blocks * k), np.uint8)
    for message in (file_like(blocks * k), np.zeros((1, blocks * k), np.uint8)):
        pad = message ^ word
        received = awgn(modem.modulate(message ^ pad), no, [key])
        by_hand = modem.demodulate(received.received, received.no).hard() ^ pad
        shared = ErrorPatterns().send(modem, "awgn", message, no, [key])
        assert np.array_equal(shared.hard(), by_hand)
        assert 0 < np.count_nonzero(by_hand != message)


@pytest.mark.parametrize(
    "channel", ["awgn", "rayleigh", "rayleigh?coherence=108&common=1", "tdl-a?subcarriers=12"]
)
def test_what_is_kept_changes_nothing(channel):
    """Shorter, longer, other batches, another order, nothing kept: the same blocks."""
    modem, no = MODEMS["ldpc5g"](), noise_variance([8.0, 11.0, 11.0])
    three = [(1, 8.0, "p", 0), (1, 11.0, "p", 0), (1, 11.0, "p", 1)]
    long, short = file_like(40 * 324), file_like(9 * 324 - 50)
    forgetful = ErrorPatterns(kept_bytes=0)
    expected = forgetful.send(modem, channel, long, no, three)
    errors = expected.hard() ^ long
    assert errors.any(axis=1).any() and not np.array_equal(errors[1], errors[2])
    patterns = ErrorPatterns()
    for message, rows in ((short, [1]), (long, [2, 0, 1]), (short, [0, 2]), (long, [0, 1, 2])):
        got = patterns.send(modem, channel, message, no[rows], [three[row] for row in rows])
        used = message.shape[1]
        assert np.array_equal(got.hard()[:, :used] ^ message, errors[rows, :used])
        blocks = got.values.shape[1] // 324
        assert np.array_equal(got.iterations, expected.iterations[rows, :blocks])
    assert patterns.decoded_blocks == 3 * 40  # each block of each realisation once
    forgetful.send(modem, channel, long, no, three)
    assert forgetful.decoded_blocks == 2 * 3 * 40


def test_memory_is_bounded():
    modem, message = MODEMS["ldpc5g"](), file_like(20 * 324)
    patterns = ErrorPatterns(
        kept_bytes=3 * 20 * (41 + 4)
    )  # three realisations of 324 bits and a count
    for _ in range(2):
        for key in keys(20.0, 5):
            patterns.send(modem, "awgn", message, noise_variance([20.0]), [key])
    assert patterns.decoded_blocks == 2 * 5 * 20
    patterns.send(modem, "awgn", message, noise_variance([20.0] * 3), keys(20.0, 5)[2:])
    assert patterns.decoded_blocks == 2 * 5 * 20


def deviations(modem, message, snr_db, trials=24) -> tuple[np.ndarray, np.ndarray]:
    """BER, BLER and mean iterations on a shared link, and how far they are from those on an own link.

    Returns:
        The three means, and the difference in standard deviations (0 where neither varies).
    """
    no = noise_variance([snr_db] * trials)
    shared = ErrorPatterns().send(modem, "awgn", message, no, keys(snr_db, trials))
    output = awgn(modem.modulate(message), no, keys(snr_db, trials, seed=2))
    figures = []
    for got in (shared, modem.demodulate(output.received, output.no)):
        wrong = (got.hard() != message).reshape(trials, -1, modem.code.k)
        bler = wrong.any(axis=2).mean(axis=1)
        figures.append(np.stack([wrong.mean(axis=(1, 2)), bler, got.iterations.mean(axis=1)]))
    ours, theirs = figures
    error = np.sqrt((ours.var(axis=1, ddof=1) + theirs.var(axis=1, ddof=1)) / trials)
    difference = ours.mean(axis=1) - theirs.mean(axis=1)
    return ours.mean(axis=1), np.divide(difference, error, out=np.zeros(3), where=error > 0)


@pytest.mark.parametrize("name", MODEMS)
def test_error_rates_are_those_of_a_link_of_its_own(name):
    """Below, in and above the waterfall, for a message as good as random, which a well compressed file is."""
    modem = MODEMS[name]()
    message = np.random.default_rng(3).integers(0, 2, (1, 25 * modem.code.k), np.uint8)
    for snr_db, bler in zip(SNRS[name], ((0.9, 1), (0.05, 0.9), (0, 0)), strict=True):
        means, z = deviations(modem, message, snr_db)
        # Nine comparisons of each modem at 4 deviations: a false alarm in thousands of seeds.
        assert np.all(np.abs(z) < 4), (snr_db, means, z)
        assert bler[0] <= means[1] <= bler[1]


def test_without_a_scrambler_errors_depend_on_the_message():
    """Why sharing is off unless asked for: runs put whole symbols on a few points of the constellation."""
    modem = MODEMS["wifi648"]()
    _, z = deviations(modem, file_like(25 * modem.code.k), 5.0)
    assert abs(z[0]) > 4


def test_what_cannot_be_shared_is_refused():
    modem = MODEMS["ldpc5g"]()
    own = "sionna.phy.channel:AWGN"
    assert can_share(modem, "awgn") and can_share(modem, get_channel("rayleigh-fast"))
    assert not can_share(modem, own) and not can_share(modem, "mimo-2x2")
    straddling = BitModem(8, get_code("ldpc5g", 324, 650))  # a symbol holds bits of two blocks
    assert not can_share(BitModem(6), "awgn") and not can_share(straddling, "awgn")
    with pytest.raises(ValueError, match=f"over {own} depend on the length of the message"):
        ErrorPatterns().send(modem, own, file_like(324), noise_variance([5.0]), keys(5.0, 1))

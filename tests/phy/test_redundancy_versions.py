"""Redundancy versions against a bit-by-bit reading of TS 38.212, 5.4.2, and soft combining."""

import numpy as np
import pytest

from moclink.phy.base_graph import BlockCode
from moclink.phy.block_errors import BlockErrorCurves
from moclink.phy.channels import awgn, noise_variance
from moclink.phy.mcs import get_mcs
from moclink.phy.rate_matching import match_rate, recover_rate
from moclink.phy.transport_block import TransportBlock
from moclink.phy.transport_block_modem import REDUNDANCY_VERSIONS, TransportBlockModem

NULL = 2  # a filler bit


def by_the_specification(d, z, base_graph, length, order, rv):
    """5.4.2.1 with N_cb = N (no limited buffer), and the interleaver of 5.4.2.2, bit by bit."""
    ncb = len(d)
    if base_graph == 1:
        k0 = [0, 17 * ncb // (66 * z) * z, 33 * ncb // (66 * z) * z, 56 * ncb // (66 * z) * z][rv]
    else:
        k0 = [0, 13 * ncb // (50 * z) * z, 25 * ncb // (50 * z) * z, 43 * ncb // (50 * z) * z][rv]
    e, k, j = np.empty(length, np.uint8), 0, 0
    while k < length:
        bit = d[(k0 + j) % ncb]
        if bit != NULL:
            e[k] = bit
            k += 1
        j += 1
    f = np.empty(length, np.uint8)
    for j in range(length // order):
        for i in range(order):
            f[i + j * order] = e[i * length // order + j]
    return f


# Version 1 begins before, within and behind the filler bits: (graph, K', E, Q_m).
CASES = [
    (1, 8448, 12_000, 6),  # none at all
    (1, 22 * 40 - 200, 1500, 4),
    (1, 705, 4000, 2),
    (1, 111, 300, 2),
    (2, 10 * 64 - 60, 1200, 2),
    (2, 200, 900, 4),
    (2, 3840, 30_000, 8),  # used up and read again
]


@pytest.mark.parametrize("rv", range(4))
@pytest.mark.parametrize("graph,k,length,order", CASES)
def test_the_bits_of_each_version_are_those_of_the_specification(graph, k, length, order, rv):
    code = BlockCode(graph, k)
    bits = np.random.default_rng(rv).integers(0, 2, (1, k), dtype=np.uint8)
    buffer = code.encode(bits, code.buffer_size)
    start = k - 2 * code.z  # of the filler bits among d_0, d_1, ...
    d = np.concatenate([buffer[0, :start], np.full(code.fillers, NULL), buffer[0, start:]])
    assert len(d) == (66 if graph == 1 else 50) * code.z
    expected = by_the_specification(d, code.z, graph, length, order, rv)
    np.testing.assert_array_equal(match_rate(buffer, length, order, code.start(rv))[0], expected)


def test_the_cases_have_fillers_on_both_sides_of_a_start():
    kinds = set()
    for graph, k, *_ in CASES:
        code = BlockCode(graph, k)
        place = {1: 17, 2: 13}[graph] * code.z
        begin = k - 2 * code.z
        kinds.add("before" if place < begin else "in" if place < begin + code.fillers else "behind")
    assert kinds == {"before", "in", "behind"}


def test_recovery_is_the_adjoint_of_matching_from_any_start():
    rng = np.random.default_rng(8)
    for size, length, order, start in [(50, 20, 2, 30), (50, 48, 2, 30), (50, 240, 6, 49)]:
        buffer = rng.integers(0, 2, (3, size), dtype=np.uint8)
        llr = rng.normal(size=(3, length)).astype(np.float32)
        forward = (match_rate(buffer, length, order, start) * llr).sum(axis=1)
        back = (buffer * recover_rate(llr, size, order, start)).sum(axis=1)
        np.testing.assert_allclose(forward, back, rtol=1e-4, atol=1e-4)


def test_two_versions_that_join_are_one_longer_transmission():
    """As many bits as lie before version 2: versions 0 and 2 together are version 0 of twice the length."""
    payload, order = 1000, 2
    length = BlockCode(2, payload + 16).start(2)
    short = TransportBlock(payload, length, 0.5, order)
    long = TransportBlock(payload, 2 * length, 0.5, order)
    assert short.segmentation == long.segmentation and length % 2 == 0
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2, (8, payload), dtype=np.uint8)

    def in_order(sent):
        return sent.reshape(len(sent), -1, order).swapaxes(1, 2).reshape(len(sent), -1)

    both = [in_order(short.encode(bits, rv)) for rv in (0, 2)]
    np.testing.assert_array_equal(np.concatenate(both, axis=1), in_order(long.encode(bits)))
    llr = (2.0 * long.encode(bits) - 1 + rng.normal(0, 2**0.5, (8, 2 * length))).astype(np.float32)
    halves = np.split(in_order(llr), 2, axis=1)
    halves = [half.reshape(8, order, -1).swapaxes(1, 2).reshape(8, -1) for half in halves]
    ours, expected = short.decode_combined(halves, (0, 2)), long.decode(llr)
    np.testing.assert_array_equal(ours.bits, expected.bits)
    np.testing.assert_array_equal(ours.iterations, expected.iterations)
    assert 0 < expected.crc_ok.sum()


@pytest.mark.parametrize("payload", [1000, 20_000])  # one code block and three
def test_versions_that_fail_alone_are_decoded_together(payload):
    block = TransportBlock(payload, -(-payload * 4 // 3 // 2) * 2 + 200, 0.74, 2)
    rng = np.random.default_rng(2)
    bits = rng.integers(0, 2, (20, payload), dtype=np.uint8)
    sigma = 10 ** (-0.5 / 20)  # at 0.5 dB a BPSK symbol carries 0.77 bits at the most
    llrs = []
    for rv in REDUNDANCY_VERSIONS:
        y = 2.0 * block.encode(bits, rv) - 1 + rng.normal(0, sigma, (20, block.coded_bits))
        llrs.append((2 * y / sigma**2).astype(np.float32))
    assert not block.decode(llrs[0]).crc_ok.any()
    two = block.decode_combined(llrs[:2], REDUNDANCY_VERSIONS[:2])
    assert two.crc_ok.all()
    np.testing.assert_array_equal(two.bits, bits)
    every = block.decode_combined(llrs, REDUNDANCY_VERSIONS)
    assert every.crc_ok.all() and every.iterations.mean() < two.iterations.mean()


def test_a_single_transmission_is_what_it_was():
    modem = TransportBlockModem(get_mcs(13))
    bits = np.random.default_rng(3).integers(0, 2, (1, 3000), dtype=np.uint8)
    sent = modem.modulate(bits)
    np.testing.assert_array_equal(sent, modem.modulate(bits, 4))  # the versions come round
    assert not np.array_equal(sent, modem.modulate(bits, 1))
    output = awgn(sent, noise_variance(np.full(20, 6.5)), [(i,) for i in range(20)])
    plain = modem.demodulate(output.received, output.no)
    combined, holds = modem.combine([output.received], [output.no])
    np.testing.assert_array_equal(plain.values, combined.values)
    np.testing.assert_array_equal(holds, ((plain.values > 0)[:, :3000] == bits).all(axis=1))


def test_the_first_transmission_fails_as_the_stored_curves_say():
    mcs, length, count = get_mcs(13), 3000, 400
    modem, curves = TransportBlockModem(mcs), BlockErrorCurves.load()
    snrs = np.arange(0, 20, 0.01)
    rates = curves.failure_rate(mcs, modem.max_indices(modem.symbols_for(length)), snrs)
    snr = snrs[np.argmin(np.abs(rates - 0.5))]
    bits = np.random.default_rng(4).integers(0, 2, (1, length), dtype=np.uint8)
    no = noise_variance(np.full(count, snr))
    outputs = [
        awgn(modem.modulate(bits, number), no, [(number, i) for i in range(count)])
        for number in range(2)
    ]
    first = modem.combine([outputs[0].received], [outputs[0].no])[1]
    both = modem.combine([o.received for o in outputs], [o.no for o in outputs])[1]
    # Four deviations of the count, and what 0.1 dB change: the law between stored lengths.
    slope = np.ptp(rates[np.abs(snrs - snr) < 0.051])
    assert abs((~first).mean() - 0.5) < 4 * np.sqrt(0.25 / count) + slope
    assert both.all()  # twice the energy is 3 dB


def test_what_does_not_exist_is_named():
    with pytest.raises(ValueError, match="redundancy version 4: there are 0 to 3"):
        BlockCode(2, 200).start(4)

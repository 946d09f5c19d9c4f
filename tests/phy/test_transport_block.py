"""The transport-block chain against Sionna's TBEncoder and TBDecoder."""

import numpy as np
import pytest
from sionna.phy.nr import TBDecoder, TBEncoder

from moclink.phy.axis_llrs import axis_llrs
from moclink.phy.base_graph import BlockCode
from moclink.phy.modems import BitModem, pam_amplitudes
from moclink.phy.tensors import tensor
from moclink.phy.transport_block import TransportBlock, segment

# (payload, coded bits, code rate, bits per symbol): sizes of TS 38.214, which are those that Sionna
# has.
SIZES = [
    (24, 200, 0.2, 2),
    (3752, 7600, 0.5, 4),
    (3824, 4800, 0.8, 6),  # base graph 1 with a CRC of 16 bits
    (8192, 16384, 0.5, 2),  # one long code block
    (8456, 17000, 0.5, 4),  # two code blocks of equal lengths
    (25104, 41010, 0.6, 6),  # three, of two lengths
    (7680, 38404, 0.2, 2),  # base graph 2 by the rate, three code blocks of two lengths
    (50184, 55000, 0.92, 8),
]


def sionna_encoder(payload, coded_bits, coderate, order):
    encoder = TBEncoder(payload, coded_bits, coderate, order, use_scrambler=False)
    assert encoder.tb_size == payload, "the size is not one of TS 38.214"
    return encoder


def over_awgn(block: TransportBlock, snr_db: float, count: int, seed: int):
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (count, block.payload), dtype=np.uint8)
    symbols = BitModem(block.bits_per_symbol).modulate(block.encode(bits))
    no = np.full(count, 10 ** (-snr_db / 10), np.float32)
    noise = rng.normal(scale=np.sqrt(no[0] / 2), size=(2, *symbols.shape)).astype(np.float32)
    received = symbols + noise[0] + np.complex64(1j) * noise[1]
    return bits, axis_llrs(received, no, pam_amplitudes(2 ** (block.bits_per_symbol // 2)))


@pytest.mark.parametrize("size", SIZES)
def test_encoding_equals_sionna(size):
    block = TransportBlock(*size)
    encoder = sionna_encoder(*size)
    assert block.segmentation.num_blocks == encoder.num_cbs
    assert list(block.block_lengths) == encoder.cw_lengths.tolist()
    bits = np.random.default_rng(1).integers(0, 2, (4, size[0]), dtype=np.uint8)
    np.testing.assert_array_equal(block.encode(bits), encoder(tensor(bits, "float32")).numpy())


@pytest.mark.parametrize("size", SIZES)
def test_decoding_without_noise_returns_the_payload(size):
    block = TransportBlock(*size)
    bits = np.random.default_rng(2).integers(0, 2, (3, size[0]), dtype=np.uint8)
    decoded = block.decode(8 * block.encode(bits).astype(np.float32) - 4)
    np.testing.assert_array_equal(decoded.bits, bits)
    assert decoded.crc_ok.all() and decoded.block_crc_ok.all()
    assert (
        decoded.block_crc_ok.shape == decoded.iterations.shape == (3, block.segmentation.num_blocks)
    )


# SNRs within the waterfalls of 40 iterations.
@pytest.mark.parametrize(("size", "snr_db", "count"), [(SIZES[1], 5.9, 120), (SIZES[5], 12.35, 24)])
def test_half_the_iterations_find_what_sionna_finds(size, snr_db, count):
    block = TransportBlock(*size, num_iter=20)
    bits, llr = over_awgn(block, snr_db, count, seed=3)
    decoder = TBDecoder(sionna_encoder(*size), num_bp_iter=40)
    theirs, holds = (t.numpy() for t in decoder(tensor(llr)))
    decoded = block.decode(llr)
    failed, expected = (decoded.bits != bits).any(axis=1), (theirs != bits).any(axis=1)
    assert 0.05 < expected.mean() < 0.95, "the comparison belongs into the waterfall"
    np.testing.assert_array_equal(decoded.bits[~expected & ~failed], theirs[~expected & ~failed])
    # Where one of the two schedules alone succeeds, it is ours as often as theirs or more.
    ours_alone, theirs_alone = (expected & ~failed).sum(), (failed & ~expected).sum()
    assert ours_alone - theirs_alone >= -3 * max(1, ours_alone + theirs_alone) ** 0.5
    assert (failed != expected).mean() < 0.2
    assert (decoded.crc_ok != ~failed).sum() == 0, "a CRC of 24 bits misses one error in 17 million"
    assert (holds != ~expected).sum() == 0


def test_block_errors_are_told_block_by_block():
    block = TransportBlock(*SIZES[5])
    bits, llr = over_awgn(block, 12.5, 60, seed=4)
    decoded = block.decode(llr)
    per_block = block.segmentation.block_payload
    whole = np.pad(decoded.bits != bits, ((0, 0), (0, 24))).reshape(60, -1, per_block)
    wrong = whole.any(axis=2)
    # An error in the transport block's own CRC alone is an error of the last code block.
    np.testing.assert_array_equal(decoded.block_crc_ok[:, :-1], ~wrong[:, :-1])
    assert not (decoded.block_crc_ok[:, -1] & wrong[:, -1]).any()
    assert 0 < wrong.sum() < wrong.size
    assert (decoded.crc_ok <= decoded.block_crc_ok.all(axis=1)).all()


def test_below_the_mother_code_bits_are_repeated():
    """Rate 30/1024 of MCS table 3: the circular buffer is read about six times."""
    payload, order = 2000, 2
    coded = round((payload + 16) * 1024 / 30) // 2 * 2
    block = TransportBlock(payload, coded, 30 / 1024, order)
    code = BlockCode(2, payload + 16)
    assert 5 < coded / code.buffer_size < 7
    bits = np.random.default_rng(5).integers(0, 2, (2, payload), dtype=np.uint8)
    selected = block.encode(bits).reshape(2, -1, order).transpose(0, 2, 1).reshape(2, -1)
    np.testing.assert_array_equal(selected[:, code.buffer_size :], selected[:, : -code.buffer_size])
    # Sionna's encoder has the mother code's rate at the most: its codeword is the start of ours.
    mother = sionna_encoder(1928, 5 * 1944 // 2 * 2, 0.2, order)
    ours = TransportBlock(1928, 3 * mother.n, 0.1, order)
    payloads = np.random.default_rng(6).integers(0, 2, (2, 1928), dtype=np.uint8)
    theirs = mother(tensor(payloads, "float32")).numpy()
    undo = lambda sent: sent.reshape(2, -1, order).transpose(0, 2, 1).reshape(2, -1)  # noqa: E731
    np.testing.assert_array_equal(undo(ours.encode(payloads))[:, : mother.n], undo(theirs))


def test_the_lowest_rate_works_at_minus_ten_db():
    """Capacity at -10 dB is 0.1375 bits per symbol; MCS 0 of table 3 sends 0.0586 and works at -11."""
    block = TransportBlock(2000, 137_600, 30 / 1024, 2)
    bits, llr = over_awgn(block, -10.0, 40, seed=7)
    decoded = block.decode(llr)
    np.testing.assert_array_equal(decoded.bits, bits)
    assert decoded.crc_ok.all()


@pytest.mark.parametrize("payload", [1, 17, 293, 3825, 8425, 8426, 60_001, 2_130_000])
@pytest.mark.parametrize("coderate", [0.2, 0.5, 0.9])
def test_segmentation_of_any_length(payload, coderate):
    plan = segment(payload, coderate)
    assert 0 <= plan.padding < plan.num_blocks
    assert plan.block <= (8448 if plan.base_graph == 1 else 3840)
    assert plan.num_blocks * plan.block_payload == payload + plan.crc[1] + plan.padding
    assert plan.crc[1] == (16 if payload <= 3824 else 24)


def test_a_length_that_needs_padding_comes_back():
    block = TransportBlock(20_002, 40_008, 0.5, 4)
    assert block.segmentation.padding > 0
    bits, llr = over_awgn(block, 12.0, 2, seed=9)
    np.testing.assert_array_equal(block.decode(llr).bits, bits)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="payload of 0 bits"):
        TransportBlock(0, 100, 0.5, 2)
    with pytest.raises(ValueError, match="101 coded bits"):
        TransportBlock(20, 101, 0.5, 2)
    with pytest.raises(ValueError, match="exceed the code rate 0.95"):
        TransportBlock(200, 220, 0.9, 2)
    block = TransportBlock(200, 400, 0.5, 2)
    with pytest.raises(ValueError, match=r"\[B, 200\]"):
        block.encode(np.zeros((1, 201), np.uint8))
    with pytest.raises(ValueError, match="value 2"):
        block.encode(np.full((1, 200), 2, np.uint8))
    with pytest.raises(ValueError, match=r"\[B, 400\]"):
        block.decode(np.zeros((1, 401), np.float32))

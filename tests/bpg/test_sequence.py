import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moclink import bpg
from moclink.bpg import CorruptBpgError, UnsupportedBpgError
from moclink.bpg.bits import BitWriter, write_ue7
from moclink.bpg.container import read_info
from moclink.bpg.sequence import Pcm, SequenceParameters, read_sequence, write_sequence

TYPICAL = SequenceParameters(3, 6, 2, 5, 0, True, True)


@st.composite
def sequences(draw):
    log2_min_cb = draw(st.integers(3, 6))
    log2_ctb = draw(st.integers(max(4, log2_min_cb), 6))
    log2_min_tb = draw(st.integers(2, min(log2_min_cb - 1, 5)))
    log2_max_tb = draw(st.integers(log2_min_tb, min(log2_ctb, 5)))
    depth = draw(st.integers(0, log2_ctb - log2_min_tb))
    pcm = None
    if draw(st.booleans()):
        log2_min = draw(st.integers(min(log2_min_cb, 5), min(log2_ctb, 5)))
        log2_max = draw(st.integers(log2_min, min(log2_ctb, 5)))
        pcm = Pcm(
            draw(st.integers(1, 8)),
            draw(st.integers(1, 8)),
            log2_min,
            log2_max,
            draw(st.booleans()),
        )
    names = ("transform_skip_context_enabled", "persistent_rice_adaptation_enabled")
    flags = tuple(name for name in names if draw(st.booleans()))
    sao, strong = draw(st.booleans()), draw(st.booleans())
    return SequenceParameters(
        log2_min_cb, log2_ctb, log2_min_tb, log2_max_tb, depth, sao, strong, pcm, flags
    )


@settings(derandomize=True, deadline=None, max_examples=300)
@given(sequences())
def test_round_trip(sequence):
    assert read_sequence(write_sequence(sequence)) == sequence


def test_typical_bytes():
    """The header that BPG files of x265's default block sizes carry."""
    assert write_sequence(TYPICAL).hex() == "924d00"


def test_writes_the_reference_encoders_bytes(vector):
    data = vector.data
    start = read_info(data).data_start
    header = data[start + 1 : start + 1 + data[start]]
    assert write_sequence(read_sequence(header)) == header


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.binary(max_size=12))
def test_any_bytes_give_legal_values_or_an_error(header):
    try:
        sequence = read_sequence(header)
    except (CorruptBpgError, UnsupportedBpgError):
        return
    assert 3 <= sequence.log2_min_cb <= sequence.log2_ctb <= 6
    assert sequence.log2_ctb >= 4
    assert 2 <= sequence.log2_min_tb < sequence.log2_min_cb
    assert sequence.log2_min_tb <= sequence.log2_max_tb <= min(sequence.log2_ctb, 5)


def header(bits: str) -> bytes:
    bits = bits.replace(" ", "")
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        ("1 1 1 1 1 1 0 1 0", "8 x 8"),
        ("00101", "min_luma_coding_block_size_minus3 is 4"),
        ("1 00101", "max_min_luma_coding_block_size is 4"),
        ("1 00100 010", "min_transform_block_size_minus2 is out of range"),
        ("1 00100 1 00101", "max_min_transform_block_size is 4"),
        ("1 00100 1 1 00110", "hierarchy_depth_intra is 5"),
        ("1 00100 1 00100 1 1 1 1000 0111", "9 and 8 bits"),
        ("1 00100 1 00100 1 1 0 1 0 111", "zero bits"),
        ("1 00100 1 00100 1 1 0 1 0 000 00000000", "longer"),
        ("1 00100 1", "ends early"),
    ],
)
def test_refuses_what_h265_forbids(bits, message):
    with pytest.raises(CorruptBpgError, match=message):
        read_sequence(header(bits))


@pytest.mark.parametrize(
    ("position", "name"),
    [(2, "implicit_rdpcm"), (4, "extended_precision"), (8, "cabac_bypass_alignment")],
)
def test_refuses_range_extensions_that_ffmpeg_gets_wrong(position, name):
    flags = ["0"] * 9
    flags[position] = "1"
    with pytest.raises(UnsupportedBpgError, match=name):
        read_sequence(header("1 00100 1 00100 1 1 0 1 1 10000000" + "".join(flags)))


def test_refuses_other_extensions():
    with pytest.raises(UnsupportedBpgError, match="0100000"):
        read_sequence(header("1 00100 1 00100 1 1 0 1 1 00100000"))


def test_coded_size():
    assert TYPICAL.coded_size(187, 250) == (192, 256)
    assert SequenceParameters(4, 4, 2, 4, 0, True, True).coded_size(1, 17) == (16, 32)


def test_pcm_samples_have_at_most_the_pictures_bits():
    sequence = SequenceParameters(4, 4, 2, 4, 0, False, False, Pcm(10, 9, 4, 4, True))
    assert read_sequence(write_sequence(sequence), bit_depth=10) == sequence
    with pytest.raises(CorruptBpgError, match="at most 9"):
        read_sequence(write_sequence(sequence), bit_depth=9)


class Cabac:
    """The arithmetic encoder of ITU-T H.265, 9.3.4, for the few bins that PCM needs."""

    def __init__(self, writer: BitWriter) -> None:
        self.writer, self.low, self.range, self.first, self.outstanding = writer, 0, 510, True, 0

    def put(self, bit: int) -> None:
        if not self.first:
            self.writer.u(1, bit)
        self.first = False
        for _ in range(self.outstanding):
            self.writer.u(1, 1 - bit)
        self.outstanding = 0

    def most_probable(self, least_range: int) -> None:
        self.range -= least_range
        self.renormalise()

    def terminate(self) -> None:
        self.low, self.range = self.low + self.range - 2, 2
        self.renormalise()
        self.put(self.low >> 9 & 1)
        self.writer.u(2, self.low >> 7 & 3 | 1)

    def renormalise(self) -> None:
        while self.range < 256:
            if self.low < 256:
                self.put(0)
            elif self.low >= 512:
                self.low -= 512
                self.put(1)
            else:
                self.low -= 256
                self.outstanding += 1
            self.low <<= 1
            self.range <<= 1


def pcm_picture(samples: np.ndarray, bits: int) -> list[bytes]:
    """PPS and slice of one grey 16 x 16 block of PCM samples, coded by hand."""
    pps = BitWriter()
    for kind, value in [("e", 0), ("e", 0), ("7", 0), ("e", 0), ("e", 0), ("e", 0), ("3", 0)]:
        pps.ue(value) if kind == "e" else pps.u(int(kind), value)
    pps.ue(0)  # cb and cr qp offsets
    pps.ue(0)
    pps.u(7, 0)  # no offsets in slices, weights, transquant bypass, tiles, wavefronts
    pps.u(4, 0b0101)  # filters end at slices; deblocking control present: no override, disabled
    pps.u(2, 0)
    pps.ue(0)
    pps.u(3, 0b001)  # no extensions; stop bit
    head = BitWriter()
    head.u(2, 0b10)  # first slice of the picture; earlier pictures stay
    head.ue(0)
    head.ue(2)  # intra
    head.ue(0)  # slice_qp_delta
    head.u(1, 1)
    start, tail = BitWriter(), BitWriter()
    coder = Cabac(start)
    coder.most_probable(240)  # part_mode 2Nx2N: state 0 at qp 26, first range
    coder.terminate()  # pcm_flag
    for sample in samples.reshape(-1):
        tail.u(bits, int(sample))
    end = BitWriter()
    Cabac(end).terminate()
    body = head.to_bytes() + start.to_bytes() + tail.to_bytes() + end.to_bytes()
    # Samples of at least 2^(bits - 4) leave no run of zeros that would need emulation prevention.
    return [b"\x44\x01" + pps.to_bytes(), b"\x28\x01" + body]


@pytest.mark.parametrize("bits", [8, 9, 10, 12])
def test_pcm_samples_of_every_bit_depth(bits, lossless_files):
    """9 bits, which libx265 does not write, too."""
    rng = np.random.default_rng(bits)
    samples = rng.integers(2 ** (bits - 4), 2**bits, (16, 16)).astype(
        np.uint8 if bits == 8 else np.uint16
    )
    pcm = Pcm(bits, bits, 4, 4, True)
    header = write_sequence(SequenceParameters(4, 4, 2, 4, 0, False, False, pcm))
    data = write_ue7(len(header)) + header + b"\0\0\1".join(pcm_picture(samples, bits))
    file = b"BPG\xfb" + bytes([bits - 8, 0]) + b"\x10\x10" + write_ue7(len(data)) + data
    np.testing.assert_array_equal(
        bpg.decode(file, strict=True), lossless_files.expected_rgb([samples], "gray", bits)
    )

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moclink.bpg import CorruptBpgError
from moclink.bpg.bits import BitReader, BitWriter, read_ue7, write_ue7

# Examples of the BPG specification 0.9.5, section 2.
UE7_EXAMPLES = {8: "08", 542: "841e", 728855: "acbe17"}
# ITU-T H.265, table 9-2.
UE_EXAMPLES = {0: "1", 1: "010", 2: "011", 3: "00100", 7: "0001000", 8: "0001001"}


@pytest.mark.parametrize(("value", "code"), UE7_EXAMPLES.items())
def test_ue7_follows_the_specification(value, code):
    assert write_ue7(value).hex() == code
    assert read_ue7(bytes.fromhex(code), 0, "field") == (value, len(code) // 2)


@pytest.mark.parametrize(("value", "code"), UE_EXAMPLES.items())
def test_ue_follows_h265(value, code):
    writer = BitWriter()
    writer.ue(value)
    data = int(code.ljust(8, "0"), 2).to_bytes(1, "big")
    assert writer.to_bytes() == data
    assert BitReader(data).ue("field", 8) == value


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2**32 - 1), st.binary(max_size=3))
def test_ue7_round_trip(value, before):
    code = write_ue7(value)
    assert read_ue7(before + code + b"\xff", len(before), "field") == (
        value,
        len(before) + len(code),
    )


@pytest.mark.parametrize(
    "code", ["8008", "80", "", "81", "ffffffff", "90808080 00", "ffffffffff7f"]
)
def test_ue7_refuses(code):
    """The longer form, the end of the data, more than 32 bits."""
    with pytest.raises(CorruptBpgError, match="width"):
        read_ue7(bytes.fromhex(code), 0, "width")


def test_ue_is_bounded():
    with pytest.raises(CorruptBpgError, match="depth is 4"):
        BitReader(bytes([0b00101000])).ue("depth", 3)
    # 799 leading zeros ask for a value of 800 bits, which is never computed.
    with pytest.raises(CorruptBpgError, match="depth is out of range"):
        BitReader(bytes(100) + b"\xff" * 200).ue("depth", 3)
    with pytest.raises(CorruptBpgError, match="ends early"):
        BitReader(b"\0").ue("depth", 1000)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 2**40)), max_size=20))
def test_bits_round_trip(fields):
    writer = BitWriter()
    for bits, value in fields:
        writer.u(bits, value % 2**bits)
        writer.ue(value)
    reader = BitReader(writer.to_bytes())
    for bits, value in fields:
        assert reader.u(bits) == value % 2**bits
        assert reader.ue("value", 2**40) == value
    assert reader.left < 8

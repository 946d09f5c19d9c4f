"""Reading and writing of the bit fields of HEVC headers and of BPG's own variable-length bytes.

References:
    u(n) and ue(v): ITU-T H.265, 7.2 and 9.2. ue7(n): BPG specification 0.9.5, section 2.
"""

from __future__ import annotations

from .errors import CorruptBpgError


class BitReader:
    """Reads big-endian bit fields from bytes.

    Args:
        data: The bytes to read, without emulation prevention.
    """

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    @property
    def left(self) -> int:
        """Number of bits not yet read."""
        return self._left

    def u(self, bits: int) -> int:
        """Read an unsigned field of `bits` bits.

        Raises:
            CorruptBpgError: If fewer bits are left.
        """
        if bits > self._left:
            raise CorruptBpgError(f"header ends early: {bits} more bits wanted, {self._left} left")
        self._left -= bits
        return self._value >> self._left & ((1 << bits) - 1)

    def ue(self, name: str, highest: int) -> int:
        """Read an Exp-Golomb field and check it against its highest legal value.

        The number of leading zeros is bounded by what `highest` can need, so that a damaged field
        never asks for a huge shift.

        Raises:
            CorruptBpgError: If the value is above `highest`, or the data end.
        """
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > highest.bit_length():
                raise CorruptBpgError(f"{name} is out of range: it must be 0 to {highest}")
        value = (1 << zeros) - 1 + self.u(zeros)
        if value > highest:
            raise CorruptBpgError(f"{name} is {value}: it must be 0 to {highest}")
        return value


class BitWriter:
    """Collects big-endian bit fields."""

    def __init__(self) -> None:
        self._value = 0
        self._bits = 0

    def u(self, bits: int, value: int) -> None:
        """Append `value` as an unsigned field of `bits` bits."""
        self._value = self._value << bits | value
        self._bits += bits

    def ue(self, value: int) -> None:
        """Append `value` as an Exp-Golomb code."""
        self.u(2 * (value + 1).bit_length() - 1, value + 1)

    def to_bytes(self) -> bytes:
        """Return the bytes so far, the last one filled up with zero bits."""
        fill = -self._bits % 8
        return (self._value << fill).to_bytes((self._bits + fill) // 8, "big")


def read_ue7(data: bytes, at: int, name: str) -> tuple[int, int]:
    """Read BPG's byte-wise integer (at most 32 bits, shortest form only).

    Args:
        data: The file.
        at: Offset of the first byte.
        name: Name of the field, for the error.

    Returns:
        The value, and the offset behind it.

    Raises:
        CorruptBpgError: If the data end, the form is not the shortest or the value exceeds 32 bits.
    """
    if data[at : at + 1] == b"\x80":
        raise CorruptBpgError(f"{name} at byte {at} starts with 0x80: not the shortest form")
    value = 0
    for offset in range(at, at + 5):
        if offset >= len(data):
            raise CorruptBpgError(f"{name} at byte {at} is cut off: the file has {len(data)} bytes")
        value = value << 7 | data[offset] & 0x7F
        if data[offset] < 0x80:
            if value >> 32:
                break
            return value, offset + 1
    raise CorruptBpgError(f"{name} at byte {at} does not fit into 32 bits")


def write_ue7(value: int) -> bytes:
    """Return `value` (0 to 2**32 - 1) as BPG's byte-wise integer."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))

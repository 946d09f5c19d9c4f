"""TensorBoard event files with scalars, written without TensorFlow.

By hand, since the libraries that write them bring in protobuf, or TensorFlow, for these forty
lines.

An event file is a row of records: length (uint64), masked CRC-32C of the length, data, masked
CRC-32C of the data. The data is an `Event` protocol buffer with wall time, step and one `Summary`.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from pathlib import Path


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def masked_crc(data: bytes) -> int:
    """CRC-32C (Castagnoli), rotated and offset as record files store it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _block(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


class EventWriter:
    """Appends scalars to an event file `events.out.tfevents.*` in a folder.

    Args:
        folder: Where TensorBoard looks; made if it is missing.
    """

    def __init__(self, folder: str | Path):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"events.out.tfevents.{time.time_ns()}.moclink"
        self._record(struct.pack("<Bd", 0x09, time.time()) + _block(3, b"brain.Event:2"))

    def _record(self, data: bytes) -> None:
        length = struct.pack("<Q", len(data))
        framed = (
            length
            + struct.pack("<I", masked_crc(length))
            + data
            + struct.pack("<I", masked_crc(data))
        )
        with open(self.path, "ab") as sink:
            sink.write(framed)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write one event with the values of a step."""
        entries = [
            _block(1, _block(1, name.encode()) + struct.pack("<Bf", 0x15, value))
            for name, value in values.items()
        ]
        head = struct.pack("<Bd", 0x09, time.time()) + b"\x10" + _varint(step)
        self._record(head + _block(5, b"".join(entries)))

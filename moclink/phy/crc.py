"""Cyclic redundancy checks of 5G NR (3GPP TS 38.212, 5.1): all register bits zero at the start."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moclink.numba_cache import compiled

# Generator polynomials without their leading term, and their degree L.
CRC24A = (0x864CFB, 24)
CRC24B = (0x800063, 24)
CRC16 = (0x1021, 16)


@compiled()
def _remainders(bits, polynomial, length):
    """Remainder of bits [B, K] times D^length, divided by the polynomial: uint32 [B]."""
    remainders = np.zeros(len(bits), np.uint32)
    mask = np.uint32((1 << length) - 1)
    top = np.uint32(length - 1)
    for b in range(len(bits)):
        register = np.uint32(0)
        for i in range(bits.shape[1]):
            feedback = ((register >> top) & np.uint32(1)) ^ np.uint32(bits[b, i])
            register = ((register << np.uint32(1)) & mask) ^ (feedback * np.uint32(polynomial))
        remainders[b] = register
    return remainders


def crc_bits(bits: NDArray[np.uint8], crc: tuple[int, int]) -> NDArray[np.uint8]:
    """Parity bits of messages.

    Args:
        bits: uint8 [B, K], 0 or 1, first bit first.
        crc: `CRC24A`, `CRC24B` or `CRC16`.

    Returns:
        uint8 [B, L], to be put behind the message.
    """
    polynomial, length = crc
    remainders = _remainders(np.ascontiguousarray(bits, np.uint8), polynomial, length)
    places = np.arange(length - 1, -1, -1, dtype=np.uint32)
    return ((remainders[:, None] >> places) & 1).astype(np.uint8)


def crc_passes(bits: NDArray[np.uint8], crc: tuple[int, int]) -> NDArray[np.bool_]:
    """Say of messages with their parity bits, uint8 [B, K + L], whether the check holds: bool [B]."""
    return _remainders(np.ascontiguousarray(bits, np.uint8), *crc) == 0

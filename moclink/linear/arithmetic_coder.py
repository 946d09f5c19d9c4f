"""Arithmetic coder of integers for side information (Witten, Neal and Cleary, 1987).

Sender and receiver feed it the same frequency tables, so it costs the tables' code length plus
about two bits in all. For whole alphabets and a few thousand symbols a picture, in plain Python; the
million decisions of a file take `range_coder`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TOTAL = 1 << 14
_TOP = (1 << 32) - 1
_HALF = 1 << 31
_QUARTER = 1 << 30


def frequencies(probabilities: NDArray[np.floating]) -> list[int]:
    """Cumulative frequencies [n + 1] from 0 to TOTAL, every symbol at least 1.

    Args:
        probabilities: [n], of any positive scale; n at most TOTAL / 2.
    """
    share = np.asarray(probabilities, dtype=np.float64)
    spare = TOTAL - len(share)
    cumulative = np.floor(np.cumsum(share) / share.sum() * spare + 1e-9).astype(np.int64)
    cumulative[-1] = spare
    return [0, *(cumulative + np.arange(1, len(share) + 1)).tolist()]


class ArithmeticEncoder:
    """Collects symbols into bits."""

    def __init__(self) -> None:
        self._low, self._high, self._pending = 0, _TOP, 0
        self._bits: list[int] = []

    def _emit(self, bit: int) -> None:
        self._bits.append(bit)
        self._bits.extend([1 - bit] * self._pending)
        self._pending = 0

    def put(self, symbol: int, cumulative: Sequence[int]) -> None:
        """Encode a symbol under cumulative frequencies (see `frequencies`)."""
        if not 0 <= symbol < len(cumulative) - 1:
            raise ValueError(f"symbol {symbol} is outside the table's 0..{len(cumulative) - 2}")
        span, total = self._high - self._low + 1, cumulative[-1]
        self._high = self._low + span * cumulative[symbol + 1] // total - 1
        self._low = self._low + span * cumulative[symbol] // total
        while True:
            if self._high < _HALF:
                self._emit(0)
            elif self._low >= _HALF:
                self._emit(1)
                self._low -= _HALF
                self._high -= _HALF
            elif self._low >= _QUARTER and self._high < 3 * _QUARTER:
                self._pending += 1
                self._low -= _QUARTER
                self._high -= _QUARTER
            else:
                return
            self._low, self._high = 2 * self._low, 2 * self._high + 1

    def put_uniform(self, value: int, count: int) -> None:
        """Encode a value of 0..count-1, all equally likely."""
        self.put(value, range(count + 1))

    def finish(self) -> NDArray[np.uint8]:
        """The bits, uint8 of 0 and 1."""
        self._pending += 1
        self._emit(0 if self._low < _QUARTER else 1)
        return np.array(self._bits, dtype=np.uint8)


class ArithmeticDecoder:
    """Reads the symbols of an `ArithmeticEncoder` back.

    Args:
        bits: What `ArithmeticEncoder.finish` returned; zeros are read past its end.
    """

    def __init__(self, bits: NDArray[np.uint8]) -> None:
        self._bits = [int(bit) for bit in bits]
        self._position = 0
        self._low, self._high, self._value = 0, _TOP, 0
        for _ in range(32):
            self._value = 2 * self._value + self._next()

    def _next(self) -> int:
        position = self._position
        self._position = position + 1
        return self._bits[position] if position < len(self._bits) else 0

    def get(self, cumulative: Sequence[int]) -> int:
        """Decode a symbol under cumulative frequencies (see `frequencies`)."""
        span, total = self._high - self._low + 1, cumulative[-1]
        target = ((self._value - self._low + 1) * total - 1) // span
        first, last = 0, len(cumulative) - 2
        while first < last:
            middle = (first + last + 1) // 2
            if cumulative[middle] <= target:
                first = middle
            else:
                last = middle - 1
        self._high = self._low + span * cumulative[first + 1] // total - 1
        self._low = self._low + span * cumulative[first] // total
        while True:
            if self._high < _HALF:
                pass
            elif self._low >= _HALF:
                self._low -= _HALF
                self._high -= _HALF
                self._value -= _HALF
            elif self._low >= _QUARTER and self._high < 3 * _QUARTER:
                self._low -= _QUARTER
                self._high -= _QUARTER
                self._value -= _QUARTER
            else:
                return first
            self._low, self._high = 2 * self._low, 2 * self._high + 1
            self._value = 2 * self._value + self._next()

    def get_uniform(self, count: int) -> int:
        """Decode a value of 0..count-1 of `put_uniform`."""
        return self.get(range(count + 1))

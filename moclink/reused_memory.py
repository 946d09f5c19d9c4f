"""Arrays whose memory is used again, for what is as large as a map of features and made many times.

The system clears the pages of every new large array, which takes a tenth of a receiver's time. Here
memory is kept when its last array is gone. It begins at a multiple of 64 bytes, so that TensorFlow
takes an array over without a copy.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEAST = 1 << 20  # bytes; smaller arrays come from NumPy's memory, which is used again anyway
MOST = 256 << 20  # bytes that are kept at most
ALIGNMENT = 64


def _references(blocks: Sequence[NDArray[np.uint8]]) -> list[int]:
    """How many references there are to each, those of this question included."""
    return [sys.getrefcount(block) for block in blocks]


_UNUSED = _references([np.empty(1, np.uint8)])[0]  # to a block that no array looks at


class ReusedMemory:
    """Memory of float32 arrays. Threads may share it.

    Args:
        most: Bytes to keep at most. What is in use counts, but is never taken away.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._blocks: list[NDArray[np.uint8]] = []
        self._lock = threading.Lock()

    @property
    def kept(self) -> int:
        """Bytes that are kept, in use or not."""
        return sum(block.size for block in self._blocks)

    def empty(self, shape: Sequence[int]) -> NDArray[np.float32]:
        """An array of this shape with any values, float32."""
        size = 4 * math.prod(shape)
        if not LEAST <= size <= self._most:
            return np.empty(shape, np.float32)
        with self._lock:
            block = self._block(size)
        start = -block.ctypes.data % ALIGNMENT
        return block[start : start + size].view(np.float32).reshape(shape)

    def _block(self, size: int) -> NDArray[np.uint8]:
        """A block that is not in use, of at most twice the size: the smallest, or a new one."""
        counts = _references(self._blocks)
        unused = [
            block for block, count in zip(self._blocks, counts, strict=True) if count == _UNUSED
        ]
        fitting = [block for block in unused if size + ALIGNMENT <= block.size <= 2 * size]
        if fitting:
            return min(fitting, key=lambda block: block.size)
        block = np.empty(size + ALIGNMENT, np.uint8)
        kept = [*self._blocks, block]
        for old in unused:
            if sum(each.size for each in kept) <= self._most:
                break
            kept = [each for each in kept if each is not old]
        if sum(each.size for each in kept) <= self._most:
            self._blocks = kept
        return block


_SHARED = ReusedMemory()


def empty(shape: Sequence[int]) -> NDArray[np.float32]:
    """`ReusedMemory.empty` of the memory that all of a process shares."""
    return _SHARED.empty(shape)

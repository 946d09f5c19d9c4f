"""JPEG with a restart marker in front of every row of MCUs, and concealment of the rows that were lost.

A restart interval can be decoded without those before it. So a receiver that knows which code
blocks failed (`moclink.phy.transport_block_modem`) loses the rows that lie in them and no others;
each lost row is interpolated between its neighbours. What is sent is

    number of intervals, length of the JPEG header, lengths of the intervals | header | intervals

with LEB128 numbers; the markers themselves (2 bytes each, about what a length takes) are put back
by the receiver. Without the numbers and the header there is no picture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from moclink.constants import GREY
from moclink.images import to_float
from moclink.sources.file_source import FileSource
from moclink.sources.pillow_codecs import JPEG
from moclink.types import ChannelState, Decoded, Demodulated, Header, Payload

# A wrong bit among those of at least this LLR is rare: e^-8 = 3e-4, and 2^-16 behind a CRC of 16
# bits.
CERTAIN_LLR = 8.0
MCU_ROWS = 16  # pixel rows of an MCU with chroma subsampled 4:2:0
_JPEG = replace(JPEG, options=(*JPEG.options, ("restart_marker_rows", 1)))
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_END = b"\xff\xd9"


@dataclass(frozen=True)
class RestartJpeg:
    """A file codec: JPEG whose rows of MCUs can be decoded one by one.

    Attributes:
        name: Name in results.
        qualities: JPEG qualities, from the coarsest to the finest.
    """

    name: str = "jpeg-rst"
    qualities: Sequence[int] = range(1, 101)

    def limit_problem(self, height: int, width: int) -> str | None:
        """Why a picture of this size cannot be coded, or None."""
        return _JPEG.limit_problem(height, width)

    def encode_file(self, image: NDArray[np.uint8], quality: float) -> bytes:
        """uint8 [H, W, 3] -> file.

        Raises:
            FileCodecError: If JPEG cannot hold the picture.
        """
        data = _JPEG.encode_file(image, quality)
        start = _scan_start(data)
        intervals = _RESTART.split(data[start : -len(_END)])
        numbers = [len(intervals), start, *map(len, intervals)]
        return b"".join(map(_leb128, numbers)) + data[:start] + b"".join(intervals)

    def decode_file(self, data: bytes, max_pixels: int) -> NDArray[np.uint8]:
        """Undamaged file -> uint8 [H, W, 3].

        Raises:
            ValueError: If the file gives no picture, or one of more than `max_pixels`.
        """
        return self.decode_damaged(data, np.zeros(len(data), bool), max_pixels)

    def decode_damaged(
        self, data: bytes, damaged: NDArray[np.bool_], max_pixels: int
    ) -> NDArray[np.uint8]:
        """File of which some bytes are known to be damaged -> uint8 [H, W, 3] with lost rows concealed.

        Args:
            data: The file as received.
            damaged: bool [len(data)].
            max_pixels: Most pixels of a picture.

        Raises:
            ValueError: If the numbers or the header are damaged, no interval is left, or the
                picture is larger.
        """
        lengths, place = _read_numbers(data)
        start = place + lengths[0]
        edges = start + np.cumsum([0, *lengths[1:]])
        if edges[-1] != len(data) or damaged[:start].any():
            raise ValueError(f"the header of this {self.name} file of {len(data)} bytes is damaged")
        # The last interval is padded to a whole byte by the encoder, like all others.
        lost = np.array([damaged[a:b].any() for a, b in zip(edges, edges[1:], strict=False)])
        if lost.all():
            raise ValueError(f"every restart interval of this {self.name} file is damaged")
        parts = [data[place:start]]
        for number, (a, b) in enumerate(zip(edges, edges[1:], strict=False)):
            # An empty interval leaves its rows grey, and the decoder continues at the next marker.
            parts.append(b"" if lost[number] else data[a:b])
            parts.append(bytes([0xFF, 0xD0 + number % 8]))
        parts[-1] = _END
        pixels = _JPEG.decode_file(b"".join(parts), max_pixels)
        return conceal_rows(pixels, lost, MCU_ROWS) if lost.any() else pixels


@dataclass(frozen=True)
class ConcealingSource:
    """Restart-marked JPEG files as a source of bits whose decoder looks at reliabilities.

    Attributes:
        codec: Image <-> file.
        files: The same files as a source that takes every bit as it comes; encodes.
    """

    codec: RestartJpeg
    files: FileSource

    @property
    def alphabet(self) -> int:
        """2: the indices are bits."""
        return 2

    def encode(self, images: NDArray[np.float32], csi: ChannelState | None = None) -> Payload:
        """Images [B, H, W, 3] -> bits [B, K] of the best files within budget."""
        return self.files.encode(images, csi)

    def decode(self, demodulated: Demodulated, header: Header) -> Decoded:
        """LLRs [B, K] -> images; bytes with a bit of |LLR| below `CERTAIN_LLR` count as damaged."""
        lengths = np.broadcast_to(header.lengths, len(demodulated.values))
        shape = (header.height, header.width, 3)
        images = np.full((len(lengths), *shape), GREY, np.float32)
        ok = np.zeros(len(lengths), bool)
        fits = np.broadcast_to(getattr(header, "fits", True), len(lengths))
        for row, length in enumerate(lengths):
            if not fits[row]:
                continue
            llr = demodulated.values[row, :length]
            damaged = np.asarray((np.abs(llr) < CERTAIN_LLR).reshape(-1, 8).any(axis=1))
            try:
                pixels = self.codec.decode_damaged(
                    np.packbits(llr > 0).tobytes(), damaged, header.height * header.width
                )
            except ValueError:
                continue
            if pixels.shape == shape:
                images[row], ok[row] = to_float(pixels), True
        return Decoded(images, ok)


def conceal_rows(
    pixels: NDArray[np.uint8], lost: NDArray[np.bool_], height: int
) -> NDArray[np.uint8]:
    """Fill lost strips of a picture, line by line, between the nearest lines that were received.

    Args:
        pixels: uint8 [H, W, 3].
        lost: bool [N], which strips are lost; at least one is not.
        height: Lines of a strip.

    Returns:
        uint8 [H, W, 3]. The lines next to a lost strip are filled too: interpolation of chroma has
        mixed them with it.
    """
    gone = np.repeat(lost, height)[: len(pixels)]
    gone |= np.roll(gone, 1) & (np.arange(len(gone)) > 0) | np.roll(gone, -1) & (
        np.arange(len(gone)) < len(gone) - 1
    )
    kept = np.flatnonzero(~gone)
    lines = np.arange(len(pixels))
    place = np.interp(lines, kept, np.arange(len(kept)))
    above, share = kept[np.floor(place).astype(int)], (place % 1)[:, None, None]
    below = kept[np.ceil(place).astype(int)]
    mixed = pixels[above] * (1 - share) + pixels[below] * share
    return np.where(gone[:, None, None], np.rint(mixed).astype(np.uint8), pixels)


def _scan_start(data: bytes) -> int:
    """Where the entropy-coded data of a baseline JPEG file begin: behind the segment of marker SOS."""
    place = 2
    while True:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        place += 2 + length
        if marker == 0xDA:
            return place


def _leb128(number: int) -> bytes:
    """Little-endian base-128 form of a number."""
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])


def _read_numbers(data: bytes) -> tuple[list[int], int]:
    """Lengths of the JPEG header and the intervals, and where they end.

    Raises:
        ValueError: If the data end before.
    """
    numbers: list[int] = []
    number, shift, place = 0, 0, 0
    while not numbers or len(numbers) < numbers[0] + 2:
        if place == len(data) or shift > 28:
            raise ValueError("the lengths of the restart intervals are damaged")
        byte = data[place]
        number |= (byte & 127) << shift
        shift, place = shift + 7, place + 1
        if byte < 128:
            numbers.append(number)
            number, shift = 0, 0
    return numbers[1:], place

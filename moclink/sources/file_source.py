"""Classical file codecs as sources of bits, fitted to a bit budget image by image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from moclink.chain import Decoded, Header, Payload, RateFit, hard_letters
from moclink.images import to_float, to_uint8
from moclink.sources.rate import fit_quality

GREY = np.float32(0.5)  # level of the image that stands for an outage


class FileCodec(Protocol):
    """Image <-> file."""

    def __hash__(self) -> int:
        """Codecs are keys of what is kept."""

    @property
    def name(self) -> str:
        """Name in results."""

    @property
    def qualities(self) -> Sequence[int]:
        """Quality parameters, from the coarsest to the finest."""

    def encode_file(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """uint8 [H, W, 3] -> file."""

    def decode_file(self, data: bytes, max_pixels: int) -> NDArray[np.uint8]:
        """File -> uint8 [H, W, 3].

        Raises:
            ValueError: If the file gives no picture, or one of more than `max_pixels`.
        """


@dataclass(frozen=True)
class FileSource:
    """A file codec with rate control as a source of bits.

    The length of the file and the size of the image are side information (`Header`).

    Attributes:
        codec: Image <-> file.
        budget: (height, width) -> bits a file may have.
    """

    codec: FileCodec
    budget: Callable[[int, int], int]

    @property
    def alphabet(self) -> int:
        """2: letters are bits."""
        return 2

    def encode(self, images: NDArray[np.float32], csi: Any = None) -> Payload:
        """Images [B, H, W, 3] -> bits [B, K] of the best files within budget, first bit of a byte first.

        `csi`, what the sender knows of the channel, changes nothing: the budget is fixed.
        """
        height, width = images.shape[1:3]
        files, fits = zip(
            *(fit_file(self.codec, image, self.budget(height, width)) for image in images), strict=True
        )
        lengths = tuple(8 * len(data) for data in files)
        letters = np.zeros((len(files), max(lengths)), np.uint8)
        for row, data in enumerate(files):
            letters[row, : lengths[row]] = np.unpackbits(np.frombuffer(data, np.uint8))
        return Payload(letters, Header(height, width, lengths), fits)

    def decode(self, evidence: NDArray[np.float32], header: Header) -> Decoded:
        """LLRs [B, K] -> images; a bit string that comes again is not decoded again."""
        bits = hard_letters(evidence)
        lengths = np.broadcast_to(header.letters, len(bits))
        images = np.full((len(bits), header.height, header.width, 3), GREY, np.float32)
        ok = np.zeros(len(bits), bool)
        for row, length in enumerate(lengths):
            data = np.packbits(bits[row, :length]).tobytes()
            pixels = _decoded(self.codec, data, (header.height, header.width, 3))
            if pixels is not None:
                images[row], ok[row] = to_float(pixels), True
        return Decoded(images, ok)


@lru_cache(maxsize=4)
def _decoded(codec: Any, data: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint8] | None:
    """The picture in a file, or None if there is none of the announced shape.

    Kept, since above the waterfall of its code a file arrives undamaged at SNR after SNR.
    """
    try:
        pixels = codec.decode_file(data, shape[0] * shape[1])
    except ValueError:
        return None
    return pixels if pixels.shape == shape else None


def fit_file(codec: FileCodec, image: NDArray[np.float32], budget_bits: int) -> tuple[bytes, RateFit]:
    """Encode one image [H, W, 3] in [0, 1] with the best quality whose file fits the budget."""
    pixels = to_uint8(image)
    files = _files(codec, hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).digest())

    def encode(quality: int) -> bytes:
        if quality not in files:
            files[quality] = codec.encode_file(pixels, quality)
        return files[quality]

    return fit_quality(codec.name, encode, codec.qualities, budget_bits)


@lru_cache(maxsize=4)
def _files(codec: Any, digest: bytes) -> dict[int, bytes]:
    """Files of the picture with this digest by quality: bisections for several budgets share them."""
    return {}

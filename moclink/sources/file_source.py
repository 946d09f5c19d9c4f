"""Classical file codecs as sources of bits, fitted to a bit budget image by image."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from moclink.constants import GREY
from moclink.images import to_float, to_uint8
from moclink.linear.transform import check_images
from moclink.sources.rate import fit_quality
from moclink.types import ChannelState, Decoded, Demodulated, Header, Payload, RateFit


class FileCodec(Protocol):
    """Image <-> file."""

    def __hash__(self) -> int:
        """Codecs are keys of what is kept."""

    @property
    def name(self) -> str:
        """Name in results."""

    @property
    def qualities(self) -> Sequence[float]:
        """Quality parameters, from the coarsest to the finest."""

    def limit_problem(self, height: int, width: int) -> str | None:
        """Why a picture of this size cannot be coded, or None: known before anything is encoded."""

    def encode_file(self, image: NDArray[np.uint8], quality: float) -> bytes:
        """uint8 [H, W, 3] -> file.

        Raises:
            FileCodecError: If the format cannot hold the picture, or its encoder fails.
        """

    def decode_file(self, data: bytes, max_pixels: int) -> NDArray[np.uint8]:
        """File -> uint8 [H, W, 3].

        Raises:
            ValueError: If the file gives no picture, or one of more than `max_pixels`.
        """


class FileCache:
    """Files that rate control has tried, and pictures decoded of files: the last few of each.

    Bisections for several budgets, and chains with the same codec, share the tried files. Above the
    waterfall of its code a file arrives undamaged at SNR after SNR and is decoded once.

    Args:
        pictures: How many pictures' files, and how many decoded files, are kept.
    """

    def __init__(self, pictures: int = 4) -> None:
        self._pictures = pictures
        self._tried: OrderedDict[Any, dict[float, bytes]] = OrderedDict()
        self._decoded: OrderedDict[Any, NDArray[np.uint8] | None] = OrderedDict()

    def tried(self, codec: FileCodec, pixels: NDArray[np.uint8]) -> dict[float, bytes]:
        """Files of a picture by quality, to be added to."""
        digest = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).digest()
        return self._keep(self._tried, (codec, digest), lambda: {})

    def decoded(
        self, codec: FileCodec, data: bytes, shape: tuple[int, int, int]
    ) -> NDArray[np.uint8] | None:
        """The picture in a file, uint8, or None if there is none of the announced shape."""

        def decode() -> NDArray[np.uint8] | None:
            try:
                pixels = codec.decode_file(data, shape[0] * shape[1])
            except ValueError:
                return None
            return pixels if pixels.shape == shape else None

        return self._keep(self._decoded, (codec, data, shape), decode)

    def _keep(self, kept: OrderedDict[Any, Any], key: Any, make: Callable[[], Any]) -> Any:
        if key not in kept:
            kept[key] = make()
        kept.move_to_end(key)
        while len(kept) > self._pictures:
            kept.popitem(last=False)
        return kept[key]


@dataclass(frozen=True)
class FileHeader(Header):
    """Header of files.

    Attributes:
        fits: Whether each row's file fits its budget. Of one that does not, as much as fits is
            sent, and the receiver shows nothing: comparisons at equal symbols stay equal.
    """

    fits: tuple[bool, ...] = (True,)


@dataclass(frozen=True)
class FileSource:
    """A file codec with rate control as a source of bits.

    The length of the file and the size of the image are side information (`Header`).

    Attributes:
        codec: Image <-> file.
        budget: (height, width, csi) -> bits a file may have; csi is what the sender knows of the
            channel.
        cache: What was encoded and decoded before; shared by the chains of a worker.
    """

    codec: FileCodec
    budget: Callable[[int, int, ChannelState | None], int]
    cache: FileCache = field(default_factory=FileCache, compare=False, repr=False)

    @property
    def alphabet(self) -> int:
        """2: the indices are bits."""
        return 2

    def encode(self, images: NDArray[np.float32], csi: ChannelState | None = None) -> Payload:
        """Images [B, H, W, 3] -> bits [B, K] of the best files within budget, first bit of a byte first.

        A file that exceeds the budget even at the coarsest quality is cut off at it (see
        `FileHeader`).

        A picture that the format cannot hold is an outage too; its rate fit says why.

        Raises:
            ValueError: If images are no floats [B, H, W, 3] in [0, 1].
        """
        images = check_images(images)
        height, width = images.shape[1:3]
        budget = self.budget(height, width, csi)
        files, fits = zip(
            *(fit_file(self.codec, image, budget, self.cache) for image in images), strict=True
        )
        # Without a file nothing but zeros is sent, as many as the budget: an outage at equal
        # symbols.
        most = max(8, budget // 8 * 8)  # a byte at least: no transmission is empty
        lengths = tuple(min(8 * len(data) or most, most) for data in files)
        payload = np.zeros((len(files), max(lengths)), np.uint8)
        for row, data in enumerate(files):
            bits = np.unpackbits(np.frombuffer(data, np.uint8))[: lengths[row]]
            payload[row, : len(bits)] = bits
        header = FileHeader(height, width, lengths, fits=tuple(fit.fits for fit in fits))
        return Payload(payload, header, fits)

    def decode(self, demodulated: Demodulated, header: Header) -> Decoded:
        """Bits by the signs of LLRs [B, K] -> images; a bit string that comes again is not decoded again."""
        bits = demodulated.hard()
        lengths = np.broadcast_to(header.lengths, len(bits))
        images = np.full((len(bits), header.height, header.width, 3), GREY, np.float32)
        ok = np.zeros(len(bits), bool)
        fits = np.broadcast_to(getattr(header, "fits", True), len(bits))
        for row, length in enumerate(lengths):
            if not fits[row]:
                continue
            data = np.packbits(bits[row, :length]).tobytes()
            pixels = self.cache.decoded(self.codec, data, (header.height, header.width, 3))
            if pixels is not None:
                images[row], ok[row] = to_float(pixels), True
        return Decoded(images, ok)


def fit_file(
    codec: FileCodec, image: NDArray[np.float32], budget_bits: int, cache: FileCache | None = None
) -> tuple[bytes, RateFit]:
    """Encode one image [H, W, 3] in [0, 1] with the best quality whose file fits the budget.

    If the format cannot hold an image of this size the file is empty and `RateFit.problem` says
    why.
    """
    pixels = to_uint8(image)
    if problem := codec.limit_problem(*pixels.shape[:2]):
        return b"", RateFit(codec.name, 0, 0, budget_bits, problem)
    files = {} if cache is None else cache.tried(codec, pixels)

    def encode(quality: float) -> bytes:
        if quality not in files:
            files[quality] = codec.encode_file(pixels, quality)
        return files[quality]

    return fit_quality(codec.name, encode, codec.qualities, budget_bits)

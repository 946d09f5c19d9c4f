"""JPEG and its successors, as Pillow writes and reads them."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile


@dataclass(frozen=True)
class PillowCodec:
    """A lossy file format of Pillow.

    Attributes:
        name: Name in results.
        format: Pillow's name of the format.
        qualities: Quality parameters, from the coarsest to the finest.
        options: Further encoder options, as (name, value) pairs.
    """

    name: str
    format: str
    qualities: Sequence[int] = range(1, 101)
    options: tuple[tuple[str, object], ...] = field(default=())

    def encode_file(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """uint8 [H, W, 3] -> file."""
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, self.format, quality=quality, **dict(self.options))
        return buffer.getvalue()

    def decode_file(self, data: bytes, max_pixels: int) -> NDArray[np.uint8]:
        """File -> uint8 [H, W, 3]; a damaged one gives what a viewer would show of it.

        Raises:
            ValueError: If the file gives no picture, or one of more than `max_pixels`.
        """
        try:
            with _lenient(), Image.open(io.BytesIO(data), formats=[self.format]) as image:
                if image.width * image.height > max_pixels:
                    raise ValueError(f"{image.width}x{image.height} pixels are more than {max_pixels}")
                return np.asarray(image.convert("RGB"))
        # Pillow's parsers answer damaged files with errors of all these kinds.
        except (
            OSError,
            SyntaxError,
            EOFError,
            IndexError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,
            struct.error,
            ZeroDivisionError,
            MemoryError,
            RuntimeError,
            Image.DecompressionBombError,
        ) as error:
            raise ValueError(f"not a decodable {self.format} file: {error}") from error


@contextlib.contextmanager
def _lenient() -> Iterator[None]:
    """Show damaged files as far as they go, without warnings."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


JPEG = PillowCodec("jpeg", "JPEG", options=(("optimize", True),))
WEBP = PillowCodec("webp", "WEBP", options=(("method", 4),))
AVIF = PillowCodec("avif", "AVIF", range(0, 101), options=(("speed", 6),))


@dataclass(frozen=True)
class Jpeg2000Codec:
    """JPEG 2000 through Pillow; its quality is the compression ratio asked for.

    Attributes:
        name: Name in results.
        qualities: Tenths of a compression ratio, from the coarsest to the finest.
    """

    name: str = "jpeg2000"
    qualities: Sequence[int] = tuple(sorted({round(10 * 1.03**step) for step in range(235)}, reverse=True))

    def encode_file(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """uint8 [H, W, 3] -> file."""
        buffer = io.BytesIO()
        Image.fromarray(image).save(
            buffer,
            "JPEG2000",
            quality_mode="rates",
            quality_layers=[quality / 10],
            irreversible=True,
            mct=1,
            no_jp2=True,
        )
        return buffer.getvalue()

    def decode_file(self, data: bytes, max_pixels: int) -> NDArray[np.uint8]:
        """See `PillowCodec.decode_file`."""
        return PillowCodec(self.name, "JPEG2000").decode_file(data, max_pixels)


JPEG2000 = Jpeg2000Codec()

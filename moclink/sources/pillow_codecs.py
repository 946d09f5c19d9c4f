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
from PIL import Image

from moclink.pillow_settings import pillow_settings
from moclink.sources.inputs import checked_pixels, checked_quality
from moclink.sources.limits import FileCodecError, side_problem


@dataclass(frozen=True)
class PillowCodec:
    """A lossy file format of Pillow.

    Attributes:
        name: Name in results.
        format: Pillow's name of the format.
        longest_side: Longest side that is written and read again, in pixels.
        qualities: Quality parameters, from the coarsest to the finest.
        options: Further encoder options, as (name, value) pairs.
    """

    name: str
    format: str
    longest_side: int
    qualities: Sequence[int] = range(1, 101)
    options: tuple[tuple[str, object], ...] = field(default=())

    def limit_problem(self, height: int, width: int) -> str | None:
        """Why a picture of this size cannot be coded, or None."""
        return side_problem(self.name, height, width, self.longest_side)

    def check_available(self) -> None:
        """Raise ValueError if this Pillow was built without the format."""
        Image.init()
        if self.format not in Image.SAVE or self.format not in Image.OPEN:
            raise ValueError(
                f"Pillow is installed without {self.format} files; pip install --force-reinstall pillow "
                "gives one that has them"
            )

    def encode_file(self, image: NDArray[np.uint8], quality: float) -> bytes:
        """uint8 [H, W, 3] -> file.

        Raises:
            FileCodecError: If the format cannot hold the picture, or its encoder fails.
            ValueError: If it is no uint8 [H, W, 3], or there is no such quality.
        """
        quality = checked_quality(quality, self.qualities[0], self.qualities[-1])
        return _save(self, image, {"quality": quality, **dict(self.options)})

    def decode_file(self, data: bytes, max_pixels: int) -> NDArray[np.uint8]:
        """File -> uint8 [H, W, 3]; a damaged one gives what a viewer would show of it.

        Raises:
            ValueError: If the file gives no picture, or one of more than `max_pixels`.
        """
        try:
            with _lenient(), Image.open(io.BytesIO(data), formats=[self.format]) as image:
                if image.width * image.height > max_pixels:
                    raise ValueError(
                        f"{image.width}x{image.height} pixels are more than {max_pixels}"
                    )
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


def _save(
    codec: PillowCodec | Jpeg2000Codec, image: NDArray[np.uint8], options: dict[str, object]
) -> bytes:
    image = checked_pixels(image)
    height, width = image.shape[:2]
    if problem := codec.limit_problem(height, width):
        raise FileCodecError(problem)
    buffer = io.BytesIO()
    try:
        Image.fromarray(image).save(buffer, codec.format, **options)
    # Pillow's encoders report failures in these ways.
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        raise FileCodecError(
            f"{codec.name} cannot code {width} x {height} pixels: {error}"
        ) from error
    return buffer.getvalue()


@contextlib.contextmanager
def _lenient() -> Iterator[None]:
    """Show damaged files as far as they go, without warnings."""
    with pillow_settings(show_truncated=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


JPEG = PillowCodec(
    "jpeg", "JPEG", 65_500, options=(("optimize", True),)
)  # libjpeg's JPEG_MAX_DIMENSION
WEBP = PillowCodec("webp", "WEBP", 16_383, options=(("method", 4),))  # 14 bits in the file
# libavif writes twice as long a side, and does not read it.
AVIF = PillowCodec("avif", "AVIF", 32_768, range(0, 101), options=(("speed", 6),))


@dataclass(frozen=True)
class Jpeg2000Codec:
    """JPEG 2000 through Pillow; its quality is the compression ratio asked for.

    Attributes:
        name: Name in results.
        longest_side: Longest side, in pixels: 32 bits in the file.
        qualities: Tenths of a compression ratio, from the coarsest to the finest.
    """

    name: str = "jpeg2000"
    longest_side: int = 2**32 - 1
    qualities: Sequence[int] = tuple(
        sorted({round(10 * 1.03**step) for step in range(235)}, reverse=True)
    )

    @property
    def format(self) -> str:
        """Pillow's name of the format."""
        return "JPEG2000"

    def limit_problem(self, height: int, width: int) -> str | None:
        """See `PillowCodec.limit_problem`."""
        return side_problem(self.name, height, width, self.longest_side)

    def check_available(self) -> None:
        """See `PillowCodec.check_available`."""
        PillowCodec(self.name, self.format, self.longest_side).check_available()

    def encode_file(self, image: NDArray[np.uint8], quality: float) -> bytes:
        """See `PillowCodec.encode_file`."""
        quality = checked_quality(quality, self.qualities[0], self.qualities[-1])
        options = {
            "quality_mode": "rates",
            "quality_layers": [quality / 10],
            "irreversible": True,
            "mct": 1,
            "no_jp2": True,
        }
        return _save(self, image, options)

    def decode_file(self, data: bytes, max_pixels: int) -> NDArray[np.uint8]:
        """See `PillowCodec.decode_file`."""
        return PillowCodec(self.name, self.format, self.longest_side).decode_file(data, max_pixels)


JPEG2000 = Jpeg2000Codec()

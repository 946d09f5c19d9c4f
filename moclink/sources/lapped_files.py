"""The transform codec of `moclink.linear` as a file codec, for any modem that JPEG goes with.

Classified lapped blocks, quantised and entropy-coded (`moclink.linear.entropy_coded`); the decoder
may be followed by the restoration network. One wrong bit loses an arithmetic code, so the file ends
in a CRC of 32 bits, and a damaged one gives no picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moclink.bpg.container import file_bytes
from moclink.images import to_uint8
from moclink.linear.entropy_coded import COARSEST, FINEST, Analysis, EntropyCodedBlocks
from moclink.linear.restoration import Restoration
from moclink.sources.inputs import checked_pixels, checked_quality
from moclink.sources.limits import FileCodecError, side_problem

LONGEST_SIDE = 2**16 - 1


class LappedFileCodec:
    """Image <-> file of entropy-coded lapped blocks. See `moclink.sources.file_source.FileCodec`.

    Args:
        blocks: The codec.
        restoration: Network that follows the decoder; None for none.
        name: Name in results.
    """

    def __init__(
        self,
        blocks: EntropyCodedBlocks,
        restoration: Restoration | None = None,
        name: str = "lapped",
    ) -> None:
        self._blocks, self._restoration, self.name = blocks, restoration, name
        self._last: tuple[bytes, Analysis] | None = None

    @property
    def qualities(self) -> Sequence[float]:
        """See `EntropyCodedBlocks.encode`: each is an eighth of a decibel of the squared step."""
        return [float(quality) for quality in range(COARSEST, FINEST + 1)]

    def limit_problem(self, height: int, width: int) -> str | None:
        """Why a picture of this size cannot be coded, or None."""
        return side_problem(self.name, height, width, LONGEST_SIDE)

    def encode_file(self, image: NDArray[np.uint8], quality: float) -> bytes:
        """uint8 [H, W, 3] -> file.

        Raises:
            FileCodecError: If the picture is too large for the format.
            ValueError: If the image is no uint8 [H, W, 3], or there is no such quality.
        """
        image = checked_pixels(image)
        quality = checked_quality(quality, COARSEST, FINEST, whole=True)
        height, width = image.shape[:2]
        if problem := self.limit_problem(height, width):
            raise FileCodecError(problem)
        return self._blocks.encode(self._analysis(image), height, width, int(quality))

    def decode_file(self, data: bytes, max_pixels: int) -> NDArray[np.uint8]:
        """File -> uint8 [H, W, 3].

        Raises:
            ValueError: If the file is damaged, or gives a picture of more than `max_pixels`.
        """
        estimate = self._blocks.decode(file_bytes(data), max_pixels)
        if self._restoration is None:
            return to_uint8(estimate.images[0])
        return to_uint8(self._restoration(estimate)[0])

    def _analysis(self, image: NDArray[np.uint8]) -> Analysis:
        """What encoders of all qualities share; that of the last picture is kept."""
        key = repr(image.shape).encode() + image.tobytes()
        if self._last is None or self._last[0] != key:
            self._last = key, self._blocks.analyse(image.astype(np.float32) / np.float32(255))
        return self._last[1]

"""The semantic codec as a file codec: entropy-coded indices, for channels without residual errors.

Each head of each latent position sends 0 to D levels, by rate-distortion cost: it takes the n that
minimises |z - sum of n code vectors|^2 + lambda bits, and lambda is the quality. The file holds,
arithmetically coded, how many levels each head of each position has and their indices; both models
adapt as they go, in the context of what the neighbours have. A head without levels is retrieved as
the mean of its first codebook. An arithmetic code is lost with one wrong bit, so the file ends in a
CRC of 32 bits, and a damaged one gives no picture.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from moclink.codec.cached_codec import CachedSemanticCodec
from moclink.codec.semantic_codec import SemanticCodec
from moclink.constants import LATENT_STRIDE
from moclink.images import to_uint8
from moclink.linear.arithmetic_coder import ArithmeticDecoder, ArithmeticEncoder
from moclink.sources.limits import FileCodecError, side_problem

LONGEST_SIDE = 2**16 - 1  # 16 bits in the file
STEP = 12  # what each index adds to its count of about a hundred
LARGEST_COUNT = 1 << 13
PRIOR_COUNT = 40


class SemanticFileCodec:
    """Image <-> file of MOC-RVQ indices. See `moclink.sources.file_source.FileCodec`.

    Args:
        codec: The trained codec.
        levels: Levels in every head and position; None to choose them by rate-distortion cost.
        name: Name in results.
    """

    def __init__(
        self,
        codec: SemanticCodec | CachedSemanticCodec,
        levels: int | None = None,
        name: str = "moc-rvq",
    ) -> None:
        quantizer = codec.quantizer
        if levels is not None and not 1 <= levels <= quantizer.levels:
            raise ValueError(f"{levels} levels: this codec has 1 to {quantizer.levels}")
        self._codec, self._levels, self.name = codec, levels, name
        self._priors = quantizer.priors.astype(np.float64)
        self._books = quantizer.codebooks
        self._means = np.einsum("pn,pnc->pc", self._priors[0], self._books[0])
        self._tried: tuple[bytes, list[NDArray], NDArray, NDArray] | None = None

    @property
    def qualities(self) -> Sequence[float]:
        """-log2 of lambda, from the coarsest to the finest; the number of levels where it is fixed."""
        if self._levels is not None:
            return (float(self._levels),)
        return [half / 2 for half in range(-8, 19)]

    def limit_problem(self, height: int, width: int) -> str | None:
        """Why a picture of this size cannot be coded, or None."""
        return side_problem(self.name, height, width, LONGEST_SIDE)

    def encode_file(self, image: NDArray[np.uint8], quality: float) -> bytes:
        """uint8 [H, W, 3] -> file.

        Raises:
            FileCodecError: If the picture is too large for the format.
        """
        height, width = image.shape[:2]
        if problem := self.limit_problem(height, width):
            raise FileCodecError(problem)
        indices, errors, bits = self._search(image)
        if self._levels is None:
            counts = np.argmin(errors + 2.0**-quality * bits, axis=0)  # [h, w, P]
        else:
            counts = np.full(errors.shape[1:], self._levels)
        coder = ArithmeticEncoder()
        models = _Models(self._priors)
        for row, column, head in np.ndindex(*counts.shape):
            count = int(counts[row, column, head])
            model = models.count(counts, row, column, head)
            coder.put(count, model.cumulative())
            model.add(count)
            chosen = indices[count - 1][row, column, :, head] if count else ()
            for level, index in enumerate(chosen):
                model = models.index(level, head)
                coder.put(int(index), model.cumulative())
                model.add(int(index))
        data = struct.pack(">HH", height, width) + np.packbits(coder.finish()).tobytes()
        return data + struct.pack(">I", zlib.crc32(data))

    def decode_file(self, data: bytes, max_pixels: int) -> NDArray[np.uint8]:
        """File -> uint8 [H, W, 3].

        Raises:
            ValueError: If the file is damaged, or gives a picture of more than `max_pixels`.
        """
        if len(data) < 8 or zlib.crc32(data[:-4]) != struct.unpack(">I", data[-4:])[0]:
            raise ValueError("damaged: the CRC does not hold")
        height, width = struct.unpack(">HH", data[:4])
        if not 1 <= height * width <= max_pixels:
            raise ValueError(f"{width}x{height} pixels are none, or more than {max_pixels}")
        coder = ArithmeticDecoder(np.unpackbits(np.frombuffer(data[4:-4], np.uint8)))
        models = _Models(self._priors)
        heads, width_of_head = self._means.shape
        counts = np.zeros(
            (-(-height // LATENT_STRIDE), -(-width // LATENT_STRIDE), heads), np.int64
        )
        z = np.empty((*counts.shape, width_of_head), np.float32)
        for row, column, head in np.ndindex(*counts.shape):
            model = models.count(counts, row, column, head)
            count = coder.get(model.cumulative())
            model.add(count)
            counts[row, column, head] = count
            total = self._means[head] if not count else 0.0
            for level in range(count):
                model = models.index(level, head)
                index = coder.get(model.cumulative())
                model.add(index)
                total = total + self._books[level, head, index]
            z[row, column, head] = total
        z = z.reshape(1, *counts.shape[:2], -1)
        return to_uint8(self._codec.pictures(z, height, width)[0])

    def _search(
        self, image: NDArray[np.uint8]
    ) -> tuple[list[NDArray], NDArray[np.float64], NDArray[np.float64]]:
        """Of the last picture, for n = 0 .. D levels of each head of each position.

        Returns:
            (indices of 1 .. D levels, each [h, w, n, P]; squared errors [D + 1, h, w, P]; bits under
            the priors, [D + 1, h, w, P]).
        """
        digest = hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).digest()
        if self._tried is None or self._tried[0] != digest:
            self._tried = digest, *self._searched(image)
        return self._tried[1:]

    def _searched(
        self, image: NDArray[np.uint8]
    ) -> tuple[list[NDArray], NDArray[np.float64], NDArray[np.float64]]:
        picture = (image / np.float32(255)).astype(np.float32)[None]
        z = self._codec.latents(picture)[0]
        deepest, heads = self._priors.shape[:2]
        z = z.reshape(*z.shape[:2], heads, -1)
        indices, errors, bits = [], [((z - self._means) ** 2).sum(-1)], [np.zeros(z.shape[:3])]
        for count in range(1, deepest + 1):
            found = self._codec.encode(picture, count)[0, :, :, :count]
            total, length = np.zeros_like(z), np.zeros(z.shape[:3])
            for level, head in np.ndindex(count, heads):
                chosen = found[:, :, level, head]
                total[:, :, head] += self._books[level, head][chosen]
                prior = np.maximum(self._priors[level, head], 2.0**-12)
                length[:, :, head] -= np.log2(prior)[chosen]
            indices.append(found)
            errors.append(((z - total) ** 2).sum(-1))
            bits.append(length)
        return indices, np.array(errors, np.float64), np.array(bits)


class _AdaptiveModel:
    """Counts of a symbol's values, halved when they grow large."""

    def __init__(self, start: Sequence[int]) -> None:
        self._counts = list(start)

    def cumulative(self) -> list[int]:
        """Cumulative frequencies from 0."""
        return list(accumulate(self._counts, initial=0))

    def add(self, value: int) -> None:
        """Count a value."""
        self._counts[value] += STEP
        if self._counts[value] > LARGEST_COUNT:
            self._counts = [(count + 1) // 2 for count in self._counts]


class _Models:
    """The models of a file, which writer and reader move alike.

    Args:
        priors: Use of each index, float64 [D, P, N], from which the counts start.
    """

    def __init__(self, priors: NDArray[np.float64]) -> None:
        self._deepest, heads = priors.shape[:2]
        starts = np.maximum(np.round(priors * PRIOR_COUNT), 1).astype(int)
        self._index = [
            [_AdaptiveModel(starts[level, head].tolist()) for head in range(heads)]
            for level in range(self._deepest)
        ]
        contexts = 2 * self._deepest + 1
        even = [1] * (self._deepest + 1)
        self._count = [[_AdaptiveModel(even) for _ in range(contexts)] for _ in range(heads)]

    def index(self, level: int, head: int) -> _AdaptiveModel:
        """The model of an index."""
        return self._index[level][head]

    def count(
        self, counts: NDArray[np.integer], row: int, column: int, head: int
    ) -> _AdaptiveModel:
        """The model of a number of levels, by what the head has at the positions to the left and above."""
        left = int(counts[row, column - 1, head]) if column else 0
        above = int(counts[row - 1, column, head]) if row else 0
        return self._count[head][left + above]

"""Pictures as files: classified lapped blocks, quantised, entropy-coded; no channel here.

The same source model as the linear and octonary codecs', for channels whose code corrects errors.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from moclink.linear.block_sizes import BlocksOfSeveralSizes
from moclink.linear.classified_blocks import Transformed
from moclink.linear.codec import Estimate
from moclink.linear.coefficient_coder import STEPS_PER_DECIBEL, step_size
from moclink.linear.coefficient_statistics import CoefficientStatistics
from moclink.linear.transform import block_grid

COARSEST, FINEST = 0, 512  # quality: eighths of a decibel that the squared step is below 14 dB
_COARSEST_STEP = 14 * STEPS_PER_DECIBEL
PRICE = 0.12  # squared error, in squared steps, that a bit must save
MAP_PRICE = 1.0  # bits of coefficients that a bit of the map of classes must save
SNR_DB = 20.0  # what the restoration network is told: quantisation errors are no channel noise
_ANCHOR = 6 * STEPS_PER_DECIBEL  # qualities apart at which the size of blocks is chosen
_CRC = struct.Struct(">I")
_LONGEST = 5  # bytes of a number in a file


def _packed(value: int) -> bytes:
    """A number in as few bytes as it needs, seven bits in each; all but the last have the top bit."""
    found = [value & 127]
    while value := value >> 7:
        found.append(value & 127 | 128)
    return bytes(reversed(found))


def _unpacked(data: bytes, start: int) -> tuple[int, int]:
    """A number of `_packed`, and where the next one starts; ValueError if it does not end."""
    value = 0
    for place in range(start, min(start + _LONGEST, len(data))):
        value = value << 7 | data[place] & 127
        if not data[place] & 128:
            return value, place + 1
    raise ValueError("damaged: a number does not end")


def variance_floor(step: int) -> float:
    """Squared error of a coefficient that is not sent, about: a sixth of the squared step."""
    return step_size(step) ** 2 / 6


@dataclass(frozen=True)
class Analysis:
    """What encoders of a picture at all qualities share.

    Attributes:
        transformed: The picture's transform by each size of blocks.
        sizes: Quality -> the size of blocks chosen there (its position), filled as it is found.
    """

    transformed: tuple[Transformed, ...]
    sizes: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class EntropyCodedBlocks:
    """Picture <-> file.

    Attributes:
        model: Source models of blocks of several sizes.
        statistics: Of the coefficients of each.
    """

    model: BlocksOfSeveralSizes
    statistics: tuple[CoefficientStatistics, ...]

    @classmethod
    def load(cls) -> EntropyCodedBlocks:
        """The tables that ship with the package."""
        model = BlocksOfSeveralSizes.load()
        return cls(
            model, tuple(CoefficientStatistics.load(one.classes.block) for one in model.models)
        )

    def analyse(self, image: NDArray[np.float32]) -> Analysis:
        """Transform a picture [H, W, 3] in [0, 1]."""
        return Analysis(tuple(one.transform(image) for one in self.model.models))

    def encode(self, analysis: Analysis, height: int, width: int, quality: int) -> bytes:
        """Code a picture.

        Args:
            analysis: See `analyse`.
            height: Of the picture, at most 65535.
            width: Likewise.
            quality: COARSEST to FINEST.
        """
        anchor = round(quality / _ANCHOR) * _ANCHOR
        if anchor not in analysis.sizes:
            costs = [self._encode(analysis, k, anchor)[1] for k in range(len(self.statistics))]
            analysis.sizes[anchor] = int(np.argmin(costs))
        size = analysis.sizes[anchor]
        body, _ = self._encode(analysis, size, quality)
        data = b"".join(_packed(value) for value in (height, width, quality << 2 | size)) + body
        return data + _CRC.pack(zlib.crc32(data))

    def _encode(self, analysis: Analysis, size: int, quality: int) -> tuple[bytes, float]:
        """The file's body, and squared error plus PRICE times bits, both in squared steps."""
        one, model = analysis.transformed[size], self.model.models[size]
        step = _COARSEST_STEP - quality
        described = model.describe_transformed(one, variance_floor(step), MAP_PRICE)
        levels = described.variance_levels.reshape(one.coefficients.shape)
        packed = np.packbits(described.bits).tobytes()
        coded, quantised = self.statistics[size].encode(one.coefficients, levels, step, PRICE)
        body = _packed(len(packed)) + packed + coded
        error = one.coefficients.astype(np.float64) / step_size(step) - quantised
        return body, float((error**2).sum()) + PRICE * 8 * len(body)

    def decode(self, data: bytes, max_pixels: int) -> Estimate:
        """Estimate the picture in a file.

        Raises:
            ValueError: If the file is damaged, or the picture has more than `max_pixels`.
        """
        if len(data) <= _CRC.size or (
            zlib.crc32(data[: -_CRC.size]) != _CRC.unpack(data[-_CRC.size :])[0]
        ):
            raise ValueError("damaged: the CRC does not hold")
        height, start = _unpacked(data, 0)
        width, start = _unpacked(data, start)
        mixed, start = _unpacked(data, start)
        length, start = _unpacked(data, start)
        if not 1 <= height * width <= max_pixels:
            raise ValueError(f"{width}x{height} pixels are none, or more than {max_pixels}")
        size, quality = mixed & 3, mixed >> 2
        if size >= len(self.statistics):
            raise ValueError(f"damaged: there is no size {size} of blocks")
        if quality > FINEST:
            raise ValueError(f"damaged: there is no quality {quality}")
        model = self.model.models[size]
        end = start + length
        bits = np.unpackbits(np.frombuffer(data[start:end], np.uint8))
        block = model.classes.block
        shape = 3, *block_grid(height, width, block), block, block
        levels = model.variance_levels(bits, height, width).reshape(shape)
        coefficients, errors = self.statistics[size].decode(
            data[end : -_CRC.size], levels, _COARSEST_STEP - quality
        )
        return Estimate(
            model.picture(coefficients.ravel(), height, width)[None],
            model.error_map(errors.ravel(), height, width)[None],
            np.array([SNR_DB], np.float32),
        )

"""The source model of SoftCast: DCT of the whole picture, a variance for each band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.linear import allocation, transform
from moclink.linear.arithmetic_coder import ArithmeticDecoder, ArithmeticEncoder, frequencies
from moclink.linear.bands import band_map, mean_energies
from moclink.linear.source_models import MAP_BLOCK, Description, map_groups
from moclink.snr import from_decibels

_BAND_STEP = 3  # levels (1.5 dB) a step of a band's variance
_BAND_STEPS = 128
_BAND_LOWEST = -180  # level of step 0: -90 dB
_LARGEST_RESIDUAL = 40


class _ResidualTable:
    """Adaptive frequencies of prediction residuals, the same at both sides."""

    def __init__(self) -> None:
        self._counts = (
            30 * 0.75 ** np.abs(np.arange(-_LARGEST_RESIDUAL, _LARGEST_RESIDUAL + 1.0)) + 0.02
        )

    def table(self) -> list[int]:
        return frequencies(self._counts)

    def saw(self, symbol: int) -> None:
        self._counts[symbol] += 1


def _predict(steps: NDArray[np.int64], colour: int, row: int, column: int, lowest: int) -> int:
    """Prediction of a band's step from the bands before it."""
    near = [steps[colour, row, column - 1]] if column else []
    near += [steps[colour, row - 1, column]] if row else []
    if row and column:
        near.append(
            steps[colour, row - 1, column]
            + steps[colour, row, column - 1]
            - steps[colour, row - 1, column - 1]
        )
    if not near:
        return 100
    return max(lowest, round(float(np.mean(near))))


@dataclass(frozen=True)
class WholePictureBands:
    """DCT of the whole picture in opponent colours, a variance for each of its growing bands.

    Variances are sent in steps of 1.5 dB, predicted from neighbouring bands and coded
    arithmetically; bands too weak to be sent share one value.
    """

    def describe(self, image: NDArray[np.float32], uses: int, snr_db: float | None) -> Description:
        """See `SourceModel`."""
        height, width, _ = image.shape
        coefficients = transform.whole_dct(transform.to_opponent(image))
        index, rows, columns = band_map(height, width)
        bands = rows * columns
        variance = np.stack([mean_energies(plane, index, bands) for plane in coefficients])
        steps = np.round(
            (allocation.variances_to_levels(variance) - _BAND_LOWEST) / _BAND_STEP
        ).astype(np.int64)
        steps = np.clip(steps, 0, _BAND_STEPS - 1).reshape(3, rows, columns)
        number = np.tile(np.bincount(index.ravel(), minlength=bands), 3)
        lowest = self._lowest(steps.ravel(), number, uses, snr_db)
        steps = np.maximum(steps, lowest)
        bits = self._write(steps, lowest)
        return Description(coefficients.ravel(), self._spread(steps, lowest, index), bits)

    def describe_with_defaults(self, image: NDArray[np.float32]) -> Description:
        """See `SourceModel`."""
        coefficients = transform.whole_dct(transform.to_opponent(image)).ravel()
        nothing = np.zeros(0, dtype=np.uint8)
        return Description(coefficients, self.variance_levels(nothing, *image.shape[:2]), nothing)

    @staticmethod
    def _plain_levels(height: int, width: int) -> NDArray[np.int16]:
        """Energy that falls as 1 / frequency^2 from the mean's, chroma 12 dB below luma."""
        wave = np.hypot(np.arange(height)[:, None], np.arange(width)[None, :])
        luma = 0.1 * height * width / (1 + wave) ** 2
        return allocation.variances_to_levels(np.stack([luma, luma / 16, luma / 16])).ravel()

    @staticmethod
    def _lowest(
        steps: NDArray[np.int64], number: NDArray[np.int64], uses: int, snr_db: float | None
    ) -> int:
        """The step below which no band is sent (that step included)."""
        order = np.argsort(-steps, kind="stable")
        before = np.cumsum(number[order]) - number[order]
        sent = order[before < uses]
        if snr_db is not None:
            level = np.repeat(steps[sent] * _BAND_STEP + _BAND_LOWEST, number[sent])[:uses]
            power = allocation.water_filling(level, uses, from_decibels(snr_db))
            sent = sent[before[before < uses] < np.count_nonzero(power)]
        return max(int(steps[sent].min()) - 1, 0)

    @staticmethod
    def _write(steps: NDArray[np.int64], lowest: int) -> NDArray[np.uint8]:
        coder, table = ArithmeticEncoder(), _ResidualTable()
        coder.put_uniform(lowest, _BAND_STEPS)
        for colour, row, column in np.ndindex(*steps.shape):
            residual = int(steps[colour, row, column]) - _predict(
                steps, colour, row, column, lowest
            )
            symbol = (
                int(np.clip(residual, -_LARGEST_RESIDUAL, _LARGEST_RESIDUAL)) + _LARGEST_RESIDUAL
            )
            steps[colour, row, column] += symbol - _LARGEST_RESIDUAL - residual
            coder.put(symbol, table.table())
            table.saw(symbol)
        return coder.finish()

    @staticmethod
    def _spread(
        steps: NDArray[np.int64], lowest: int, index: NDArray[np.int64]
    ) -> NDArray[np.int16]:
        level = np.where(steps > lowest, steps * _BAND_STEP + _BAND_LOWEST, allocation.NOT_SENT)
        return level.reshape(3, -1)[:, index].astype(np.int16).ravel()

    def select(self, bits: NDArray[np.uint8]) -> tuple[WholePictureBands, NDArray[np.uint8]]:
        """See `SourceModel`."""
        return self, bits

    def variance_levels(
        self, bits: NDArray[np.uint8], height: int, width: int
    ) -> NDArray[np.int16]:
        """See `SourceModel`."""
        if len(bits) == 0:
            return self._plain_levels(height, width)
        index, rows, columns = band_map(height, width)
        coder, table = ArithmeticDecoder(bits), _ResidualTable()
        lowest = coder.get_uniform(_BAND_STEPS)
        steps = np.zeros((3, rows, columns), dtype=np.int64)
        for colour, row, column in np.ndindex(*steps.shape):
            symbol = coder.get(table.table())
            table.saw(symbol)
            predicted = _predict(steps, colour, row, column, lowest)
            steps[colour, row, column] = predicted + symbol - _LARGEST_RESIDUAL
        return self._spread(steps, lowest, index)

    def picture(
        self, coefficients: NDArray[np.float32], height: int, width: int
    ) -> NDArray[np.float32]:
        """See `SourceModel`."""
        return transform.to_rgb(transform.whole_idct(coefficients.reshape(3, height, width)))

    def error_map(
        self, errors: NDArray[np.float32], height: int, width: int
    ) -> NDArray[np.float32]:
        """See `SourceModel`; the same for all blocks, and without what was in bands that were not sent."""
        planes = errors.reshape(3, height, width)
        luma = np.bincount(map_groups(height, width).ravel(), planes[0].ravel(), minlength=4)
        values = np.array([*luma, planes[1].sum(), planes[2].sum()]) / (height * width)
        shape = transform.block_grid(height, width, MAP_BLOCK)
        return np.broadcast_to(values.astype(np.float32), (*shape, 6)).copy()

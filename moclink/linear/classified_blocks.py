"""The source model that adapts to the picture: lapped block DCT, blocks in classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.linear import allocation, transform
from moclink.linear.arithmetic_coder import ArithmeticDecoder, ArithmeticEncoder, frequencies
from moclink.linear.bands import RADIAL_BANDS, mean_energies, radial_map
from moclink.linear.classes import ClassModel, block_bands, block_energies
from moclink.linear.side_information import DESIGN_SNR_DB, bits_per_symbol
from moclink.linear.source_models import MAP_BLOCK, Description, map_groups
from moclink.snr import from_decibels

_MEAN_STEP = 4  # levels (2 dB) a step of a ring's variance
_MEAN_LOWEST = -120  # -60 dB
_MEAN_STEPS = 64
_OFFSET_STEP = 2  # levels (1 dB)
_LARGEST_OFFSET = 6
_OFFSET_EDGES = (2, 5, 11)  # of the sum of a coefficient's two frequencies, at blocks of 32


@dataclass(frozen=True)
class Transformed:
    """A picture's transform.

    Attributes:
        coefficients: float32 [3, rows, columns, block, block]; at frequency (0, 0) the DCT of the
            picture of block means.
        energies: float32 [rows * columns, 3, bands], of each band of each block, without the means.
        rings: int64 [3, rings], variance of the means' DCT, in steps.
    """

    coefficients: NDArray[np.float32]
    energies: NDArray[np.float32]
    rings: NDArray[np.int64]


@dataclass(frozen=True)
class ClassifiedBlocks:
    """Lapped block DCT in opponent colours; every block belongs to a class that tells its variances.

    The map of classes is coded arithmetically by its neighbours. Means of blocks form a small
    picture that has a DCT of its own, with a variance for each ring; a few offsets fit the classes
    to the picture.

    Attributes:
        classes: Trained classes.
        map_price: Factor on the price of the map's bits when classes are chosen.
    """

    classes: ClassModel
    map_price: float = 1.0

    def describe(self, image: NDArray[np.float32], uses: int, snr_db: float | None) -> Description:
        """See `SourceModel`."""
        transformed = self.transform(image)
        target = DESIGN_SNR_DB if snr_db is None else snr_db
        floor = self._floor(transformed.energies, uses, from_decibels(target), image.size)
        price = self.map_price * np.log2(1 + from_decibels(target)) / bits_per_symbol(snr_db)
        return self.describe_transformed(transformed, floor, price)

    def transform(self, image: NDArray[np.float32]) -> Transformed:
        """Transform a picture [H, W, 3] in [0, 1]; what does not depend on the channel."""
        coefficients = transform.block_dct(
            transform.to_opponent(image), self.classes.block, self.classes.overlap
        )
        means = transform.whole_dct(coefficients[..., 0, 0])
        energies = block_energies(coefficients)
        coefficients[..., 0, 0] = means
        return Transformed(coefficients, energies, self._ring_steps(means))

    def describe_transformed(
        self, transformed: Transformed, floor: float, price: float
    ) -> Description:
        """Choose classes and offsets.

        Args:
            transformed: The picture's transform.
            floor: Squared error per coefficient below which variances do not matter.
            price: Bits of coefficients that a bit of the map must save.
        """
        _, rows, columns, _, _ = transformed.coefficients.shape
        chosen = self.classes.assign(transformed.energies, rows, columns, floor, price)
        offsets = self._offsets(transformed.energies, chosen.ravel(), floor)
        coder = ArithmeticEncoder()
        for step in transformed.rings.ravel():
            coder.put_uniform(int(step), _MEAN_STEPS)
        for offset in offsets.ravel():
            coder.put(int(offset) + _LARGEST_OFFSET, _offset_table())
        self.classes.write_map(chosen, coder)
        return Description(
            transformed.coefficients.ravel(),
            self._spread(transformed.rings, offsets, chosen),
            coder.finish(),
        )

    def describe_with_defaults(self, image: NDArray[np.float32]) -> Description:
        """See `SourceModel`."""
        coefficients = transform.block_dct(
            transform.to_opponent(image), self.classes.block, self.classes.overlap
        )
        coefficients[..., 0, 0] = transform.whole_dct(coefficients[..., 0, 0])
        nothing = np.zeros(0, dtype=np.uint8)
        return Description(
            coefficients.ravel(), self.variance_levels(nothing, *image.shape[:2]), nothing
        )

    def _plain_levels(self, height: int, width: int) -> NDArray[np.int16]:
        """The commonest class everywhere, means whose energy falls with frequency."""
        rows, columns = transform.block_grid(height, width, self.classes.block)
        groups = int(self._offset_groups().max()) + 1
        falling = np.array([0, -6, -12, -16, -20, -22, -24])[:RADIAL_BANDS]
        luma = 20 * np.log10(0.1 * self.classes.block**2 * np.sqrt(rows * columns)) + 2 * falling
        colours = np.stack([luma, luma - 24, luma - 24])
        rings = np.clip(np.round((colours - _MEAN_LOWEST) / _MEAN_STEP), 0, _MEAN_STEPS - 1).astype(
            np.int64
        )
        chosen = np.full((rows, columns), int(self.classes.prior.argmax()))
        return self._spread(rings, np.zeros((3, groups), dtype=np.int64), chosen)

    def _floor(self, energies: NDArray[np.float32], uses: int, snr: float, total: int) -> float:
        """Expected squared error per coefficient when classes are chosen without regard to the map."""
        chosen = self.classes.code_lengths(energies, 1e-3).argmin(1)
        members = np.bincount(chosen, minlength=self.classes.count)
        number = members[:, None, None] * np.tile(block_bands(self.classes.block)[1], (1, 3, 1))
        level = allocation.variances_to_levels(self.classes.variances)
        order = np.argsort(-level, axis=None, kind="stable")
        repeated = np.minimum(np.cumsum(number.ravel()[order]), uses).astype(np.int64)
        sent = np.repeat(level.ravel()[order], np.diff(repeated, prepend=0))
        power = allocation.water_filling(sent, uses, snr)
        variance = allocation.levels_to_variances(sent)
        left = (number * allocation.levels_to_variances(level)).sum() - variance.sum()
        return float(max((variance / (1 + power * snr)).sum() + max(left, 0), 1e-9 * total) / total)

    def _ring_steps(self, means: NDArray[np.float32]) -> NDArray[np.int64]:
        ring = radial_map(*means.shape[1:])
        variance = np.stack([mean_energies(plane, ring, RADIAL_BANDS) for plane in means])
        steps = np.round(
            (allocation.variances_to_levels(variance) - _MEAN_LOWEST) / _MEAN_STEP
        ).astype(np.int64)
        return np.clip(steps, 0, _MEAN_STEPS - 1)

    def _offset_groups(self) -> NDArray[np.int64]:
        """Offset group of each band of a block, int64 [bands]."""
        index, number = block_bands(self.classes.block)
        sums = (
            np.add.outer(np.arange(self.classes.block), np.arange(self.classes.block))
            * 32
            / self.classes.block
        )
        mean = np.bincount(index.ravel(), sums.ravel()) / np.bincount(index.ravel())
        return np.digitize(mean, _OFFSET_EDGES)

    def _offsets(
        self, energies: NDArray[np.float32], chosen: NDArray[np.int64], floor: float
    ) -> NDArray[np.int64]:
        """How much stronger than its classes the picture is, in steps, int64 [3, groups]."""
        members = np.bincount(chosen, minlength=self.classes.count)
        matters = self.classes.variances > floor / 2
        number = members[:, None, None] * block_bands(self.classes.block)[1] * matters
        actual = np.zeros_like(self.classes.variances)
        np.add.at(actual, chosen, energies * matters[chosen])
        ratio = actual.sum(0) + floor, (number * self.classes.variances).sum(0) + floor
        groups = self._offset_groups()
        found = [
            [
                np.log10(ratio[0][c, groups == g].sum() / ratio[1][c, groups == g].sum())
                for g in range(groups.max() + 1)
            ]
            for c in range(3)
        ]
        steps = np.round(np.array(found) * 20 / _OFFSET_STEP).astype(np.int64)
        return np.clip(steps, -_LARGEST_OFFSET, _LARGEST_OFFSET)

    def _spread(
        self, rings: NDArray[np.int64], offsets: NDArray[np.int64], chosen: NDArray[np.int64]
    ) -> NDArray[np.int16]:
        rows, columns = chosen.shape
        index, _ = block_bands(self.classes.block)
        table = (
            allocation.variances_to_levels(self.classes.variances)
            + _OFFSET_STEP * offsets[:, self._offset_groups()]
        )
        level = table.astype(np.int16)[:, :, index][chosen]  # rows, columns, 3, block, block
        level = np.ascontiguousarray(np.moveaxis(level, 2, 0))
        level[..., 0, 0] = (rings * _MEAN_STEP + _MEAN_LOWEST)[:, radial_map(rows, columns)]
        return level.ravel()

    def select(self, bits: NDArray[np.uint8]) -> tuple[ClassifiedBlocks, NDArray[np.uint8]]:
        """See `SourceModel`."""
        return self, bits

    def variance_levels(
        self, bits: NDArray[np.uint8], height: int, width: int
    ) -> NDArray[np.int16]:
        """See `SourceModel`."""
        if len(bits) == 0:
            return self._plain_levels(height, width)
        coder = ArithmeticDecoder(bits)
        rings = np.array([coder.get_uniform(_MEAN_STEPS) for _ in range(3 * RADIAL_BANDS)])
        groups = int(self._offset_groups().max()) + 1
        offsets = np.array(
            [coder.get(_offset_table()) - _LARGEST_OFFSET for _ in range(3 * groups)]
        )
        rows, columns = transform.block_grid(height, width, self.classes.block)
        chosen = self.classes.read_map(rows, columns, coder)
        return self._spread(rings.reshape(3, -1), offsets.reshape(3, -1), chosen)

    def picture(
        self, coefficients: NDArray[np.float32], height: int, width: int
    ) -> NDArray[np.float32]:
        """See `SourceModel`."""
        block = self.classes.block
        rows, columns = transform.block_grid(height, width, block)
        planes = coefficients.reshape(3, rows, columns, block, block).copy()
        planes[..., 0, 0] = transform.whole_idct(planes[..., 0, 0])
        return transform.to_rgb(transform.block_idct(planes, self.classes.overlap, height, width))

    def error_map(
        self, errors: NDArray[np.float32], height: int, width: int
    ) -> NDArray[np.float32]:
        """See `SourceModel`."""
        block = self.classes.block
        rows, columns = transform.block_grid(height, width, block)
        planes = errors.reshape(3, rows, columns, block, block).copy()
        planes[..., 0, 0] = planes[..., 0, 0].mean((1, 2), keepdims=True)
        groups = map_groups(block, block)
        luma = [planes[0][..., groups == group].sum(-1) for group in range(4)]
        found = np.stack([*luma, planes[1].sum((-1, -2)), planes[2].sum((-1, -2))], -1) / block**2
        return _at_map_blocks(found, block, *transform.block_grid(height, width, MAP_BLOCK)).astype(
            np.float32
        )


def _at_map_blocks(
    values: NDArray[np.floating], block: int, rows: int, columns: int
) -> NDArray[np.floating]:
    """Values of blocks [., ., n] of another size at the blocks of an error map, [rows, columns, n]."""
    if block > MAP_BLOCK:
        ratio = block // MAP_BLOCK
        values = values.repeat(ratio, axis=0).repeat(ratio, axis=1)
    elif block < MAP_BLOCK:
        ratio = MAP_BLOCK // block
        missing = rows * ratio - values.shape[0], columns * ratio - values.shape[1]
        values = np.pad(values, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
        values = values.reshape(rows, ratio, columns, ratio, -1).mean((1, 3))
    return values[:rows, :columns]


def _offset_table() -> list[int]:
    return frequencies(0.6 ** np.abs(np.arange(-_LARGEST_OFFSET, _LARGEST_OFFSET + 1.0)))

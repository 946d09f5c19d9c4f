"""Classes of blocks: a mixture of Gaussian models of lapped block DCTs, and the map of classes.

Each class has a variance for every frequency band and colour. A block goes to the class under which
its coefficients, seen above a floor of distortion, have the shortest code length, plus the bits
that the map needs for it: l(k) = sum_b n_b/2 log2(v_kb + f) + (E_b + n_b f) / (2 ln2 (v_kb +
f)). Everything was estimated from training photographs by `python -m moclink.train
link-classes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moclink.linear import arithmetic_coder
from moclink.linear.bands import band_map
from moclink.linear.stored_arrays import find_arrays

_CONTEXT_SHARE = 0.9  # of the two neighbours' log-probabilities, which overlap


def block_bands(block: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Band of each coefficient of a block, and the coefficients per band.

    The mean (frequency 0, 0) is coded apart: its band 0 counts no coefficients.

    Returns:
        (int64 [block, block], float64 [bands]).
    """
    index, rows, columns = band_map(block, block)
    number = np.bincount(index.ravel(), minlength=rows * columns).astype(np.float64)
    number[0] = 0
    return index, number


def block_energies(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Energy in each band of each block.

    Args:
        coefficients: [3, rows, columns, block, block].

    Returns:
        float32 [rows * columns, 3, bands], 0 in band 0.
    """
    colours, rows, columns, block, _ = coefficients.shape
    index, number = block_bands(block)
    axis = index[:, 0] // (index[0, -1] + 1)
    starts = np.flatnonzero(np.r_[1, np.diff(axis)])
    energy = np.add.reduceat(np.square(coefficients), starts, axis=-1)
    energy = np.add.reduceat(energy, starts, axis=-2).reshape(colours, rows * columns, len(number))
    energy[..., 0] = 0
    return np.ascontiguousarray(energy.transpose(1, 0, 2))


@dataclass(frozen=True)
class ClassModel:
    """Variances and map statistics of the classes.

    Attributes:
        block: Side of a block.
        overlap: Samples that are lapped on each side of a boundary.
        variances: float64 [classes, 3, bands].
        transitions: float64 [classes, classes], log2 P(class | class of a neighbour).
        prior: float64 [classes], log2 P(class).
    """

    block: int
    overlap: int
    variances: NDArray[np.float64]
    transitions: NDArray[np.float64]
    prior: NDArray[np.float64]

    @property
    def count(self) -> int:
        """Number of classes."""
        return len(self.variances)

    @classmethod
    def load(cls, name: str | Path = "linear-classes-32") -> ClassModel:
        """Read a model that ships with the package, by name, or any other, by the path of its .npz.

        Raises:
            ValueError: If there is none; the message names the remedy.
        """
        path = find_arrays(name, "python -m moclink.train link-classes")
        with np.load(path, allow_pickle=False) as data:
            return cls(
                int(data["block"]),
                int(data["overlap"]),
                np.exp2(data["log2_variances"].astype(np.float64)),
                data["log2_transitions"].astype(np.float64),
                data["log2_prior"].astype(np.float64),
            )

    def save(self, path: str | Path) -> None:
        """Write the model as .npz in float16 (logarithms to base 2)."""
        np.savez_compressed(
            path,
            block=self.block,
            overlap=self.overlap,
            log2_variances=np.log2(np.maximum(self.variances, 2.0**-24)).astype(np.float16),
            log2_transitions=self.transitions.astype(np.float16),
            log2_prior=self.prior.astype(np.float16),
        )

    def code_lengths(self, energies: NDArray[np.float32], floor: float) -> NDArray[np.float64]:
        """Bits of each block under each class (up to a constant), float64 [blocks, classes]."""
        number = np.tile(block_bands(self.block)[1], 3)
        total = self.variances.reshape(self.count, -1) + floor
        energy = energies.reshape(len(energies), -1) + number * floor
        return (energy @ (1 / total).T / np.log(2) + np.log2(total) @ number) / 2

    @cached_property
    def log_probabilities(self) -> NDArray[np.float64]:
        """log2 P(class | classes to the left and above), float64 [left, above, class]; `count` for none."""
        mixed = self.transitions[:, None] + self.transitions[None] - self.prior
        mixed = _CONTEXT_SHARE * mixed
        mixed -= mixed.max(-1, keepdims=True)
        table = np.empty((self.count + 1, self.count + 1, self.count))
        table[:-1, :-1] = mixed - np.log2(np.exp2(mixed).sum(-1, keepdims=True))
        table[-1, :-1] = table[:-1, -1] = self.transitions
        table[-1, -1] = self.prior
        return table

    @cached_property
    def _frequencies(self) -> list[list[list[int]]]:
        """Frequency tables of the arithmetic coder for each pair of neighbours."""
        return [
            [arithmetic_coder.frequencies(row) for row in rows]
            for rows in np.exp2(self.log_probabilities)
        ]

    def assign(
        self, energies: NDArray[np.float32], rows: int, columns: int, floor: float, price: float
    ) -> NDArray[np.int64]:
        """Choose the classes, block after block, by code length plus `price` times the map's bits.

        Returns:
            int64 [rows, columns].
        """
        lengths = self.code_lengths(energies, floor).reshape(rows, columns, self.count)
        cost = -price * self.log_probabilities
        chosen = np.empty((rows, columns), dtype=np.int64)
        above = [self.count] * columns
        for i in range(rows):
            left = self.count
            for j in range(columns):
                left = above[j] = int((lengths[i, j] + cost[left, above[j]]).argmin())
            chosen[i] = above
        return chosen

    def map_bits(self, chosen: NDArray[np.int64]) -> float:
        """Bits of a map [rows, columns] under the model."""
        left = np.pad(chosen, ((0, 0), (1, 0)), constant_values=self.count)[:, :-1]
        above = np.pad(chosen, ((1, 0), (0, 0)), constant_values=self.count)[:-1]
        return float(-self.log_probabilities[left, above, chosen].sum())

    def write_map(
        self, chosen: NDArray[np.int64], coder: arithmetic_coder.ArithmeticEncoder
    ) -> None:
        """Code a map [rows, columns] by the neighbours' classes."""
        above = [self.count] * chosen.shape[1]
        for row in chosen.tolist():
            left = self.count
            for j, label in enumerate(row):
                coder.put(label, self._frequencies[left][above[j]])
                left = above[j] = label

    def read_map(
        self, rows: int, columns: int, coder: arithmetic_coder.ArithmeticDecoder
    ) -> NDArray[np.int64]:
        """Inverse of `write_map`, int64 [rows, columns]."""
        chosen = np.empty((rows, columns), dtype=np.int64)
        above = [self.count] * columns
        for i in range(rows):
            left = self.count
            for j in range(columns):
                left = above[j] = coder.get(self._frequencies[left][above[j]])
            chosen[i] = above
        return chosen

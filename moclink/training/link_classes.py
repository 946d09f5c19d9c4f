"""Estimate the block classes of `moclink.linear` from photographs: python -m moclink.train link-classes.

Expectation-maximisation with hard decisions: every block of the training pictures goes to the class
of least code length, classes take the mean energies of their blocks, rare classes are replaced by
copies of the commonest; the last rounds choose with the map's bits in the cost, as the codec does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moclink.linear.classes import ClassModel, block_bands, block_energies
from moclink.linear.transform import block_dct, to_opponent
from moclink.training.picture_crops import random_crop, read_rgb, reduced

_SMOOTHING = 2.0  # blocks of mean energy that every class is given
_SIDE = 1024  # pictures are cropped to this, so that no picture outweighs the others


def picture_energies(
    path: Path, block: int, overlap: int, rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Band energies of a random crop of a picture and of its reduction to between 0.4 and 0.8.

    Returns:
        Two arrays float32 [rows, columns, 3, bands].
    """
    picture = read_rgb(path)
    found = []
    for one in (picture, reduced(picture, 0.4, 0.8, rng)):
        coefficients = block_dct(to_opponent(random_crop(one, _SIDE, rng)), block, overlap)
        _, rows, columns, _, _ = coefficients.shape
        found.append(block_energies(coefficients).reshape(rows, columns, 3, -1))
    return found


def _means(
    energies: NDArray[np.float32], labels: NDArray[np.int64], count: int, block: int
) -> NDArray[np.float64]:
    """Variances of each class from the energies [blocks, 3, bands] of its blocks."""
    number = np.maximum(block_bands(block)[1], 1)
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(count))
    total = np.zeros((count, *energies.shape[1:]))
    for k, start in enumerate(starts):
        stop = starts[k + 1] if k + 1 < count else len(order)
        total[k] = energies[order[start:stop]].sum(0, dtype=np.float64)
    members = np.bincount(labels, minlength=count)[:, None, None]
    return (total + _SMOOTHING * energies.mean(0)) / number / (members + _SMOOTHING)


def _map_statistics(
    maps: Sequence[NDArray[np.int64]], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """log2 of the probabilities of neighbours and of classes over the maps."""
    pairs = np.full((count, count), 0.02)
    for chosen in maps:
        np.add.at(pairs, (chosen[:, :-1].ravel(), chosen[:, 1:].ravel()), 1)
        np.add.at(pairs, (chosen[:-1].ravel(), chosen[1:].ravel()), 1)
    pairs += pairs.T
    return np.log2(pairs / pairs.sum(1, keepdims=True)), np.log2(pairs.sum(0) / pairs.sum())


def _assign(model: ClassModel, energies: NDArray[np.float32], floor: float) -> NDArray[np.int64]:
    """Classes [rows, columns] of a picture's energies, the map's bits at their price."""
    rows, columns = energies.shape[:2]
    return model.assign(energies.reshape(rows * columns, 3, -1), rows, columns, floor, 1.0)


def train(
    pictures: Sequence[NDArray[np.float32]],
    block: int,
    overlap: int,
    count: int,
    floor: float,
    rounds: int,
    seed: int,
) -> ClassModel:
    """Estimate a model from the band energies of pictures (see `picture_energies`)."""
    rng = np.random.default_rng(seed)
    energies = np.concatenate([one.reshape(-1, *one.shape[2:]) for one in pictures])
    number = np.maximum(block_bands(block)[1], 1)
    start = energies[rng.choice(len(energies), count, replace=len(energies) < count)]
    variances = (start + energies.mean(0)) / number / 2
    flat = np.zeros((count, count)) - np.log2(count)
    for round_ in range(rounds):
        model = ClassModel(block, overlap, variances, flat, flat[0])
        lengths = model.code_lengths(energies, floor)
        labels = lengths.argmin(1)
        variances = _means(energies, labels, count, block)
        members = np.bincount(labels, minlength=count)
        if round_ < rounds - 4:
            for rare in np.flatnonzero(members < len(energies) / count / 20):
                common = int(members.argmax())
                variances[rare] = variances[common] * rng.uniform(0.7, 1.4, variances.shape[1:])
                members[common] //= 2
        print(f"round {round_}: {lengths.min(1).mean():.1f} bits per block", flush=True)
    shapes = [one.shape[:2] for one in pictures]
    borders = np.cumsum([rows * columns for rows, columns in shapes])
    maps = [
        part.reshape(shape)
        for part, shape in zip(np.split(labels, borders[:-1]), shapes, strict=True)
    ]
    for _ in range(2):
        model = ClassModel(block, overlap, variances, *_map_statistics(maps, count))
        maps = [_assign(model, one, floor) for one in pictures]
        variances = _means(energies, np.concatenate([one.ravel() for one in maps]), count, block)
    return ClassModel(block, overlap, variances, *_map_statistics(maps, count))

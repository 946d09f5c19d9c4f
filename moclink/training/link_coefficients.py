"""Statistics of quantised coefficients: python -m moclink.train link-coefficients.

Crops of training pictures are quantised at several steps. A weighted least-squares fit gives the
weights that predict a magnitude from its neighbours; frequencies of the coder's decisions in each
bin of the prediction, and means and variances of what quantisation loses there, give the rest. The
quantiser decides by these statistics itself, so both are estimated again, from the dead zone on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moclink.atomic_files import atomic_write
from moclink.linear import coefficient_coder as coder
from moclink.linear.block_sizes import BlocksOfSeveralSizes
from moclink.linear.classified_blocks import ClassifiedBlocks, Transformed
from moclink.linear.coefficient_statistics import CoefficientStatistics
from moclink.linear.entropy_coded import MAP_PRICE, PRICE, variance_floor
from moclink.numba_cache import compiled
from moclink.training.picture_crops import random_crop, read_rgb, reduced

STEPS = (64, 16, -24, -56, -88, -120, -160, -208, -280)  # eighths of a decibel
_DEAD_ZONE = 0.65  # magnitudes below it become 0 in the first round
_SAMPLES = 60_000  # of a crop's coefficients, for the least squares
_ROUNDS = 3
_SIDE = 320


@dataclass(frozen=True)
class _Quantised:
    """One crop at one step: levels, scaled coefficients, their quantised values."""

    levels: NDArray[np.int16]
    coefficients: NDArray[np.float32]
    step: int
    values: NDArray[np.int32]

    @property
    def index(self) -> NDArray[np.int16]:
        """Of the standard deviations."""
        return coder.sigma_index(self.levels, self.step)


def training_crop(path: Path, rng: np.random.Generator) -> NDArray[np.float32]:
    """A crop of at most 320 by 320 from a picture's reduction to between 0.4 and 1, in [0, 1]."""
    return random_crop(reduced(read_rgb(path), 0.4, 1, rng), _SIDE, rng)


def make_statistics(pictures: Sequence[Path], out: Path, count: int, seed: int) -> None:
    """Estimate and write the statistics of all sizes of blocks.

    Args:
        pictures: Files to choose from; those that cannot be read are named and left out.
        out: The .npz to write.
        count: Pictures that are used.
        seed: Of the choice of pictures, crops and coefficients.

    Raises:
        ValueError: If no picture can be read.
    """
    rng = np.random.default_rng(seed)
    crops: list[NDArray[np.float32]] = []
    for i in rng.permutation(len(pictures)):
        if len(crops) == count:
            break
        try:
            crops.append(training_crop(pictures[i], rng))
        except (OSError, ValueError) as error:
            print(f"left out: {pictures[i]}: {error}", file=sys.stderr)
    if not crops:
        raise ValueError("no picture is left to estimate statistics from")
    arrays: dict[str, NDArray] = {}
    for model in BlocksOfSeveralSizes.load().models:
        print(f"blocks of {model.classes.block}", flush=True)
        arrays |= train(model, crops, seed).arrays(model.classes.block)
    with atomic_write(out) as part, open(part, "wb") as sink:
        np.savez_compressed(sink, **arrays)  # type: ignore[arg-type]


def train(
    model: ClassifiedBlocks, crops: Sequence[NDArray[np.float32]], seed: int = 0
) -> CoefficientStatistics:
    """Estimate the statistics for one size of blocks.

    Args:
        model: Gives the size, and the variances.
        crops: Pictures, float32 [H, W, 3] in [0, 1].
        seed: Of the choice of coefficients for the least squares.
    """
    transformed = [model.transform(crop) for crop in crops]
    # Every crop at every other step: twice as many crops in the same time.
    chosen = [(one, step) for k, one in enumerate(transformed) for step in STEPS[k % 2 :: 2]]
    seen = [_quantise(model, one, step) for one, step in chosen]
    statistics = None
    for round_ in range(_ROUNDS):
        if statistics is not None:
            seen = [
                _Quantised(
                    one.levels,
                    one.coefficients,
                    one.step,
                    statistics.encode(one.coefficients, one.levels, one.step, PRICE)[1],
                )
                for one in seen
            ]
        statistics = _estimate(seen, np.random.default_rng([seed, round_]))
        bits = sum(
            8 * len(statistics.encode(o.coefficients, o.levels, o.step, PRICE)[0]) for o in seen
        )
        pixels = sum(o.levels.size / 3 for o in seen)
        print(f"round {round_}: {bits / pixels:.4f} bits per pixel", flush=True)
    assert statistics is not None
    return statistics


def _quantise(model: ClassifiedBlocks, one: Transformed, step: int) -> _Quantised:
    """Describe a picture for a step, and quantise it with a dead zone."""
    description = model.describe_transformed(one, variance_floor(step), MAP_PRICE)
    scaled = one.coefficients / coder.step_size(step)
    values = np.sign(scaled) * np.floor(np.abs(scaled) + 1 - _DEAD_ZONE)
    levels = description.variance_levels.reshape(one.coefficients.shape)
    return _Quantised(levels, one.coefficients, step, values.astype(np.int32))


def _estimate(seen: Sequence[_Quantised], rng: np.random.Generator) -> CoefficientStatistics:
    weights = _fit_weights(seen, rng)
    edges, raws = coder.thresholds(), coder.raw_bits()
    decisions = np.zeros((2, coder.BINS, coder.DECISIONS, 2))
    moments = np.zeros((2, coder.BINS, 3, 3))
    for one in seen:
        scaled = np.abs(one.coefficients.astype(np.float64)) / coder.step_size(one.step)
        _tally(
            scaled, np.abs(one.values), one.index, coder.sigmas_in_steps(), weights, edges, raws,
            decisions, moments,
        )  # fmt: skip
    probabilities = (decisions[..., 0] + 0.5) / (decisions.sum(-1) + 1)
    count = np.maximum(moments[..., 0], 1)
    offsets = moments[..., 1] / count
    offsets[..., 0] = 0
    errors = np.where(moments[..., 0] > 0, moments[..., 2] / count - offsets**2, 1 / 12)
    return CoefficientStatistics(
        weights,
        probabilities.astype(np.float32),
        offsets.astype(np.float32),
        errors.astype(np.float32),
    )


def _fit_weights(seen: Sequence[_Quantised], rng: np.random.Generator) -> NDArray[np.int64]:
    """Weighted least squares: errors count by the reciprocal of the variance expected."""
    found = np.zeros((2, coder.FEATURES + 1), np.int64)
    for kind, planes in enumerate(((0,), (1, 2))):
        rows, targets = [], []
        for one in seen:
            share = min(1.0, _SAMPLES / one.values.size)
            taken = rng.random(one.values.shape) < share
            taken[[plane for plane in range(3) if plane not in planes]] = False
            x, y = _collect(np.abs(one.values), one.index, coder.sigmas_in_steps(), taken)
            rows.append(x)
            targets.append(y)
        x = np.concatenate(rows).astype(np.float64)
        y = np.minimum(np.concatenate(targets), coder.LARGEST).astype(np.float64)
        x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
        weight = np.ones(len(x))
        for _ in range(4):
            scaled = x * weight[:, None]
            solved = np.linalg.solve(
                scaled.T @ scaled + 1e-6 * np.eye(x.shape[1]), scaled.T @ (y * weight)
            )
            expected = np.maximum(x @ solved, 1e-4)
            weight = 1 / np.sqrt(expected * (expected + 0.3) + 0.01)
        found[kind] = np.round(solved * coder.UNIT)
    return found


@compiled(nogil=True)
def _collect(values, index, sigmas, taken):  # noqa: ANN001, ANN202
    """Features and magnitudes of the coefficients taken."""
    planes, rows, columns, block, _ = values.shape
    seen = coder.nothing_seen(values.shape)
    count = taken.sum()
    features, targets = np.zeros((count, coder.FEATURES), np.int64), np.zeros(count, np.int64)
    at = 0
    for row in range(rows):
        for column in range(columns):
            for plane in range(planes):
                for i in range(block):
                    for j in range(block):
                        if taken[plane, row, column, i, j]:
                            sigma = sigmas[index[plane, row, column, i, j]]
                            coder.features(seen, plane, row, column, i, j, sigma, features[at])
                            targets[at] = values[plane, row, column, i, j]
                            at += 1
                        coder.see(seen, plane, row, column, i, j, values[plane, row, column, i, j])
    return features, targets


@compiled(nogil=True)
def _tally(scaled, values, index, sigmas, weights, edges, raws, decisions, moments):  # noqa: ANN001, ANN202
    """Count decisions, and moments of magnitude less quantised magnitude, in each bin."""
    planes, rows, columns, block, _ = values.shape
    seen = coder.nothing_seen(values.shape)
    found = np.zeros(coder.FEATURES, np.int64)
    for row in range(rows):
        for column in range(columns):
            for plane in range(planes):
                kind = min(plane, 1)
                for i in range(block):
                    for j in range(block):
                        sigma = sigmas[index[plane, row, column, i, j]]
                        coder.features(seen, plane, row, column, i, j, sigma, found)
                        k = coder.bin_of(found, weights[kind], edges)
                        magnitude = values[plane, row, column, i, j]
                        high = magnitude >> raws[k]
                        for n in range(min(high + 1, coder.DECISIONS)):
                            decisions[kind, k, n, 0 if n == high else 1] += 1
                        lost = scaled[plane, row, column, i, j] - magnitude
                        moment = moments[kind, k, min(magnitude, 2)]
                        moment[0] += 1
                        moment[1] += lost
                        moment[2] += lost * lost
                        coder.see(seen, plane, row, column, i, j, magnitude)

"""The octonary codec: channel uses and energy are allocated to coefficients by their variance.

Coefficients of variance v are sent by codebooks of n coefficients over L octonary axis uses, from a
quarter of a use per coefficient to three, each at a power of its own. A codebook made for SNR s_j has
distortion v D_j a coefficient and takes an energy L s_j / (n snr). Uses and energy are allocated by
Lagrange multipliers: coefficients take the codebook of least

    v D_j + lambda L / n + nu L s_j / (n snr),

with lambda and nu such that all uses and all energy are spent: water-filling over codebooks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from moclink.linear import allocation, frame
from moclink.linear.codebooks import Codebook, CodebookGrid, CoefficientCode
from moclink.linear.codec import PictureCodec
from moclink.linear.side_information import DESIGN_SNR_DB
from moclink.linear.source_models import Description
from moclink.snr import from_decibels, to_decibels

_ROUNDS = 40  # of bisection


@dataclass(frozen=True)
class CodebookRun:
    """Coefficients of one variance that go by one codebook.

    Attributes:
        coefficients: int64 [m, n], indices of coefficients, a row for each vector.
        shape: Position of the codebook in the grid's shapes.
        snr: Position in the grid's SNRs.
        first: The first of the m * L axis uses.
    """

    coefficients: NDArray[np.int64]
    shape: int
    snr: int
    first: int


def allocate(
    levels: NDArray[np.int16], uses: int, snr_db: float, grid: CodebookGrid
) -> list[CodebookRun]:
    """Share channel uses and energy among coefficients.

    Args:
        levels: Variance levels of all coefficients.
        uses: Real channel uses, of mean power 1.
        snr_db: Es/N0 at power 1.
        grid: Codebooks.

    Returns:
        Runs that take at most `uses` uses.
    """
    options = _Options.of(grid, snr_db)
    chosen = allocation.strongest(levels, int(uses / options.uses[1:].min()) + 1)
    if len(chosen) == 0:
        return []
    values, starts, number = np.unique(
        -levels[chosen].astype(np.int64), return_index=True, return_counts=True
    )
    fewer, more = _choose(allocation.levels_to_variances(-values), number, uses, options)
    # The coarser choice for all, then the finer one for as many coefficients as there are uses.
    spare = uses - float(number @ options.uses[fewer])
    runs: list[CodebookRun] = []
    for start, count, coarse, fine in zip(starts, number, fewer, more, strict=True):
        gain = options.uses[fine] - options.uses[coarse]
        finer = int(count) if gain <= 0 else min(int(count), int(spare / gain))
        spare -= max(gain, 0) * finer
        for option, part in (
            (fine, chosen[start : start + finer]),
            (coarse, chosen[start + finer : start + count]),
        ):
            _append(runs, part, int(option), options, grid, uses)
    return runs


def _append(
    runs: list[CodebookRun],
    part: NDArray[np.int64],
    option: int,
    options: _Options,
    grid: CodebookGrid,
    uses: int,
) -> None:
    """Add a run of whole vectors, as far as there are uses left."""
    if option == 0:
        return
    shape, snr = divmod(option - 1, len(grid.snr_db))
    size, levels = grid.shapes[shape]
    first = (
        runs[-1].first + len(runs[-1].coefficients) * grid.shapes[runs[-1].shape][1] if runs else 0
    )
    vectors = min(len(part) // size, (uses - first) // levels)
    if vectors > 0:
        runs.append(CodebookRun(part[: vectors * size].reshape(vectors, size), shape, snr, first))


@dataclass(frozen=True)
class _Options:
    """Ways to send a coefficient; the first is not to send it.

    Attributes:
        distortion: Squared error at unit variance.
        uses: Axis uses per coefficient.
        energy: Energy a coefficient, in units of the mean energy of a use.
    """

    distortion: NDArray[np.float64]
    uses: NDArray[np.float64]
    energy: NDArray[np.float64]

    @classmethod
    def of(cls, grid: CodebookGrid, snr_db: float) -> _Options:
        rate = np.array([levels / size for size, levels in grid.shapes])
        energy = rate[:, None] * from_decibels(grid.snr_db - snr_db)
        uses = np.repeat(rate, len(grid.snr_db))
        return cls(
            np.r_[1.0, grid.distortions.ravel()], np.r_[0.0, uses], np.r_[0.0, energy.ravel()]
        )

    def best(
        self, variance: NDArray[np.float64], per_use: float, per_energy: float
    ) -> NDArray[np.int64]:
        """The option of least cost for each variance."""
        price = per_use * self.uses + per_energy * self.energy
        return np.argmin(variance[:, None] * self.distortion + price, axis=1)


def _choose(
    variance: NDArray[np.float64], number: NDArray[np.int64], uses: int, options: _Options
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Options of each variance just within the uses, and just beyond, at an energy within the budget."""
    top = float(variance.max())

    def at(per_energy: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        more = options.best(variance, 0.0, per_energy)
        if number @ options.uses[more] <= uses:
            return more, more
        low, high = top * 1e-12, 2 * top
        fewer = options.best(variance, high, per_energy)
        for _ in range(_ROUNDS):
            middle = np.sqrt(low * high)
            found = options.best(variance, middle, per_energy)
            if number @ options.uses[found] <= uses:
                high, fewer = middle, found
            else:
                low, more = middle, found
            if high / low < 1 + 1e-3:
                break
        return fewer, more

    low, high = top * 1e-12, 2 * top
    for _ in range(_ROUNDS):
        middle = np.sqrt(low * high)
        if number @ options.energy[at(middle)[0]] <= uses:
            high = middle
        else:
            low = middle
        if high / low < 1.01:
            break
    return at(high)


@dataclass(frozen=True)
class OctonaryCodec(PictureCodec):
    """Pictures to octonary amplitudes and back. See `PictureCodec` for its methods.

    Attributes:
        model: How pictures become coefficients of known variance.
        cbr: Complex symbols per source value (3 a pixel), side information included.
        grid: Codebooks over a grid of SNRs; with `analog_code.with_analog` also analog amplitudes,
            where they are better (then the link is no longer digital).
        design_snr_db: The SNR that a sender makes its choices for where it is told none.
    """

    grid: CodebookGrid = field(default_factory=CodebookGrid.load)
    design_snr_db: float = DESIGN_SNR_DB

    def indices(self, description: Description, runs: list[CodebookRun]) -> list[NDArray[np.int64]]:
        """Octonary indices of a picture: for each run of a codebook int64 [vectors, L]."""
        books = [(run, self._book(run)) for run in runs]
        return [
            book.search(_scaled(description, run))
            for run, book in books
            if isinstance(book, Codebook)
        ]

    def _book(self, run: CodebookRun) -> CoefficientCode:
        return self.grid.books[run.shape][run.snr]

    def _design(self, snr_db: float | None) -> float:
        return self.design_snr_db if snr_db is None else snr_db

    def modulate(
        self, description: Description, uses: int, snr_db: float | None
    ) -> NDArray[np.float64]:
        """See `PictureCodec.modulate`."""
        design = self._design(snr_db)
        runs = allocate(description.variance_levels, uses, design, self.grid)
        parts = [np.zeros(0)]
        for run in runs:
            scale = 10 ** ((self.grid.snr_db[run.snr] - design) / 20)
            parts.append(scale * self._book(run).send(_scaled(description, run)).ravel())
        return np.concatenate(parts)

    def estimate_coefficients(
        self, parsed: frame.ParsedHeader, axes: NDArray[np.float64], variance: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """See `PictureCodec.estimate_coefficients`."""
        design = self._design(parsed.snr_db)
        runs = allocate(parsed.variance_levels, len(axes), design, self.grid) if parsed.gain else []
        parts = [(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))]
        for run in runs:
            book = self._book(run)
            scale = parsed.gain * 10 ** ((self.grid.snr_db[run.snr] - design) / 20)
            where = slice(run.first, run.first + len(run.coefficients) * book.levels)
            received = axes[where].reshape(-1, book.levels) / scale
            noise = variance[where].reshape(-1, book.levels) / scale**2
            prior = allocation.levels_to_variances(parsed.variance_levels[run.coefficients])
            values = book.receive(received, noise) * np.sqrt(prior)
            actual_db = -to_decibels(2 * np.mean(noise))
            expected = self.grid.expected_error(run.shape, run.snr, actual_db)
            parts.append(
                (
                    run.coefficients.ravel(),
                    values.ravel(),
                    (prior * expected).ravel(),
                )
            )
        chosen, values, errors = (np.concatenate(column) for column in zip(*parts, strict=True))
        return chosen, values, errors


def _scaled(description: Description, run: CodebookRun) -> NDArray[np.float64]:
    """A run's coefficients over their deviations, float64 [vectors, n]."""
    prior = allocation.levels_to_variances(description.variance_levels[run.coefficients])
    return description.coefficients[run.coefficients] / np.sqrt(prior)

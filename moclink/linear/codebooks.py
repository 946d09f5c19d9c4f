"""Channel-optimised codebooks over octonary axes: MOC-RVQ levels for a few coefficients.

A vector z of n coefficients of unit variance is sent as L axis uses, one octonary amplitude a_dk
each. The receiver forms the posterior w_dk(y) ~ p_dk exp(-(y - a_dk)^2 / (2 s^2)) on each axis and
estimates z = sum_d v_d(y_d), v_d(y) = sum_k w_dk(y) c_dk. With

    m_dk = E[v_d | k],   t_dk = E[|v_d|^2 | k] - |m_dk|^2        (Gauss-Hermite quadrature)

the expected distortion of indices i is |z - sum_d m_d,i_d|^2 + sum_d t_d,i_d, since noise is
independent from axis to axis (Farvardin and Vaishampayan, 1991, for one axis). The search minimises
that plus a price on energy, lambda a^2. For one coefficient its cost is a family of lines in z, so
the best indices change at a few thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from moclink.linear.stored_arrays import find_arrays
from moclink.snr import noise_variance

AXIS = 8  # amplitudes of an axis of 64-QAM
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(24)
QUADRATURE = _NODES, _WEIGHTS / _WEIGHTS.sum()
_CHUNK = 1 << 15  # vectors that are searched at once


@dataclass(frozen=True)
class Codebook:
    """Codes of L residual levels for a vector of n coefficients of unit variance.

    Attributes:
        codes: float64 [L, 8, n], c_dk.
        amplitudes: float64 [L, 8], a_dk; the mean energy over levels is 1/2 a use under `priors`.
        priors: float64 [L, 8], p_dk.
        price: lambda of the search.
        variance: Noise variance s^2 of an axis for which it is made.
    """

    codes: NDArray[np.float64]
    amplitudes: NDArray[np.float64]
    priors: NDArray[np.float64]
    price: float
    variance: float

    @property
    def levels(self) -> int:
        """Number of levels L, each an axis use."""
        return self.codes.shape[0]

    @property
    def size(self) -> int:
        """Number of coefficients n."""
        return self.codes.shape[2]

    def posteriors(
        self, level: int, axes: NDArray[np.float64], variance: NDArray[np.float64] | float
    ) -> NDArray[np.float64]:
        """w_dk of received amplitudes [m] (noise variance [m] or one), float64 [m, 8]."""
        distance = (axes[:, None] - self.amplitudes[level]) ** 2
        logits = np.log(self.priors[level]) - distance / (2 * np.reshape(variance, (-1, 1)))
        weights = np.exp(logits - logits.max(1, keepdims=True))
        return weights / weights.sum(1, keepdims=True)

    def posteriors_at_nodes(self, level: int) -> NDArray[np.float64]:
        """Posteriors at the nodes of quadrature when code k is sent, float64 [8, nodes, 8]."""
        received = self.amplitudes[level][:, None] + np.sqrt(self.variance) * QUADRATURE[0]
        return self.posteriors(level, received.ravel(), self.variance).reshape(AXIS, -1, AXIS)

    def tables(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(m [L, 8, n], t [L, 8]) at the noise variance of the design."""
        mean, spread = np.empty_like(self.codes), np.empty_like(self.amplitudes)
        for level in range(self.levels):
            value = self.posteriors_at_nodes(level) @ self.codes[level]
            mean[level] = np.einsum("q,kqn->kn", QUADRATURE[1], value)
            second = np.einsum("q,kqn->k", QUADRATURE[1], value**2)
            spread[level] = np.maximum(second - np.sum(mean[level] ** 2, axis=1), 0)
        return mean, spread

    def search(self, vectors: NDArray[np.floating]) -> NDArray[np.int64]:
        """Octonary indices of least expected cost.

        Args:
            vectors: [m, n], coefficients of unit variance.

        Returns:
            int64 [m, L].
        """
        mean, spread = self.tables()
        bias = spread + self.price * self.amplitudes**2
        total_mean, total_bias = mean[0], bias[0]
        for level in range(1, self.levels):
            total_mean = (total_mean[:, None] + mean[level]).reshape(-1, self.size)
            total_bias = (total_bias[:, None] + bias[level]).ravel()
        total_bias = np.sum(total_mean**2, axis=1) + total_bias
        if self.size == 1:
            lines, thresholds = lower_envelope(-2 * total_mean[:, 0], total_bias)
            chosen = lines[np.searchsorted(thresholds, vectors[:, 0])]
        else:
            parts = np.split(vectors, range(_CHUNK, len(vectors), _CHUNK))
            chosen = np.concatenate(
                [np.argmin(total_bias - 2 * part @ total_mean.T, axis=1) for part in parts]
            )
        return np.stack(np.unravel_index(chosen, (AXIS,) * self.levels), axis=1)

    def send(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Amplitudes float64 [m, L] that are sent for vectors [m, n]."""
        return self.amplitudes[np.arange(self.levels), self.search(vectors)]

    def receive(
        self, axes: NDArray[np.float64], variance: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Estimates of vectors.

        Args:
            axes: float64 [m, L], received amplitudes.
            variance: float64 [m, L], noise variance of each.

        Returns:
            float64 [m, n], at unit variance.
        """
        found = np.zeros((len(axes), self.size))
        for level in range(self.levels):
            found += self.posteriors(level, axes[:, level], variance[:, level]) @ self.codes[level]
        return found


def lower_envelope(
    slopes: NDArray[np.float64], intercepts: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which of the lines s x + b is the lowest.

    Returns:
        (lines in the order in which they are lowest as x grows, thresholds between them).
    """
    chosen: list[int] = []
    thresholds: list[float] = []
    for line in np.lexsort((intercepts, -slopes)):
        if chosen and slopes[chosen[-1]] == slopes[line]:
            continue  # parallel and not lower
        while chosen:
            last = chosen[-1]
            crossing = float((intercepts[line] - intercepts[last]) / (slopes[last] - slopes[line]))
            if not thresholds or crossing > thresholds[-1]:
                thresholds.append(crossing)
                break
            chosen.pop()
            thresholds.pop()
        chosen.append(int(line))
    return np.array(chosen), np.array(thresholds)


class CoefficientCode(Protocol):
    """What carries n coefficients over L axis uses: a codebook, or an analog amplitude."""

    @property
    def levels(self) -> int:
        """Axis uses L."""

    @property
    def size(self) -> int:
        """Coefficients n."""

    def send(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Amplitudes [m, L], of mean energy 1/2, of vectors [m, n] of unit variance."""

    def receive(
        self, axes: NDArray[np.float64], variance: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Estimates [m, n] from received amplitudes and noise variances [m, L]."""


@dataclass(frozen=True)
class SnrRange:
    """Squared errors at the SNRs that a sender does not know (see `robust_codebooks`).

    Attributes:
        offsets_db: Distance from the nominal SNR, float64 [o], ascending.
        weights: Share of each in the distortions of the grid, float64 [o], adding up to 1.
        errors: Expected distortion per coefficient at unit variance, float64 [shapes, g, o].
    """

    offsets_db: NDArray[np.float64]
    weights: NDArray[np.float64]
    errors: NDArray[np.float64]


@dataclass(frozen=True)
class CodebookGrid:
    """Codebooks of several shapes over a grid of SNRs.

    Attributes:
        snr_db: float64 [g], ascending.
        books: For each shape the codebooks of all SNRs.
        distortions: float64 [shapes, g], expected distortion per coefficient at unit variance and
            power.
        over: Distortions at other SNRs than the nominal one; None where the sender is told.
    """

    snr_db: NDArray[np.float64]
    books: tuple[tuple[CoefficientCode, ...], ...]
    distortions: NDArray[np.float64]
    over: SnrRange | None = None

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(coefficients, uses) of each shape."""
        return [(row[0].size, row[0].levels) for row in self.books]

    def expected_error(self, shape: int, snr: int, actual_db: float) -> float:
        """Distortion of a codebook at an actual SNR in dB; without `over` that at its own SNR."""
        if self.over is None:
            return float(self.distortions[shape, snr])
        offset_db, known = actual_db - self.snr_db[snr], np.log(self.over.errors[shape, snr])
        return float(np.exp(np.interp(offset_db, self.over.offsets_db, known)))

    @classmethod
    def load(cls, name: str | Path = "octonary-codebooks") -> CodebookGrid:
        """Read a grid that ships with the package, by name, or any other, by the path of its .npz.

        Raises:
            ValueError: If there is none; the message names the remedy.
        """
        path = find_arrays(name, "python -m moclink.train link-codebooks")
        with np.load(path, allow_pickle=False) as data:
            snr_db, distortions = data["snr_db"], data["distortions"]
            books = []
            for shape in range(len(distortions)):
                parts = [
                    data[f"{part}{shape}"] for part in ("codes", "amplitudes", "priors", "price")
                ]
                made_for = data.get(f"variance{shape}", 0.5 * noise_variance(snr_db))
                books.append(
                    tuple(
                        Codebook(
                            parts[0][i],
                            parts[1][i],
                            parts[2][i],
                            float(parts[3][i]),
                            float(made_for[i]),
                        )
                        for i in range(len(snr_db))
                    )
                )
            over = None
            if "over_errors" in data:
                parts = [data[f"over_{part}"] for part in ("offsets_db", "weights", "errors")]
                over = SnrRange(*parts)
        return cls(snr_db, tuple(books), distortions, over)

    def save(self, path: str | Path) -> None:
        """Write the grid as .npz.

        Raises:
            ValueError: If it holds anything but codebooks.
        """
        values: Any = {"snr_db": self.snr_db, "distortions": self.distortions}
        for shape, row in enumerate(self.books):
            books = [book for book in row if isinstance(book, Codebook)]
            if len(books) < len(row):
                raise ValueError(
                    f"shape {shape} holds no codebooks; save the grid without analog amplitudes"
                )
            values[f"codes{shape}"] = np.array([book.codes for book in books])
            values[f"amplitudes{shape}"] = np.array([book.amplitudes for book in books])
            values[f"priors{shape}"] = np.array([book.priors for book in books])
            values[f"price{shape}"] = np.array([book.price for book in books])
            values[f"variance{shape}"] = np.array([book.variance for book in books])
        if self.over is not None:
            values |= {f"over_{part}": value for part, value in vars(self.over).items()}
        np.savez_compressed(path, **values)

"""Codebooks for a sender that is not told the SNR: one set of choices for a range of SNRs.

A codebook that is sent at a power for s dB at the nominal SNR is received at s + o dB, o over the
range. Its squared error is then sum_o q_o D(s + o), with D by quadrature: the sender's search is
that of the codebook's own SNR, the receiver's posteriors are those of what arrives. Of the codebooks
of a shape the best is taken at each power; it is one made for a higher SNR than s, since a codebook
made for a low SNR has nothing to give at a high one.

The weights q_o follow 1 / (squared error of a picture at that SNR), with which the mean of squared
errors has the slopes of the mean of PSNRs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from moclink.linear.codebook_design import SourceSamples, source
from moclink.linear.codebooks import Codebook, CodebookGrid, SnrRange
from moclink.snr import from_decibels, noise_variance

RANGE_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0)
# Mean PSNR in dB of the linear code of a sender that is not told the SNR, over that range.
USUAL_PSNR_DB = (20.8, 23.8, 27.0, 29.8, 31.8, 32.9)


def usual_weights() -> NDArray[np.float64]:
    """q_o for the SNRs of `RANGE_DB`, adding up to 1."""
    weights = from_decibels(np.array(USUAL_PSNR_DB))
    return weights / weights.sum()


def mismatch_errors(
    book: Codebook, vectors: SourceSamples, snrs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Squared error per coefficient at another SNR than the codebook is made for.

    Args:
        book: Codebook; its search is that of its own SNR.
        vectors: Source.
        snrs: Es/N0 in dB at the codebook's own power, float64 [s].

    Returns:
        float64 [s].
    """
    indices, levels = book.search(vectors.points), np.arange(book.levels)
    found = np.empty(len(snrs))
    for place, snr_db in enumerate(snrs):
        mean, spread = replace(book, variance=0.5 * noise_variance(snr_db)).tables()
        error = np.sum((vectors.points - mean[levels, indices].sum(1)) ** 2, axis=1)
        error += spread[levels, indices].sum(1)
        found[place] = vectors.weights @ error / book.size
    return found


def grid_for_range(grid: CodebookGrid, nominal_db: float, kind: str = "laplacian") -> CodebookGrid:
    """The best codebook of each shape at each power for the range `RANGE_DB`.

    Args:
        grid: Codebooks on evenly spaced SNRs, whose step divides that of the range.
        nominal_db: The SNR in dB at which a power is counted.
        kind: See `moclink.linear.codebook_design.source`.

    Returns:
        A grid whose SNRs are those of its codebooks at the nominal SNR, whose distortions are means
        over the range, and whose `over` has those at each SNR.

    Raises:
        ValueError: If the steps do not fit.
    """
    offsets = np.array(RANGE_DB) - nominal_db
    step = float(grid.snr_db[1] - grid.snr_db[0])
    places = np.round(offsets / step).astype(int)
    if not np.allclose(places * step, offsets):
        raise ValueError(f"a step of {step} dB does not divide the distances {offsets.tolist()} dB")
    count, weights = len(grid.snr_db), usual_weights()
    below, above = max(0, -places.min()), max(0, places.max())
    snrs = grid.snr_db[0] + step * np.arange(-below, count + above)
    books, errors = [], np.empty((len(grid.books), count, len(offsets)))
    for shape, row in enumerate(grid.books):
        digital = [book for book in row if isinstance(book, Codebook)]
        vectors = source(kind, digital[0].size)
        table = np.stack([mismatch_errors(book, vectors, snrs) for book in digital])
        met = np.stack([table[:, below + p : below + p + count] for p in places], axis=2)
        best = np.argmin(met @ weights, axis=0)  # [powers]
        books.append(tuple(digital[j] for j in best))
        errors[shape] = met[best, np.arange(count)]
    return CodebookGrid(
        grid.snr_db, tuple(books), errors @ weights, SnrRange(offsets, weights, errors)
    )

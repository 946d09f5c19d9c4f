"""Make codebooks for a grid of SNRs: python -m moclink.training.channel_codebooks PHOTOS --out FILE.

The latents are those that the encoder of trained weights makes of a crop of each picture. For 1 to D
levels, codebooks are made from the highest SNR to the lowest and back again, each from those of the
SNR before and at several prices on power; the best by simulated squared error over latents that were
kept aside stays. Then follow the policy (how many levels to send with the symbols of L levels) and
codebooks for a sender that is not told the SNR. A quarter of an hour on one core for four levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec import weights as weight_files
from moclink.codec.channel_optimized_codebooks import (
    ChannelCodebooks,
    fit_codebooks,
    power_price,
    search,
    send,
)
from moclink.codec.channel_optimized_grid import ChannelCodebookGrid
from moclink.codec.semantic_codec import SemanticCodec
from moclink.images import find_images, read_image
from moclink.option_parser import Parser
from moclink.snr import to_decibels
from moclink.training.link_options import seed

SHARES = (0.06, 0.15, 0.3)  # of the price of power to a linear code of a whole head
ROBUST_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0)
CROP = 128


@dataclass(frozen=True)
class Latents:
    """Latents to make codebooks of, float32 [M, P*c], and others to judge them by."""

    train: NDArray[np.float32]
    test: NDArray[np.float32]

    def head_energy(self, heads: int) -> float:
        """Mean of |z|^2 over heads."""
        return float((self.train.astype(np.float64) ** 2).sum(1).mean() / heads)


def crop_latents(
    codec: SemanticCodec, paths: Sequence[Path], train: int, test: int, seed: int
) -> Latents:
    """Latents of a random crop of each picture, in random order.

    Args:
        codec: Its encoder makes the latents.
        paths: Pictures.
        train: How many latents to make codebooks of.
        test: How many to judge them by.
        seed: Of crops and order.

    Raises:
        ValueError: If the pictures give too few.
    """
    rng, found = np.random.default_rng(seed), []
    for path in paths:
        pixels = read_image(path)
        top, left = (int(rng.integers(max(1, side - CROP + 1))) for side in pixels.shape[:2])
        crop = pixels[top : top + CROP, left : left + CROP].astype(np.float32) / np.float32(255)
        latents = codec.latents(crop[None])
        found.append(latents.reshape(-1, latents.shape[-1]))
    mixed = rng.permutation(np.concatenate(found))
    if len(mixed) < train + test:
        raise ValueError(f"{len(mixed)} latents; {train + test} are wanted: give more pictures")
    return Latents(mixed[:train], mixed[train : train + test])


def simulated(
    made: ChannelCodebooks, z: NDArray[np.float32], snr_db: float, seed: int = 1
) -> float:
    """Squared error of latents [M, P*c] over the channel, at a sent energy that is exactly 1."""
    codes = ops.convert_to_numpy(search(z[:, None, None], made))[:, 0, 0]
    energy = 2 * np.mean(made.amplitudes[codes].astype(np.float64) ** 2)
    rng = np.random.default_rng(seed)
    # The sender's scale is as much noise more or less, relative to the codebooks' amplitudes.
    known = send(codes, made, rng, snr_db - float(to_decibels(energy)))
    retrieved = np.einsum("mdpn,dpnc->mpc", known, made.codebooks, optimize=True).reshape(z.shape)
    return float(((z - retrieved) ** 2).sum(1).mean())


def fit_best_codebooks(
    starts: Sequence[ChannelCodebooks], latents: Latents, snr_db: float, rounds: int
) -> tuple[ChannelCodebooks, float]:
    """Codebooks for an SNR from several starts and prices: (the best, its squared error)."""
    price = power_price(latents.head_energy(starts[0].codebooks.shape[1]), snr_db)
    found = []
    for start in starts:
        for share in SHARES:
            begin = replace(start, snr_db=snr_db, price=share * price)
            made = fit_codebooks(latents.train, begin, rounds)
            found.append((made, simulated(made, latents.test, snr_db)))
    return min(found, key=lambda pair: pair[1])


def make_row(
    noiseless: ChannelCodebooks, latents: Latents, snrs: NDArray[np.float64], rounds: int
) -> tuple[list[ChannelCodebooks], list[float]]:
    """Codebooks of a number of levels at all SNRs, downwards and then upwards: (codebooks, errors)."""
    row: dict[int, tuple[ChannelCodebooks, float]] = {}
    before = noiseless
    for place in reversed(range(len(snrs))):
        row[place] = fit_best_codebooks([before], latents, float(snrs[place]), rounds)
        before = row[place][0]
    for place in range(1, len(snrs)):
        again = fit_best_codebooks([row[place - 1][0]], latents, float(snrs[place]), rounds)
        row[place] = min(row[place], again, key=lambda pair: pair[1])
    ordered = [row[place] for place in range(len(snrs))]
    for snr_db, (_, error) in zip(snrs, ordered, strict=True):
        print(f"{noiseless.codebooks.shape[0]} levels, {snr_db:5.1f} dB: {error:.4f}", flush=True)
    return [made for made, _ in ordered], [error for _, error in ordered]


def choose_levels(grid: ChannelCodebookGrid, latents: Latents) -> dict[int, NDArray[np.int64]]:
    """For the symbols of L levels the number of levels of least squared error at each SNR."""
    found = {}
    for budget in grid.books:
        counts = [n for n in grid.books if budget % n == 0]
        errors = []
        for n in counts:
            snrs = grid.snr_db + to_decibels(budget / n)
            errors.append([simulated(grid.at(n, s), latents.test, s) for s in snrs])
        found[budget] = np.array(counts)[np.argmin(errors, axis=0)]
        print(f"symbols of {budget} levels: {found[budget].tolist()} levels are sent", flush=True)
    return found


def make_robust(
    grid: ChannelCodebookGrid, errors: Sequence[float], latents: Latents, rounds: int
) -> ChannelCodebooks:
    """Codebooks of D levels for the range `ROBUST_DB`, of least mean logarithm of the error.

    SNRs count by 1 / error of codebooks made for each alone, so that a dB is a dB at all of them.
    """
    deepest = max(grid.books)
    weights = 1 / np.interp(ROBUST_DB, grid.snr_db, errors)
    over = tuple(zip(ROBUST_DB, (weights / weights.sum()).tolist(), strict=True))
    energy = latents.head_energy(grid.robust.codebooks.shape[1])
    price = sum(weight * power_price(energy, snr_db) for snr_db, weight in over)
    found = []
    for snr_db in (5.0, 10.0):
        for share in SHARES:
            start = replace(grid.at(deepest, snr_db), over=over, price=share * price)
            made = fit_codebooks(latents.train, start, rounds)
            each = [simulated(made, latents.test, snr) for snr in ROBUST_DB]
            found.append((made, float(np.log(each).mean())))
            print(f"robust, from {snr_db} dB, share {share}: {np.round(each, 3)}", flush=True)
    return min(found, key=lambda pair: pair[1])[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the module."""
    parser = Parser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("inputs", nargs="+", help="training images or folders of them")
    parser.add_argument("--exclude", nargs="*", default=[], help="names of images to hold out")
    parser.add_argument("--weights", default="small", help="preset or path of a semantic codec")
    parser.add_argument("--out", required=True, help="path of the .npz to write")
    parser.add_argument(
        "--snr", nargs=3, type=float, default=(-5, 20, 5), metavar=("FIRST", "LAST", "STEP")
    )
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--samples", type=int, default=6000, help="latents of each fit")
    parser.add_argument("--seed", type=seed, default=0)
    options = parser.parse_args(arguments)
    paths = [path for path in find_images(options.inputs) if path.name not in options.exclude]
    description, _ = weight_files.find(options.weights, "moc-rvq-{}", "semantic")
    codec = SemanticCodec.from_preset(options.weights)
    counts = (options.samples, options.samples // 2)
    latents = crop_latents(codec, paths, *counts, options.seed)
    first, last, step = options.snr
    snrs = np.arange(first, last + step / 2, step)
    quantizer = codec.quantizer
    noiseless = ChannelCodebooks(np.inf, quantizer.codebooks, quantizer.priors)
    grid = ChannelCodebookGrid(snrs, {}, {}, noiseless, noiseless, description["sha256"])
    for count in range(1, quantizer.levels + 1):
        row, errors = make_row(grid.without_noise(count), latents, snrs, options.rounds)
        grid.books[count] = tuple(row)
    grid = replace(grid, levels=choose_levels(grid, latents))
    grid = replace(grid, robust=make_robust(grid, errors, latents, options.rounds))
    grid.save(options.out)


if __name__ == "__main__":
    main()

"""Channel-optimised codebooks over a grid of SNRs, and how many levels a sender uses at each.

`moclink.training.channel_codebooks` makes a grid for trained weights. Above its last SNR the codec
is the noiseless one, with the codebooks and priors of the weights themselves.

Policy at equal symbols: with the symbols of L levels a sender sends n = 1, 2, ... levels, n a
divisor of L, each index L / n times. The receiver adds the log-likelihoods of an index that was
repeated, so an index has an SNR that is 10 log10(L / n) dB higher; one use at L / n times the
power would do the same. The grid says which n is the best at each SNR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.codec.channel_optimized_codebooks import ChannelCodebooks
from moclink.codec.snr_aware import PREFIX, SCALE
from moclink.snr import to_decibels

ROBUST = "robust"  # name of the row of a sender that is not told the SNR


@dataclass(frozen=True)
class Sending:
    """How a sender uses its symbols.

    Attributes:
        books: Codebooks; their number of levels is how many indices a head sends.
        repeats: How often each index is sent.
    """

    books: ChannelCodebooks
    repeats: int


@dataclass(frozen=True)
class TrainedNetworks:
    """E and G trained with the codebooks of a row of the grid.

    Attributes:
        changes: Differences from the weights, see `snr_aware`.
        told: At which SNRs of the grid they are used, bool [G].
    """

    changes: dict[str, NDArray[Any]]
    told: NDArray[np.bool_]


@dataclass(frozen=True)
class ChannelCodebookGrid:
    """Codebooks for one to D levels at each SNR of a grid, and one for a sender not told the SNR.

    A *row* is the codebooks of one number of levels at all SNRs, named "1" to "D", or the codebook
    of a sender that is not told the SNR, "robust".

    Attributes:
        snr_db: Es/N0 in dB, float64 [G], ascending, evenly spaced.
        books: Number of levels sent -> codebooks at each SNR.
        levels: Levels' worth of symbols -> number of levels to send at each SNR, int64 [G].
        robust: Codebooks of a sender that is not told the SNR.
        noiseless: Codebooks of the weights, used above the grid.
        sha256: Of the weights that the codebooks were made for.
        networks: Of E and G, for a row by its name. Without any they are those of the weights.
    """

    snr_db: NDArray[np.float64]
    books: dict[int, tuple[ChannelCodebooks, ...]]
    levels: dict[int, NDArray[np.int64]]
    robust: ChannelCodebooks
    noiseless: ChannelCodebooks
    sha256: str = ""
    networks: dict[str, TrainedNetworks] = field(default_factory=dict)

    def rows(self) -> dict[str, tuple[ChannelCodebooks, ...]]:
        """All rows by name."""
        return {**{str(n): row for n, row in self.books.items()}, ROBUST: (self.robust,)}

    def with_row(
        self,
        name: str,
        row: Sequence[ChannelCodebooks],
        networks: TrainedNetworks | None = None,
    ) -> ChannelCodebookGrid:
        """The grid with other codebooks in a row and, if any are given, the networks for them."""
        trained = {**self.networks, **({name: networks} if networks is not None else {})}
        if name == ROBUST:
            return replace(self, robust=row[0], networks=trained)
        return replace(self, books={**self.books, int(name): tuple(row)}, networks=trained)

    def sending(self, budget: int, snr_db: float) -> Sending:
        """What a sender that is told the SNR sends with the symbols of `budget` levels.

        Raises:
            ValueError: If there are no codebooks for so many levels, or the SNR is no number.
        """
        if budget not in self.levels:
            raise ValueError(f"{budget} levels: there are codebooks for {sorted(self.levels)}")
        if np.isnan(snr_db):
            raise ValueError(f"the sender's SNR is {snr_db} dB; a number is wanted")
        count = int(self.levels[budget][self._nearest(snr_db)])
        repeats = budget // count
        return Sending(self.at(count, snr_db + to_decibels(repeats)), repeats)

    def at(self, levels: int, snr_db: float) -> ChannelCodebooks:
        """The codebooks of the nearest SNR of the grid, to be searched with the tables of `snr_db`.

        Half a step above the grid they are those of the weights, without a price on power.
        """
        step = float(self.snr_db[1] - self.snr_db[0])
        if snr_db > self.snr_db[-1] + step / 2:
            return self.without_noise(levels)
        return replace(self.books[levels][self._nearest(snr_db)], snr_db=float(snr_db))

    def without_noise(self, levels: int) -> ChannelCodebooks:
        """Codebooks and priors of the weights."""
        books, priors = self.noiseless.codebooks[:levels], self.noiseless.priors[:levels]
        return replace(self.noiseless, codebooks=books, priors=priors, price=0.0)

    def trained_row(self, books: ChannelCodebooks) -> str | None:
        """Name of the row whose networks are used with codebooks; None for those of the weights."""
        if books.over:
            return ROBUST if ROBUST in self.networks else None
        name = str(len(books.codebooks))
        if name not in self.networks or not np.isfinite(books.snr_db):
            return None
        return name if self.networks[name].told[self._nearest(books.snr_db)] else None

    def _nearest(self, snr_db: float) -> int:
        """The nearest SNR, the upper one of two: between grid points no mean of the two is better."""
        return len(self.snr_db) - 1 - int(np.argmin(np.abs(self.snr_db - snr_db)[::-1]))

    def save(self, path: str | Path) -> None:
        """Write the grid as .npz, codebooks and priors as float16; the weights' own are not written."""
        values: dict[str, Any] = {"snr_db": self.snr_db, "sha256": np.array(self.sha256)}
        values["over"] = np.array(self.robust.over)
        for name, trained in self.networks.items():
            values[f"told-{name}"] = trained.told
            values |= {f"{name}.{key}": value for key, value in trained.changes.items()}
        for name, row in self.rows().items():
            values[f"codebooks-{name}"] = np.array([b.codebooks for b in row], np.float16)
            values[f"priors-{name}"] = np.array([b.priors for b in row], np.float16)
            values[f"price-{name}"] = np.array([b.price for b in row], np.float32)
        for budget, counts in self.levels.items():
            values[f"levels-{budget}"] = np.asarray(counts, np.int8)
        np.savez_compressed(path, **values)

    @classmethod
    def load(cls, path: Path, noiseless: ChannelCodebooks, sha256: str) -> ChannelCodebookGrid:
        """Read a grid.

        Args:
            path: The .npz.
            noiseless: Codebooks and priors of the weights.
            sha256: Of the weights.

        Raises:
            ValueError: If there is no such file, or it was made for other weights.
        """
        if not path.is_file():
            raise ValueError(
                f"{path} does not exist; make it with python -m moclink.training.channel_codebooks"
            )
        with np.load(path, allow_pickle=False) as data:
            if str(data["sha256"]) != sha256:
                raise ValueError(
                    f"{path} was made for other weights; make it again with "
                    "python -m moclink.training.channel_codebooks"
                )
            snr_db = data["snr_db"]
            counts = sorted(int(k.partition("-")[2]) for k in data.files if k.startswith("levels-"))
            books = {n: _row(data, str(n), snr_db) for n in counts}
            levels = {n: data[f"levels-{n}"].astype(np.int64) for n in counts}
            over = tuple((float(snr), float(weight)) for snr, weight in data["over"])
            robust = replace(_row(data, ROBUST, [over[0][0]])[0], over=over)
            networks = {
                name: TrainedNetworks(_changes(data, name), data[f"told-{name}"].astype(bool))
                for name in (*map(str, counts), ROBUST)
                if f"told-{name}" in data.files
            }
        return cls(snr_db, books, levels, robust, noiseless, sha256, networks)


def _changes(data: Any, name: str) -> dict[str, NDArray[Any]]:
    keys = [key for key in data.files if key.startswith((f"{name}.{PREFIX}", f"{name}.{SCALE}"))]
    return {key.removeprefix(f"{name}."): data[key] for key in keys}


def _row(data: Any, name: str, snr_db: Any) -> tuple[ChannelCodebooks, ...]:
    parts = (data[f"{part}-{name}"].astype(np.float32) for part in ("codebooks", "priors", "price"))
    return tuple(
        ChannelCodebooks(float(snr), books, priors, float(price))
        for snr, books, priors, price in zip(snr_db, *parts, strict=True)
    )

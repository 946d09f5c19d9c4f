"""Batches of the tiles that `moclink.training.link_data` wrote, by step."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.linear import restoration

SHIFTS = 8  # pixels; what the network halves three times repeats with it
_PARTS = ("rec", "org", "map", "con")


class TileFeeder:
    """Tiles of all passes in a folder, read from disk as they are needed.

    Args:
        folder: Holds the passes.
        batch: Tiles in a step.
        seed: A batch depends on it and on the step alone.
        prefix: First characters of the passes' files.

    Raises:
        ValueError: If there is no whole pass, or the batch is below 1.
    """

    def __init__(self, folder: str | Path, batch: int, seed: int = 0, prefix: str = "pass") -> None:
        if batch < 1:
            raise ValueError(f"batch is {batch}; it must be at least 1")
        self.batch, self.seed = batch, seed
        found = sorted(Path(folder).glob(f"{prefix}*_con.npy"))  # the file that is written last
        if not found:
            raise ValueError(
                f"{folder} holds no tiles ({prefix}*_con.npy); name the pictures to make them of"
            )
        names = [str(path).removesuffix("con.npy") for path in found]
        self._passes = [
            [np.load(f"{name}{part}.npy", mmap_mode="r") for part in _PARTS] for name in names
        ]

    @property
    def tiles(self) -> int:
        """How many there are."""
        return sum(len(one[3]) for one in self._passes)

    def __call__(self, step: int) -> dict[str, NDArray]:
        """Tiles of a step, turned and mirrored at random.

        Returns:
            images, originals: [B, 128, 128, 3], the receiver's estimates and the truth, in [0, 1].
            errors [B, 4, 4, 6], condition [B, 2] and scale [B, 1]: see `restoration.build`; the
            condition and scale are those of the whole pictures.
            before: [B], squared errors of the whole pictures before the network.
            snr_db: [B].
            shift: int32 [2], rows and columns that the distances leave out, 0 to 7.
        """
        rng = np.random.default_rng([self.seed, step, 0x7E])
        columns: list[list[NDArray]] = [[], [], [], []]
        for _ in range(self.batch):
            one = self._passes[rng.integers(len(self._passes))]
            index = rng.integers(len(one[3]))
            turn, mirror = rng.random() < 0.5, rng.random() < 0.5
            for column, part in zip(columns[:3], one, strict=False):
                value = part[index].transpose(1, 0, 2) if turn else part[index]
                column.append(value[:, ::-1] if mirror else value)
            columns[3].append(one[3][index])
        shift = rng.integers(0, SHIFTS, 2).astype(np.int32)
        images, originals, maps, statistics = (np.stack(c).astype(np.float32) for c in columns)
        return network_inputs(images, maps, statistics) | {
            "originals": originals / np.float32(255),
            "before": 10 ** statistics[:, 1],
            "snr_db": statistics[:, 0],
            "shift": shift,
        }


def network_inputs(
    images: NDArray[np.float32], maps: NDArray[np.float32], statistics: NDArray[np.float32]
) -> dict[str, NDArray[np.float32]]:
    """What the network takes of estimates, their error maps and [SNR, error, scale, condition]."""
    spread, condition, _ = restoration.conditions(maps, statistics[:, 0])
    condition[:, 1] = statistics[:, 3]  # of the whole picture, not of the tile
    return {"images": images, "errors": spread, "condition": condition, "scale": statistics[:, 2:3]}


class Prefetcher:
    """Batches by step, made in threads before they are asked for, so that a GPU does not wait.

    Args:
        feed: Step -> batch; of the step alone, so that order and threads do not matter.
        depth: Batches that are made ahead, and threads that make them.
    """

    def __init__(self, feed: Callable[[int], Any], depth: int = 3) -> None:
        self._feed, self._depth = feed, depth
        self._pool = ThreadPoolExecutor(depth, thread_name_prefix="tiles")
        self._waiting: dict[int, Future] = {}

    def __call__(self, step: int) -> Any:
        """The batch of a step; those of the next steps are begun."""
        wanted = range(step, step + self._depth + 1)
        self._waiting = {n: batch for n, batch in self._waiting.items() if n in wanted}
        for number in wanted:
            if number not in self._waiting:
                self._waiting[number] = self._pool.submit(self._feed, number)
        return self._waiting.pop(step).result()

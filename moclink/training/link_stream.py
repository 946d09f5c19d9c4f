"""Tiles for the restoration network, made by processes while the network trains on them.

Where a GPU trains faster than tiles can be kept, every tile is new: worker processes send crops of
the pictures through the codecs (`link_sending`) and write one small file for each crop; the training
process takes and deletes them.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moclink.atomic_files import atomic_write
from moclink.training.link_data import send_for_validation, validation_labels, validation_rows
from moclink.training.link_sending import BLOCK, PARTS, TILE, LinkCodecs, send_at_random

_WAITING = 600  # files, above which workers pause


def grid_corners(shape: tuple[int, ...], rng: np.random.Generator) -> list[tuple[int, int]]:
    """Corners of as many tiles as a picture [H, W, ...] holds side by side, begun at random."""
    starts = []
    for size in shape[:2]:
        spare = size % TILE // BLOCK
        starts.append(range(BLOCK * int(rng.integers(spare + 1)), size - TILE + 1, TILE))
    return [(top, left) for top in starts[0] for left in starts[1]]


def _write(folder: Path, name: str, arrays: dict[str, NDArray]) -> None:
    with atomic_write(folder / f"{name}.npz") as part, open(part, "wb") as sink:
        np.savez(sink, allow_pickle=False, **arrays)


def work(
    folder: Path,
    paths: Sequence[Path],
    crops: Sequence[NDArray[np.uint8]],
    worker: int,
    workers: int,
    seed: int,
) -> None:
    """One worker process: its share of the validation, then tiles as long as its parent process runs."""
    parent = multiprocessing.parent_process()
    os.nice(5)
    codecs = LinkCodecs.load()
    for number in range(worker, len(crops), workers):
        validation = validation_rows(list(send_for_validation(codecs, crops[number], number)))
        _write(folder, f"val-{number:05d}", validation)
    rng = np.random.default_rng([seed, 0x57, worker])
    count = 0
    while parent is None or parent.is_alive():
        if len(os.listdir(folder)) > _WAITING:
            time.sleep(0.2)
            continue
        sent = send_at_random(codecs, paths[int(rng.integers(len(paths)))], rng)
        tiles = sent.tiles(grid_corners(sent.original.shape, rng))
        _write(folder, f"new-{worker:03d}-{count:06d}", tiles)
        count += 1


class TileStream:
    """Worker processes that make tiles, and what they have made.

    Args:
        paths: Pictures to train on.
        crops: Held-out pictures uint8 [H, W, 3] of one size, H and W multiples of 32.
        folder: Where files pass from the workers to here; best in memory.
        workers: How many processes.
        seed: Of all that is drawn.

    The order in which tiles arrive depends on the machine's load: a training on them cannot be
    repeated to the last bit.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        crops: Sequence[NDArray[np.uint8]],
        folder: Path,
        workers: int,
        seed: int = 0,
    ) -> None:
        self._folder, self._validations = folder, len(crops)
        folder.mkdir(parents=True, exist_ok=True)
        context = multiprocessing.get_context("spawn")
        self._processes = [
            context.Process(
                target=work,
                args=(folder, list(paths), list(crops), i, workers, seed),
                daemon=True,
            )
            for i in range(workers)
        ]
        for process in self._processes:
            process.start()

    def take(self) -> Iterator[dict[str, NDArray]]:
        """The files of tiles that are there now, each once.

        Raises:
            ChildProcessError: If a worker has ended.
        """
        self._check()
        for path in sorted(self._folder.glob("new-*.npz")):
            with np.load(path) as arrays:
                yield {name: arrays[name] for name in PARTS}
            path.unlink()

    def validation(self) -> dict[str, NDArray]:
        """The held-out pictures as they arrived, as soon as all are there; see `make_validation`."""
        while len(paths := sorted(self._folder.glob("val-*.npz"))) < self._validations:
            self._check()
            time.sleep(0.2)
        parts = []
        for path in paths:
            with np.load(path) as arrays:
                parts.append({name: arrays[name] for name in PARTS})
        found = {name: np.concatenate([part[name] for part in parts]) for name in PARTS}
        return found | {"label": np.array(validation_labels() * len(paths))}

    def _check(self) -> None:
        if not all(process.is_alive() for process in self._processes):
            raise ChildProcessError("a process that makes tiles has ended; see its message above")

    def close(self) -> None:
        """End the workers."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()

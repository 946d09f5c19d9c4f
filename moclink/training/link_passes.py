"""The folder of tiles that the restoration network is trained on: all passes, and the validation.

A folder notes what its tiles are made of, so that those of other pictures are not taken for them.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from moclink.file_locks import TILES_LOCK, hold_folder
from moclink.images import read_image
from moclink.training.link_data import VALIDATION, make_pass, make_validation
from moclink.training.link_sending import TILE, LinkCodecs
from moclink.training.picture_lists import fingerprint, hold_out

_MANY = 20  # pictures that are read in no time


@dataclass(frozen=True)
class TileOptions:
    """How many tiles are made.

    Attributes:
        passes: Times that each picture is sent.
        tiles: Tiles of each picture and pass.
        hold_out: Pictures kept for validation; None for a fifth of them, at most 12.
        seed: Of all that is drawn.
        workers: Processes, each of which makes a pass.
    """

    passes: int = 6
    tiles: int = 12
    hold_out: int | None = None
    seed: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        for name in ("passes", "tiles", "workers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")


def make_tiles(
    pictures: Sequence[Path],
    folder: Path,
    codecs: LinkCodecs,
    options: TileOptions,
) -> None:
    """Write all passes and validation.npz; what is there already is left as it is.

    The folder is held while something is written to it: several trainings may read it at a time.

    Args:
        pictures: Picture files; those that cannot be read or are too small are named and left out.
        folder: Where to write.
        codecs: Send the pictures.
        options: How much, see there.

    Raises:
        ValueError: If no picture is left, the folder holds tiles of other pictures or options, or
            another process makes tiles there.
    """
    whole = (folder / VALIDATION).is_file() and not _missing_passes(folder, options)
    with nullcontext() if whole else hold_folder(folder, "--data", TILES_LOCK):
        _check_source(folder, pictures, codecs, options)
        _make_missing(usable(pictures), folder, codecs, options)


def _missing_passes(folder: Path, options: TileOptions) -> dict[int, Path]:
    """First characters of the files of each pass that is not there."""
    bases = {number: folder / f"pass{number:02d}" for number in range(options.passes)}
    return {n: base for n, base in bases.items() if not Path(f"{base}_con.npy").is_file()}


def _make_missing(
    paths: Sequence[Path], folder: Path, codecs: LinkCodecs, options: TileOptions
) -> None:
    """Make the validation and the passes that are not there, of pictures that can be read."""
    train, kept = hold_out(paths, options.hold_out, options.seed)
    if not (folder / VALIDATION).is_file():
        count = make_validation(kept or train, folder, codecs)
        what = "pictures held out" if kept else "pictures that are trained on"
        print(f"{count} {what} for validation", flush=True)
    missing = _missing_passes(folder, options)
    if not missing:
        return
    # Children are spawned: a framework that the parent has loaded does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(options.workers, len(missing)), mp_context=context) as pool:
        made = {
            pool.submit(
                make_pass, train, base, codecs, options.tiles, [options.seed, 0x71, number]
            ): number
            for number, base in missing.items()
        }
        for count, future in enumerate(as_completed(made), 1):
            future.result()
            print(f"pass {made[future]} made, {count} of {len(missing)}", flush=True)


def usable(pictures: Sequence[Path]) -> list[Path]:
    """Pictures that can be opened and hold a tile; the others are named on standard error.

    Raises:
        ValueError: If none is left.
    """
    found = []
    if len(pictures) > _MANY:
        print(f"reading {len(pictures)} pictures to see which are of use", flush=True)
    for path in pictures:
        try:
            side = min(read_image(path).shape[:2])
        except (OSError, ValueError) as error:  # of a broken file, which would end a pass
            print(f"left out: {path}: {error}", file=sys.stderr)
            continue
        if side < TILE:
            print(f"left out: {path}: its shorter side has {side} pixels", file=sys.stderr)
            continue
        found.append(path)
    if not found:
        raise ValueError(f"no picture can be read and has sides of {TILE} pixels or more")
    return found


def _check_source(
    folder: Path,
    pictures: Sequence[Path],
    codecs: LinkCodecs,
    options: TileOptions,
) -> None:
    """Note what the tiles are made of, or compare with what is noted."""
    source = {
        "pictures": fingerprint(pictures),
        "tables": codecs.digest(),
        "tiles": options.tiles,
        "hold_out": options.hold_out,
        "seed": options.seed,
    }
    note = folder / "source.json"
    if note.is_file():
        noted = json.loads(note.read_text(encoding="utf-8"))
        differ = [name for name, value in source.items() if noted.get(name) != value]
        if differ:
            raise ValueError(
                f"{folder} holds tiles of other {differ[0].replace('_', '-')}; name another --data "
                "folder, or leave the pictures out to train on these"
            )
        return
    if any(folder.glob("*_con.npy")):
        raise ValueError(
            f"{folder} holds tiles without a note of their pictures; leave the pictures out to "
            "train on these, or name another --data folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(source, indent=1) + "\n", encoding="utf-8")

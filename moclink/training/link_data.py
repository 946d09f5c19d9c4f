"""Tiles of the restoration network on disk: passes over the pictures, and the validation.

Each pass sends every training picture once (`moclink.training.link_sending`) and keeps some tiles.
Some whole pictures are held out; their centre crops, sent at fixed bandwidths and SNRs, are
validation.npz.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.atomic_files import atomic_write
from moclink.images import read_image
from moclink.training.link_sending import (
    BLOCK,
    PARTS,
    TILE,
    LinkCodecs,
    Sent,
    send,
    send_at_random,
    send_file,
)

VALIDATION = "validation.npz"
_CROP = (320, 416)  # rows and columns of the pictures of validation
_ADAPTIVE_SNRS = (-5, 0, 5, 10, 15, 20)
_VALIDATION = {  # bandwidth and SNRs in dB at which the held-out pictures are sent
    ("octonary", "1/24"): (1 / 24, _ADAPTIVE_SNRS),
    ("hybrid", "1/24"): (1 / 24, _ADAPTIVE_SNRS),
    ("linear", "1/4"): (1 / 4, (0, 10, 20, 30)),
}
_QUALITIES = (144, 180, 216, 262)  # of the files that they become


def centre_crops(paths: Sequence[Path]) -> list[NDArray[np.uint8]]:
    """Centre crops of pictures, all of one size: _CROP, or if none has that what all have.

    Pictures smaller than that are left out if others are not.
    """
    pictures = []
    for path in paths:
        pictures.append(read_image(path))
    rows, columns = _CROP
    large = [p for p in pictures if p.shape[0] >= rows and p.shape[1] >= columns]
    if not large:
        rows, columns = (
            min(most, min(p.shape[axis] for p in pictures) // BLOCK * BLOCK)
            for axis, most in enumerate(_CROP)
        )
    found = []
    for pixels in large or pictures:
        top, left = (pixels.shape[0] - rows) // 2, (pixels.shape[1] - columns) // 2
        found.append(pixels[top : top + rows, left : left + columns])
    return found


def validation_labels() -> list[str]:
    """Labels such as "octonary 1/24 5 dB", in the order in which a picture is sent."""
    labels = [
        f"{codec} {cbr} {snr_db} dB"
        for (codec, cbr), (_, snrs) in _VALIDATION.items()
        for snr_db in snrs
    ]
    return labels + [f"file quality {quality}" for quality in _QUALITIES]


def send_for_validation(codecs: LinkCodecs, pixels: NDArray[np.uint8], seed: int) -> Iterator[Sent]:
    """Send a held-out picture in each way of `validation_labels`, senders knowing the SNR."""
    rng = np.random.default_rng([7, seed])
    for (codec, _), (cbr, snrs) in _VALIDATION.items():
        for snr_db in snrs:
            yield send(codecs.make(codec, True, cbr), pixels, snr_db, True, rng)
    for quality in _QUALITIES:
        yield send_file(codecs.files, pixels, quality)


def validation_rows(sent: Sequence[Sent]) -> dict[str, NDArray]:
    """Arrays of whole pictures of one size, named as those of tiles."""
    return {
        "rec": np.stack([one.estimate.astype(np.float16) for one in sent]),
        "org": np.stack([one.original for one in sent]),
        "map": np.stack([one.errors for one in sent]),
        "con": np.stack([one.statistics for one in sent]),
    }


def make_validation(paths: Sequence[Path], folder: Path, codecs: LinkCodecs) -> int:
    """Write validation.npz: centre crops of pictures, sent in each way of a list.

    Returns:
        How many pictures it holds.
    """
    crops = centre_crops(paths)
    sent = [one for i, m in enumerate(crops) for one in send_for_validation(codecs, m, i)]
    arrays: dict[str, Any] = validation_rows(sent)
    arrays["label"] = np.array(validation_labels() * len(crops))
    with atomic_write(folder / VALIDATION) as part, open(part, "wb") as sink:
        np.savez(sink, **arrays)
    return len(crops)


def make_pass(
    paths: Sequence[Path], base: Path, codecs: LinkCodecs, tiles: int, seed: int | Sequence[int]
) -> None:
    """Write the four files of one pass, base_rec.npy, _org, _map and, last, _con."""
    rng, side = np.random.default_rng(seed), TILE // BLOCK
    total = len(paths) * tiles
    shape = (total, TILE, TILE, 3)
    found = {  # the large ones are mapped into memory
        "rec": np.lib.format.open_memmap(f"{base}_rec.npy", "w+", np.float16, shape),
        "org": np.lib.format.open_memmap(f"{base}_org.npy", "w+", np.uint8, shape),
        "map": np.zeros((total, side, side, 6), np.float32),
        "con": np.zeros((total, 4), np.float32),
    }
    for count, i in enumerate(rng.permutation(len(paths))):
        sent = send_at_random(codecs, paths[i], rng)
        most = [(size - TILE) // BLOCK + 1 for size in sent.original.shape[:2]]
        corners = [(BLOCK * int(r), BLOCK * int(c)) for r, c in rng.integers(0, most, (tiles, 2))]
        cut = sent.tiles(corners)
        for name in PARTS:
            found[name][count * tiles : (count + 1) * tiles] = cut[name]
    np.save(f"{base}_map.npy", found["map"])
    np.save(f"{base}_con.npy", found["con"])

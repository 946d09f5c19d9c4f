"""Tiles for the restoration network of the linear link: pictures sent and received.

Each pass sends every training picture once (a random crop, at times reduced, mirrored or turned)
through a linear or octonary codec at a random SNR of -6 to 30 dB and a random bandwidth, and keeps
some tiles of 128 by 128: the receiver's estimate (float16), the original (uint8), the map of
expected errors (float32) and [SNR in dB, log10 of the picture's squared error, scale, condition]
(float32). Some whole pictures are held out; their middles, sent at fixed bandwidths and SNRs, are
validation.npz.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from moclink.linear.classes import ClassModel
from moclink.linear.classified_blocks import ClassifiedBlocks
from moclink.linear.codebooks import CodebookGrid
from moclink.linear.codec import Estimate, PictureCodec
from moclink.linear.octonary import OctonaryCodec
from moclink.linear.softcast import LinearCodec
from moclink.types import ChannelState
from moclink.whole_files import whole_file

TILE = 128
VALIDATION = "validation.npz"
BLOCK = 32
_CBRS = (1 / 24, 1 / 12, 1 / 4)
_CBR_SHARES = (0.7, 0.1, 0.2)
_MIDDLE = (320, 416)  # rows and columns of the pictures of validation
_VALIDATION = {  # bandwidth and SNRs in dB at which the held-out pictures are sent
    "linear 1/24": (1 / 24, (-5, 0, 5, 10, 15, 20)),
    "octonary 1/24": (1 / 24, (0, 5, 10, 15, 20)),
    "linear 1/4": (1 / 4, (0, 10, 20, 30)),
}


def random_crop(path: Path, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A crop of at most 768 by 1008, from the picture or from a reduction of it, turned at random."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    if rng.random() < 0.3 and min(picture.size) > 500:
        factor = rng.uniform(0.5, 1)
        picture = picture.resize(
            (int(picture.width * factor), int(picture.height * factor)), Image.Resampling.LANCZOS
        )
    pixels = np.asarray(picture)
    top = rng.integers(max(0, pixels.shape[0] - 768) + 1)
    left = rng.integers(max(0, pixels.shape[1] - 1008) + 1)
    pixels = pixels[top : top + 768, left : left + 1008]
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    return pixels.transpose(1, 0, 2) if rng.random() < 0.5 else pixels


def transmit(
    codec: PictureCodec,
    image: NDArray[np.float32],
    snr_db: float,
    sender_knows_snr: bool,
    rng: np.random.Generator,
) -> Estimate:
    """Send a picture [H, W, 3] over an AWGN channel and estimate it."""
    symbols, header = codec.encode(image[None], ChannelState(snr_db) if sender_knows_snr else None)
    no = 10 ** (-snr_db / 10)
    noise = rng.standard_normal((*symbols.shape, 2)) @ np.array([1, 1j]) * np.sqrt(no / 2)
    return codec.estimate(symbols + noise, no, header)


def picture_statistics(
    expected: float, snr_db: float, error: float
) -> tuple[float, float, float, float]:
    """What is kept of a picture: SNR, log10 of its error, scale, condition."""
    return snr_db, np.log10(max(error, 1e-8)), np.sqrt(expected), np.log10(expected) + 3.0


def make_validation(
    paths: Sequence[Path], folder: Path, classes: ClassModel, grid: CodebookGrid | None
) -> int:
    """Write validation.npz: the middles of pictures, sent at each bandwidth and SNR of a list.

    Returns:
        How many pictures it holds; those smaller than a middle are left out if others are not.
    """
    rng, model = np.random.default_rng(7), ClassifiedBlocks(classes)
    found: dict[str, list] = {name: [] for name in ("rec", "org", "map", "con", "label")}
    middles = _middles(paths)
    for label, (cbr, snrs) in _VALIDATION.items():
        if grid is None and label.startswith("octonary"):
            continue
        octonary = label.startswith("octonary")
        codec = OctonaryCodec(model, cbr, grid) if octonary and grid else LinearCodec(model, cbr)
        for pixels in middles:
            image = pixels.astype(np.float32) / np.float32(255)
            for snr_db in snrs:
                got = transmit(codec, image, snr_db, True, rng)
                expected = float(np.maximum(got.errors[0].sum(-1).mean() / 3, 1e-8))
                error = float(np.mean((got.images[0] - image) ** 2))
                found["rec"].append(got.images[0].astype(np.float16))
                found["org"].append(pixels)
                found["map"].append(got.errors[0])
                found["con"].append(picture_statistics(expected, snr_db, error))
                found["label"].append(f"{label} {snr_db} dB")
    found["con"] = [np.asarray(each, np.float32) for each in found["con"]]
    arrays: dict[str, Any] = {name: np.array(rows) for name, rows in found.items()}
    with whole_file(folder / VALIDATION) as part, open(part, "wb") as sink:
        np.savez(sink, **arrays)
    return len(middles)


def _middles(paths: Sequence[Path]) -> list[NDArray[np.uint8]]:
    """Middles of pictures, all of one size: _MIDDLE, or if none has that what all have."""
    pictures = []
    for path in paths:
        with Image.open(path) as opened:
            pictures.append(np.asarray(opened.convert("RGB")))
    rows, columns = _MIDDLE
    large = [p for p in pictures if p.shape[0] >= rows and p.shape[1] >= columns]
    if not large:
        rows, columns = (
            min(most, min(p.shape[axis] for p in pictures) // BLOCK * BLOCK)
            for axis, most in enumerate(_MIDDLE)
        )
    found = []
    for pixels in large or pictures:
        top, left = (pixels.shape[0] - rows) // 2, (pixels.shape[1] - columns) // 2
        found.append(pixels[top : top + rows, left : left + columns])
    return found


def make_pass(
    paths: Sequence[Path],
    base: Path,
    classes: ClassModel,
    grid: CodebookGrid | None,
    tiles: int,
    seed: int | Sequence[int],
) -> None:
    """Write the four files of one pass, base_rec.npy, _org, _map and, last, _con."""
    rng = np.random.default_rng(seed)
    total = len(paths) * tiles
    estimates = np.lib.format.open_memmap(
        f"{base}_rec.npy", "w+", np.float16, (total, TILE, TILE, 3)
    )
    originals = np.lib.format.open_memmap(f"{base}_org.npy", "w+", np.uint8, (total, TILE, TILE, 3))
    side = TILE // BLOCK
    maps, statistics = (
        np.zeros((total, side, side, 6), np.float32),
        np.zeros((total, 4), np.float32),
    )
    model = ClassifiedBlocks(classes)
    for count, i in enumerate(rng.permutation(len(paths))):
        pixels = random_crop(paths[i], rng)
        image = pixels.astype(np.float32) / np.float32(255)
        snr_db, cbr = rng.uniform(-6, 30), float(rng.choice(_CBRS, p=_CBR_SHARES))
        octonary = grid is not None and rng.random() < 0.5
        codec = OctonaryCodec(model, cbr, grid) if octonary and grid else LinearCodec(model, cbr)
        found = transmit(codec, image, snr_db, octonary or rng.random() < 0.85, rng)
        error = np.mean((found.images[0] - image) ** 2)
        expected = float(np.maximum(found.errors[0].sum(-1).mean() / 3, 1e-8))
        for tile in range(count * tiles, (count + 1) * tiles):
            row, column = (
                int(rng.integers((size - TILE) // BLOCK + 1)) for size in image.shape[:2]
            )
            top, left = row * BLOCK, column * BLOCK
            estimates[tile] = found.images[0, top : top + TILE, left : left + TILE]
            originals[tile] = pixels[top : top + TILE, left : left + TILE]
            maps[tile] = found.errors[0, row : row + side, column : column + side]
            statistics[tile] = picture_statistics(expected, snr_db, float(error))
    np.save(f"{base}_map.npy", maps)
    np.save(f"{base}_con.npy", statistics)

"""Folders of pictures -> one packed file of patches -> crops, drawn from memory.

    pictures -> [resize] -> grid of patches -> flat ones dropped -> patches.bin + patches.json
                                                                        |  memory map
                            crops [B, S, S, 3] in [0, 1], keyed by (seed, step)

A pack is two files in one folder: the pixels of all patches, uint8 RGB, end to end, and an index
with the shape, place and origin of each. Nothing in it is executed or unpickled on reading.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from moclink.atomic_files import atomic_write
from moclink.constants import LATENT_STRIDE
from moclink.images import read_image

FORMAT = "moclink-patches-1"


@dataclass(frozen=True)
class PatchOptions:
    """How pictures are cut.

    Attributes:
        size: Side of a patch in pixels (the paper's 512). A picture with a shorter side gives
            patches as long as that side.
        min_std: Patches whose luma standard deviation (0..255) is lower are dropped as flat.
        resize: (low, high) of a random factor by which each picture is shrunk first; the paper
            uses (0.5, 1.0) on FFHQ. None leaves the pictures as they are.
        resize_only: Folders whose pictures are shrunk; empty for all.
        min_side: Pictures with a shorter side than this are left out.
        seed: Seed of the resize factors.
    """

    size: int = 512
    min_std: float = 10.0
    resize: tuple[float, float] | None = None
    resize_only: tuple[str, ...] = ()
    min_side: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        for name, side in (("--size", self.size), ("--min-side", self.min_side)):
            if side < LATENT_STRIDE:
                raise ValueError(f"{name} is {side}; it must be at least {LATENT_STRIDE} pixels")
        if self.resize is not None and not 0 < self.resize[0] <= self.resize[1] <= 1:
            raise ValueError(f"--resize is {self.resize}; it must be 0 < low <= high <= 1")

    def shrinks(self, path: Path) -> bool:
        """Whether `resize` concerns this picture."""
        return not self.resize_only or any(
            path.is_relative_to(folder) for folder in self.resize_only
        )


def luma_std(patch: NDArray[np.uint8]) -> float:
    """Return the standard deviation of the BT.601 luma of a uint8 [H, W, 3] patch, on 0..255."""
    return float((patch.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)).std())


def cut(image: NDArray[np.uint8], options: PatchOptions) -> list[NDArray[np.uint8]]:
    """Cut a uint8 [H, W, 3] picture into non-overlapping patches from the top left corner.

    Returns:
        Patches [h, w, 3] with h = min(size, H) and w = min(size, W); flat ones are dropped. The
        rest at the right and bottom edge, less than one patch wide, is not used.
    """
    if min(image.shape[:2]) < options.min_side:
        return []
    height, width = (min(options.size, side) for side in image.shape[:2])
    patches = [
        image[top : top + height, left : left + width]
        for top in range(0, image.shape[0] - height + 1, height)
        for left in range(0, image.shape[1] - width + 1, width)
    ]
    return [patch for patch in patches if luma_std(patch) >= options.min_std]


def _read(path: Path, factor: float) -> NDArray[np.uint8]:
    """Read a picture as uint8 [H, W, 3], shrunk by a factor of at most 1."""
    pixels = read_image(path)
    if factor == 1:
        return pixels
    height, width = (max(1, round(side * factor)) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


@dataclass(frozen=True)
class PackCounts:
    """What became of the pictures of a pack.

    Attributes:
        pictures: Pictures that were read.
        patches: Patches that were kept.
        skipped: Pictures that gave none.
        unreadable: One line for each picture that could not be read.
    """

    pictures: int
    patches: int
    skipped: int
    unreadable: tuple[str, ...]


def make_pack(
    pictures: Sequence[Path], out: str | Path, options: PatchOptions | None = None
) -> PackCounts:
    """Cut pictures into patches and write the pack `out/patches.bin` and `out/patches.json`.

    Args:
        pictures: Picture files.
        out: Folder to write to; made if it is missing.
        options: How to cut.

    Returns:
        Counts. A picture that cannot be read is left out and named there.

    Raises:
        ValueError: If no patch is left.
    """
    options = options or PatchOptions()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([options.seed, 0x52])
    index: list[dict[str, object]] = []
    offset = skipped = 0
    unreadable: list[str] = []
    # Pixels get their name when all are written: a run that breaks off leaves no pack that looks
    # whole.
    with atomic_write(out / "patches.bin") as partial:
        with open(partial, "wb") as sink:
            for path in pictures:
                factor = (
                    rng.uniform(*options.resize)
                    if options.resize and options.shrinks(path)
                    else 1.0
                )
                try:
                    patches = cut(_read(path, factor), options)
                except ValueError as error:
                    unreadable.append(str(error))
                    continue
                skipped += not patches
                for patch in patches:
                    sink.write(np.ascontiguousarray(patch).tobytes())
                    index.append({"offset": offset, "shape": patch.shape[:2], "picture": path.name})
                    offset += patch.size
        if not index:
            raise ValueError(
                f"no patch left of {len(pictures)} pictures: {len(unreadable)} cannot be read, the others "
                f"have sides under {options.min_side} pixels (--min-side) or are flatter than a luma "
                f"standard deviation of {options.min_std} (--min-std)"
            )
    (out / "patches.json").write_text(json.dumps({"format": FORMAT, "patches": index}))
    return PackCounts(len(pictures) - len(unreadable), len(index), skipped, tuple(unreadable))


class PatchPack:
    """A pack of patches, memory-mapped: the pixels are read when first used and stay cached.

    Args:
        folder: Folder with `patches.bin` and `patches.json`, as `make_pack` writes them.

    Raises:
        ValueError: If the folder holds no pack, or one that is cut short.
    """

    def __init__(self, folder: str | Path):
        folder = Path(folder)
        try:
            index = json.loads((folder / "patches.json").read_text())
            pixels = np.memmap(folder / "patches.bin", np.uint8, "r")
            places = [(p["offset"], *p["shape"]) for p in index["patches"]]
            offset, height, width = places[-1]
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise ValueError(
                f"no pack of patches in {folder} ({error}): make one with `python -m moclink.train patches`"
            ) from error
        if index.get("format") != FORMAT:
            raise ValueError(
                f"{folder}/patches.json has format {index.get('format')!r}, not {FORMAT!r}"
            )
        self._pixels = pixels
        self.places = places  # (offset, height, width) of each patch
        if pixels.size != offset + height * width * 3:
            raise ValueError(
                f"{folder}/patches.bin has {pixels.size} bytes where the index names "
                f"{offset + height * width * 3}: it is cut short, make the pack again"
            )

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, i: int) -> NDArray[np.uint8]:
        """Return patch i, uint8 [h, w, 3], as a view of the file."""
        offset, height, width = self.places[i]
        return self._pixels[offset : offset + height * width * 3].reshape(height, width, 3)


class CropFeeder:
    """Draws batches of square crops; the batch of a step depends on (seed, step) alone.

    So a resumed run sees the data that an undisturbed one would have seen.

    Args:
        pack: The patches.
        crop: Side of a crop in pixels; patches with a shorter side are not used.
        batch: Crops in a batch.
        seed: Seed of the order, the places and the flips.
        augment: Whether crops are flipped left-right and up-down and transposed at random.

    Raises:
        ValueError: If no patch is as large as a crop.
    """

    def __init__(self, pack: PatchPack, crop: int, batch: int, seed: int = 0, augment: bool = True):
        if crop < LATENT_STRIDE or crop % LATENT_STRIDE:
            raise ValueError(
                f"--crop is {crop}; it must be a multiple of {LATENT_STRIDE} pixels, such as 96"
            )
        if batch < 1:
            raise ValueError(f"--batch is {batch}; it must be at least 1")
        self._pack, self.crop, self.batch, self.seed, self.augment = (
            pack,
            crop,
            batch,
            seed,
            augment,
        )
        areas = np.array([h * w if min(h, w) >= crop else 0 for _, h, w in pack.places], np.float64)
        if not areas.any():
            largest = max(min(h, w) for _, h, w in pack.places) // LATENT_STRIDE * LATENT_STRIDE
            raise ValueError(
                f"no patch of the pack is as large as a crop of {crop} pixels; give --crop {largest} or less"
            )
        self._odds = areas / areas.sum()

    def __call__(self, step: int) -> NDArray[np.float32]:
        """Return the crops of a step, float32 [B, S, S, 3] in [0, 1]."""
        rng = np.random.default_rng([self.seed, step, 0x43])
        out = np.empty((self.batch, self.crop, self.crop, 3), np.uint8)
        for slot, i in enumerate(rng.choice(len(self._pack), self.batch, p=self._odds)):
            patch = self._pack[int(i)]
            top, left = (int(rng.integers(side - self.crop + 1)) for side in patch.shape[:2])
            crop = patch[top : top + self.crop, left : left + self.crop]
            if self.augment:
                flips = rng.integers(2, size=3)
                crop = crop[:: 1 - 2 * flips[0], :: 1 - 2 * flips[1]]
                crop = crop.transpose(1, 0, 2) if flips[2] else crop
            out[slot] = crop
        return out.astype(np.float32) / np.float32(255)

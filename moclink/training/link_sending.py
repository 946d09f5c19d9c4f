"""Training data of the restoration network: pictures sent at random SNRs and bandwidths.

A crop of a picture, at times reduced, mirrored or turned, goes through a linear, octonary or hybrid
codec at a random SNR of -6 to 31 dB and a random bandwidth, some senders not told the SNR, or
becomes a file of a random quality. What arrived is cut into tiles of 128 by 128.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from moclink.linear.analog_code import with_analog
from moclink.linear.block_sizes import BlocksOfSeveralSizes
from moclink.linear.classes import ClassModel
from moclink.linear.classified_blocks import ClassifiedBlocks
from moclink.linear.codebooks import CodebookGrid
from moclink.linear.codec import Estimate, PictureCodec
from moclink.linear.entropy_coded import EntropyCodedBlocks
from moclink.linear.octonary import OctonaryCodec
from moclink.linear.softcast import LinearCodec
from moclink.snr import noise_variance
from moclink.training.picture_crops import read_rgb
from moclink.types import ChannelState

TILE = 128
BLOCK = 32
PARTS = ("rec", "org", "map", "con")
CODECS = ("octonary", "hybrid", "linear")
_CODEC_SHARES = (0.4, 0.35, 0.25)
_CBRS = (1 / 96, 1 / 48, 1 / 24, 1 / 12, 1 / 4)
_CBR_SHARES = (0.04, 0.06, 0.65, 0.1, 0.15)
_FILES = 0.25  # share of pictures that become files, without a channel
_QUALITIES = (96, 320)
_NOT_TOLD = 0.12  # share of senders that do not know the SNR
_HIGH_SNR = 0.2  # share of SNRs in 20..31 dB; the others are in -6..20
_LARGEST_CROP = (768, 1008)


@dataclass(frozen=True)
class LinkCodecs:
    """The codecs of the adaptive and robust chains, and of the lapped files.

    Attributes:
        blocks: Source model.
        grids: Octonary codebooks by whether the sender knows the SNR.
        files: Entropy-coded blocks.
    """

    blocks: BlocksOfSeveralSizes | ClassifiedBlocks
    grids: dict[bool, CodebookGrid]
    files: EntropyCodedBlocks

    @classmethod
    def load(
        cls, classes: str | Path | None = None, codebooks: str | Path = "octonary-codebooks"
    ) -> LinkCodecs:
        """Read tables by name or path.

        Args:
            classes: Of blocks of one size; None takes the shipped ones of several sizes.
            codebooks: For senders that know the SNR; the others use octonary-codebooks-robust.

        Raises:
            ValueError: If there is no such table, or it is damaged.
        """
        blocks = (
            BlocksOfSeveralSizes.load()
            if classes is None
            else ClassifiedBlocks(ClassModel.load(classes))
        )
        robust = CodebookGrid.load("octonary-codebooks-robust")
        grids = {True: CodebookGrid.load(codebooks), False: robust}
        return cls(blocks, grids, EntropyCodedBlocks.load())

    def make(self, codec: str, sender_knows_snr: bool, cbr: float) -> PictureCodec:
        """A codec by name, one of CODECS."""
        if codec == "linear":
            return LinearCodec(self.blocks, cbr, laplacian=not sender_knows_snr)
        grid = self.grids[sender_knows_snr]
        return OctonaryCodec(self.blocks, cbr, with_analog(grid) if codec == "hybrid" else grid)

    def digest(self) -> str:
        """SHA-256 of the tables."""
        blocks = self.blocks
        models = blocks.models if isinstance(blocks, BlocksOfSeveralSizes) else (blocks,)
        tables = [np.asarray(model.classes.variances).tobytes() for model in models]
        tables += [grid.distortions.tobytes() for grid in self.grids.values()]
        tables += [one.probabilities.tobytes() for one in self.files.statistics]
        return hashlib.sha256(b"".join(tables)).hexdigest()


@dataclass(frozen=True)
class Sent:
    """A picture and what arrived of it.

    Attributes:
        original: uint8 [H, W, 3].
        estimate: float32 [H, W, 3], the receiver's.
        errors: float32 [H / 32, W / 32, 6], see `Estimate`.
        statistics: float32 [4]: SNR in dB, log10 of the picture's squared error, root of the expected
            squared error, and condition (see `restoration.conditions`).
    """

    original: NDArray[np.uint8]
    estimate: NDArray[np.float32]
    errors: NDArray[np.float32]
    statistics: NDArray[np.float32]

    def tiles(self, corners: Sequence[tuple[int, int]]) -> dict[str, NDArray]:
        """Tiles with these corners (multiples of 32).

        Returns:
            rec float16 and org uint8 [N, 128, 128, 3], map float32 [N, 4, 4, 6], con float32 [N, 4].
        """

        def cut(array: NDArray, unit: int) -> NDArray:
            side = TILE // unit
            return np.stack(
                [array[t // unit :, left // unit :][:side, :side] for t, left in corners]
            )

        return {
            "rec": cut(self.estimate, 1).astype(np.float16),
            "org": cut(self.original, 1),
            "map": cut(self.errors, BLOCK).astype(np.float32),
            "con": np.repeat(self.statistics[None], len(corners), axis=0),
        }


def read_augmented_crop(path: Path, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A crop of at most 768 by 1008, from the picture or from a reduction of it, turned at random."""
    picture = read_rgb(path)
    if rng.random() < 0.3 and min(picture.size) > 500:
        factor = rng.uniform(0.5, 1)
        picture = picture.resize(
            (int(picture.width * factor), int(picture.height * factor)), Image.Resampling.LANCZOS
        )
    pixels, (rows, columns) = np.asarray(picture), _LARGEST_CROP
    top = rng.integers(max(0, pixels.shape[0] - rows) + 1)
    left = rng.integers(max(0, pixels.shape[1] - columns) + 1)
    pixels = pixels[top : top + rows, left : left + columns]
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    return pixels.transpose(1, 0, 2) if rng.random() < 0.5 else pixels


def send(
    codec: PictureCodec,
    pixels: NDArray[np.uint8],
    snr_db: float,
    sender_knows_snr: bool,
    rng: np.random.Generator,
) -> Sent:
    """Send a picture uint8 [H, W, 3] over an AWGN channel."""
    image = pixels.astype(np.float32) / np.float32(255)
    symbols, header = codec.encode(image[None], ChannelState(snr_db) if sender_knows_snr else None)
    no = noise_variance(snr_db)
    noise = rng.standard_normal((*symbols.shape, 2)) @ np.array([1, 1j]) * np.sqrt(no / 2)
    return _sent(pixels, image, codec.estimate(symbols + noise, no, header))


def send_file(files: EntropyCodedBlocks, pixels: NDArray[np.uint8], quality: int) -> Sent:
    """Code a picture uint8 [H, W, 3] as a file, and decode it."""
    image = pixels.astype(np.float32) / np.float32(255)
    data = files.encode(files.analyse(image), image.shape[0], image.shape[1], quality)
    return _sent(pixels, image, files.decode(data, image.size))


def _sent(pixels: NDArray[np.uint8], image: NDArray[np.float32], found: Estimate) -> Sent:
    error = float(np.mean((found.images[0] - image) ** 2))
    expected = float(np.maximum(found.errors[0].sum(-1).mean() / 3, 1e-8))
    statistics = (
        float(found.snr_db[0]),
        np.log10(max(error, 1e-8)),
        np.sqrt(expected),
        np.log10(expected) + 3.0,
    )
    return Sent(pixels, found.images[0], found.errors[0], np.array(statistics, np.float32))


def send_at_random(codecs: LinkCodecs, path: Path, rng: np.random.Generator) -> Sent:
    """Send a random crop of a picture by a random codec at a random SNR and bandwidth, or as a file."""
    pixels = read_augmented_crop(path, rng)
    if rng.random() < _FILES:
        return send_file(codecs.files, pixels, int(rng.integers(*_QUALITIES)))
    snr_db = rng.uniform(20, 31) if rng.random() < _HIGH_SNR else rng.uniform(-6, 20)
    cbr, sender_knows_snr = float(rng.choice(_CBRS, p=_CBR_SHARES)), rng.random() >= _NOT_TOLD
    codec = codecs.make(str(rng.choice(CODECS, p=_CODEC_SHARES)), sender_knows_snr, cbr)
    return send(codec, pixels, snr_db, sender_knows_snr, rng)

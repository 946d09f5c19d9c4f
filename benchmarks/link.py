"""PSNR of linear and octonary codecs over AWGN: python -m benchmarks.link PICTURES --codec hybrid --out FILE.

Takes a centre crop of 768 by 1008 of each picture, sends it at each Es/N0 and writes PSNR, the header's
share and the mean energy for each picture as JSON. docs/adaptive-codecs.md has the tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moclink.images import find_images, read_image
from moclink.linear.analog_code import with_analog
from moclink.linear.block_sizes import BlocksOfSeveralSizes
from moclink.linear.codebooks import CodebookGrid
from moclink.linear.codec import Estimate, PictureCodec
from moclink.linear.octonary import OctonaryCodec
from moclink.linear.restoration import Restoration
from moclink.linear.softcast import LinearCodec
from moclink.linear.whole_picture import WholePictureBands
from moclink.option_parser import Parser
from moclink.types import ChannelState

CODECS = ("softcast", "linear", "octonary", "hybrid")


def make(name: str, cbr: float) -> PictureCodec:
    """The codec of a name."""
    if name == "softcast":
        return LinearCodec(WholePictureBands(), cbr)
    model = BlocksOfSeveralSizes.load()
    if name == "linear":
        return LinearCodec(model, cbr, laplacian=True)
    grid = CodebookGrid.load()
    return OctonaryCodec(model, cbr, with_analog(grid) if name == "hybrid" else grid)


def centre_crop(path: Path) -> NDArray[np.float32]:
    """The centre crop of a picture, float32 [at most 768, at most 1008, 3]."""
    pixels = read_image(path)
    top, left = max(0, (pixels.shape[0] - 768) // 2), max(0, (pixels.shape[1] - 1008) // 2)
    return pixels[top : top + 768, left : left + 1008].astype(np.float32) / np.float32(255)


def without(estimate: Estimate) -> NDArray[np.float32]:
    """No network."""
    return estimate.images


def measure(
    codec: PictureCodec,
    image: NDArray[np.float32],
    snr_db: float,
    sender_knows_snr: bool,
    rng: np.random.Generator,
    restore: Callable[[Estimate], NDArray[np.float32]],
) -> list[float]:
    """[PSNR in dB, share of symbols that are the header's, mean energy of a symbol]."""
    symbols, header = codec.encode(image[None], ChannelState(snr_db) if sender_knows_snr else None)
    no = 10 ** (-snr_db / 10)
    noise = (
        rng.standard_normal(symbols.shape) + 1j * rng.standard_normal(symbols.shape)
    ) * np.sqrt(no / 2)
    found = restore(codec.estimate(symbols + noise, no, header))[0]
    psnr = -10 * np.log10(np.mean((found - image) ** 2))
    return [float(psnr), header.symbols[0] / symbols.shape[1], float(np.mean(np.abs(symbols) ** 2))]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the module."""
    parser = Parser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("inputs", nargs="+", help="pictures or folders of them")
    parser.add_argument("--codec", choices=CODECS, required=True)
    parser.add_argument("--cbr", type=Fraction, default=Fraction(1, 24))
    parser.add_argument("--snr", type=float, nargs="+", default=[-5, 0, 5, 10, 15, 20, 25, 30])
    parser.add_argument("--not-told", action="store_true", help="the sender does not know the SNR")
    parser.add_argument("--restoration", help="name or path of a network behind the codec")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    codec, rng = make(options.codec, float(options.cbr)), np.random.default_rng(0)
    restore = Restoration.load(options.restoration) if options.restoration else without
    pictures = {
        path.stem: [
            measure(codec, centre_crop(path), snr, not options.not_told, rng, restore)
            for snr in options.snr
        ]
        for path in find_images(options.inputs)
    }
    means = np.mean([np.array(rows)[:, 0] for rows in pictures.values()], axis=0)
    print(options.codec, options.cbr, np.round(means, 2).tolist(), flush=True)
    results = {
        "codec": options.codec,
        "cbr": str(options.cbr),
        "told": not options.not_told,
        "snr_db": options.snr,
    }
    results |= {
        "restoration": options.restoration,
        "columns": ["psnr_db", "header_share", "energy"],
        "pictures": pictures,
    }
    options.out.write_text(json.dumps(results) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

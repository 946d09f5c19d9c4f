"""How pictures look at equal bits: python -m benchmarks.perceptual --images PHOTOS [CHAIN...].

For each chain, JPEG and BPG, the files fitted to the bits of the semantic codec at L1, L2, L3 and
L4: PSNR, SSIM, LPIPS with AlexNet and VGG, and ST-LPIPS with AlexNet, of what is received without
noise, the mean over pictures. Centre crops of the pictures, as ST-LPIPS takes some six seconds a
megapixel and core. (LPIPS with VGG is what the shipped perceptual codec was not trained for.)
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine_line
from moclink import metrics
from moclink.chain import DigitalChain
from moclink.chain_factory import make_chain
from moclink.images import find_images, read_pictures, to_float
from moclink.option_parser import Parser
from moclink.perceptual.pretrained import WeightsUnavailable
from moclink.phy.modems import BitModem
from moclink.presets import LEVELS
from moclink.protocols import Chain
from moclink.results.intervals import half_width
from moclink.sources.bpg_files import BPG
from moclink.sources.file_source import FileSource
from moclink.sources.pillow_codecs import JPEG
from moclink.sources.rate import semantic_bits

RESULTS = Path(__file__).parent / "results"
NO = 1e-4  # noise variance that receivers are told: 40 dB, at which no index is wrong
COLUMNS = ("PSNR", "SSIM", "LPIPS", "LPIPS VGG", "ST-LPIPS")


def centre_crop(image: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """The centre crop of an image, at most `side` pixels a side, in blocks of 8x8: float32 [1, H, W, 3]."""
    height, width = (min(side, n) // 8 * 8 for n in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return to_float(image[top : top + height, left : left + width])[None]


def without_noise(chain: Chain, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Send and receive over a channel that adds nothing."""
    sent = chain.transmit(images)
    return chain.receive(sent.symbols, np.full(len(images), NO, np.float32), sent.header).images


def contestants(families: Sequence[str]) -> Iterator[tuple[str, int, Chain]]:
    """(name, level, chain) of all that is compared."""
    modem = BitModem(6)
    for level in LEVELS:
        for codec in (JPEG, BPG):
            source = FileSource(codec, partial(semantic_bits, levels=level))
            yield codec.name, level, DigitalChain(codec.name, source, modem)
        for family in families:
            name = f"{family}:l{level}" if "/" in family else f"{family}-l{level}"
            yield family, level, make_chain(name)


def score(
    decoded: NDArray[np.float32], reference: NDArray[np.float32], networks: dict
) -> list[float]:
    """The columns' values for one image."""
    return [
        float(metrics.psnr(decoded, reference)[0]),
        float(metrics.ssim(decoded, reference)[0]),
        float(metrics.lpips(decoded, reference, networks=networks)[0]),
        float(metrics.lpips(decoded, reference, net="vgg", networks=networks)[0]),
        float(metrics.st_lpips(decoded, reference, networks=networks)[0]),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table and store it; status 2 with one line if a file or weights are missing."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "chains", nargs="*", default=["moc-rvq", "moc-rvq-perceptual"], help="without level"
    )
    parser.add_argument(
        "--images", action="append", required=True, metavar="PATH", help="file or folder"
    )
    parser.add_argument(
        "--side", type=int, default=512, help="of the centre crop (default %(default)s)"
    )
    parser.add_argument("--out", default=str(RESULTS / f"perceptual-{date.today()}.json"))
    args = parser.parse_args(argv)
    try:
        return _measure(args)
    except (ValueError, WeightsUnavailable) as error:
        print(f"moclink: {error}", file=sys.stderr)
        return 2


def _measure(args: argparse.Namespace) -> int:
    machine = machine_line()
    images = [
        centre_crop(picture.pixels, args.side)
        for picture in read_pictures(find_images(args.images))
    ]
    rows, networks = {}, {}
    print(f"{'':28}" + "".join(f"{column:>11}" for column in COLUMNS))
    for name, level, chain in contestants(args.chains):
        scores = np.array([score(without_noise(chain, image), image, networks) for image in images])
        mean, half = scores.mean(axis=0), [round(half_width(column), 4) for column in scores.T]
        rows[f"{name} L{level}"] = {"mean": mean.round(4).tolist(), "ci95_half_width": half}
        print(
            f"{name + f', bits of L{level}':28}" + "".join(f"{value:11.4f}" for value in mean),
            flush=True,
        )
    record = {
        "date": date.today().isoformat(),
        "machine": machine,
        "pictures": len(images),
        "side": args.side,
        "columns": COLUMNS,
        "rows": rows,
    }
    Path(args.out).write_text(json.dumps(record, indent=1) + "\n")
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())

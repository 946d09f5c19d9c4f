"""The BPG codec against JPEG, WebP and AVIF (Pillow) in one run, and against the reference encoder's files.

    python -m benchmarks.bpg [PICTURE ...]

Four tables go into one result file:

- `curves`: bytes, PSNR (over R, G and B) and CPU seconds of every codec, quality and picture;
- `rate_at_equal_psnr`: the mean over the pictures of the rate against JPEG's, itself the mean of
  the log rate over the PSNR that both reach (1 is JPEG's rate, 0.5 half of it);
- `reference`: our size at the PSNR of each of the reference encoder's files in tests/refs/bpg;
- `two_k`: CPU seconds of the parts of the codec on one 2040 x 1400 picture, and of a rate fit by
  bisection.

Times are CPU seconds of this process, so that other load disturbs them less; Pillow's AVIF encoder
is held to one thread, as ours is.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.machine import machine_line
from moclink import bpg
from moclink.bpg import color
from moclink.bpg.chroma import upsample
from moclink.images import read_image, sample_paths
from moclink.option_parser import Parser
from moclink.sources.rate import fit_quality, semantic_bits

ROOT = Path(__file__).parents[1]
Pixels = NDArray[np.uint8]
# name: (source, chroma, qp) of the reference encoder's files.
REFERENCE_FILES = {
    "astronaut-256x256-420-qp29": ("astronaut-256x256", "420", 29),
    "astronaut-256x256-444-qp20": ("astronaut-256x256", "444", 20),
    "coffee-250x187-420-qp20": ("coffee-250x187", "420", 20),
    "coffee-250x187-444-qp40": ("coffee-250x187", "444", 40),
    "chelsea-64x64-420-qp40": ("chelsea-64x64", "420", 40),
    "chelsea-64x64-444-qp29": ("chelsea-64x64", "444", 29),
    "coffee-250x187-gray-qp29": ("coffee-250x187-gray", "gray", 29),
}


@dataclass(frozen=True)
class Codec:
    """A file codec under test.

    Attributes:
        name: Name in the result.
        qualities: Its quality parameters, from the finest to the coarsest.
        encode: (uint8 [H, W, 3], quality) -> file.
        decode: File -> uint8 [H, W, 3].
    """

    name: str
    qualities: Sequence[int]
    encode: Callable[[Pixels, int], bytes]
    decode: Callable[[bytes], Pixels]


@dataclass(frozen=True)
class Point:
    """One codec at one quality on one picture.

    Attributes:
        picture: Name of the picture.
        codec: Name of the codec.
        quality: The codec's quality parameter.
        file_bytes: Size of the file.
        psnr_db: PSNR over R, G and B.
        encode_s: CPU seconds to encode.
        decode_s: CPU seconds to decode.
    """

    picture: str
    codec: str
    quality: int
    file_bytes: int
    psnr_db: float
    encode_s: float
    decode_s: float


def of_bpg(chroma: str, preset: str) -> Codec:
    """Return our codec with one chroma format and preset."""
    return Codec(
        f"bpg-{chroma}-{preset}",
        (16, 22, 28, 34, 40),
        lambda image, qp: bpg.encode(image, qp, chroma, preset),
        bpg.decode,
    )


def of_pillow(name: str, qualities: Sequence[int], **options: object) -> Codec:
    """Return one of Pillow's codecs."""

    def encode(image: Pixels, quality: int) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, name, quality=quality, **options)
        return buffer.getvalue()

    def decode(data: bytes) -> Pixels:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))

    return Codec(f"{name}-pillow", qualities, encode, decode)


CODECS = (
    of_pillow("jpeg", (95, 85, 65, 40, 20, 10, 5), optimize=True),
    of_pillow("webp", (95, 85, 65, 40, 20, 5), method=6),
    of_pillow("avif", (90, 75, 60, 45, 30, 15), speed=6, max_threads=1),
    of_bpg("420", "slow"),
    of_bpg("444", "slow"),
    of_bpg("420", "medium"),
    of_bpg("420", "ultrafast"),
)


def psnr(one: Pixels, other: Pixels) -> float:
    """PSNR in dB over all channels of two uint8 pictures."""
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def cpu_seconds(call: Callable[[], object], repeats: int = 1) -> float:
    """CPU seconds of the fastest of some calls."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def measure(codec: Codec, name: str, image: Pixels) -> list[Point]:
    """Run one codec over its qualities on one picture."""
    points = []
    for quality in codec.qualities:
        start = time.process_time()
        data = codec.encode(image, quality)
        encode_s = time.process_time() - start
        decode_s = cpu_seconds(lambda data=data: codec.decode(data), 3)
        quality_db = round(psnr(codec.decode(data), image), 3)
        points.append(
            Point(
                name,
                codec.name,
                quality,
                len(data),
                quality_db,
                round(encode_s, 4),
                round(decode_s, 4),
            )
        )
    return points


def relative_rate(points: list[Point], baseline: list[Point]) -> float:
    """Return the geometric mean of rate / baseline rate over the PSNR that both curves reach."""
    curves = [
        (np.array([p.psnr_db for p in curve[::-1]]), np.log([p.file_bytes for p in curve[::-1]]))
        for curve in (points, baseline)
    ]
    lowest, highest = (
        max(quality[0] for quality, _ in curves),
        min(quality[-1] for quality, _ in curves),
    )
    grid = np.linspace(lowest, highest, 200)
    ours, theirs = (np.interp(grid, quality, log_size) for quality, log_size in curves)
    return float(np.exp(np.mean(ours - theirs)))


def against_reference() -> list[dict]:
    """Compare sizes at the PSNR of the reference encoder's files."""
    refs = ROOT / "tests" / "refs" / "bpg"
    rows = []
    for name, (source, chroma, qp) in REFERENCE_FILES.items():
        image, theirs = read_image(refs / f"{source}.png"), (refs / f"{name}.bpg").read_bytes()
        target = psnr(bpg.decode(theirs), image)
        files = [bpg.encode(image, q, chroma) for q in range(qp + 4, qp - 3, -1)]
        qualities = [psnr(bpg.decode(data), image) for data in files]
        size = float(np.exp(np.interp(target, qualities, np.log([len(data) for data in files]))))
        rows.append(
            {
                "file": name,
                "psnr_db": round(target, 2),
                "bytes": len(theirs),
                "our_bytes": round(size),
                "percent": round(100 * (size / len(theirs) - 1), 2),
            }
        )
    return rows


def mosaic(images: list[Pixels], height: int, width: int) -> Pixels:
    """Tile pictures, flipped in turn, into one of the given size: detail stays as fine as in a photograph."""
    tile_height, tile_width = (min(image.shape[axis] for image in images) for axis in (0, 1))
    tiles = [image[:tile_height, :tile_width] for image in images]
    tiles += [tile[::-1, ::-1] for tile in tiles]
    rows, columns = -(-height // tile_height), -(-width // tile_width)
    lines = [
        [tiles[(row * columns + column) % len(tiles)] for column in range(columns)]
        for row in range(rows)
    ]
    return np.concatenate([np.concatenate(line, 1) for line in lines])[:height, :width]


def two_k(image: Pixels) -> dict:
    """Time the parts of the codec on one large picture, and a rate fit."""
    height, width = image.shape[:2]
    planes = color.to_planes(image, "420")
    full = planes[:1] + [upsample(plane, height, width) for plane in planes[1:]]
    result: dict = {
        "pixels": height * width,
        "rgb_to_420_s": cpu_seconds(lambda: color.to_planes(image, "420"), 3),
        "upsample_s": cpu_seconds(
            lambda: [upsample(plane, height, width) for plane in planes[1:]], 3
        ),
        "to_rgb_s": cpu_seconds(lambda: color.to_rgb(full, "ycbcr-bt601", False), 3),
        "encode_s": {},
        "decode_s": {},
    }
    for qp in (20, 29, 40):
        data = bpg.encode(image, qp)
        result["encode_s"][f"slow qp {qp}"] = cpu_seconds(lambda qp=qp: bpg.encode(image, qp))
        result["decode_s"][f"qp {qp}"] = cpu_seconds(lambda data=data: bpg.decode(data), 3)
    for preset in ("ultrafast", "medium"):
        result["encode_s"][f"{preset} qp 29"] = cpu_seconds(
            lambda p=preset: bpg.encode(image, 29, preset=p)
        )
    calls: list[int] = []

    def encode(qp: int) -> bytes:
        calls.append(qp)
        return bpg.encode(image, qp)

    start = time.process_time()
    _, fit = fit_quality("bpg", encode, range(bpg.MAX_QP, -1, -1), semantic_bits(height, width))
    result["fit"] = asdict(fit) | {"encodings": calls, "cpu_s": time.process_time() - start}
    return result


def main(arguments: list[str] | None = None) -> None:
    """Run all tables and write the result file."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "pictures", nargs="*", type=Path, help="pictures (default: moclink's samples)"
    )
    default = ROOT / "benchmarks" / "results" / f"bpg-{date.today().isoformat()}.json"
    parser.add_argument(
        "--out", type=Path, default=default, help=f"result file (default: {default.name})"
    )
    options = parser.parse_args(arguments)
    paths = options.pictures or sample_paths()
    images = {path.stem: read_image(path) for path in paths}
    curves = {
        name: {codec.name: measure(codec, name, image) for codec in CODECS}
        for name, image in images.items()
    }
    baseline = CODECS[0].name
    relative = {
        codec.name: float(
            np.mean([relative_rate(of[codec.name], of[baseline]) for of in curves.values()])
        )
        for codec in CODECS
    }
    record = {
        "command": "python -m benchmarks.bpg",
        "date": date.today().isoformat(),
        "machine": machine_line(),
        "versions": {name: version(name) for name in ("av", "pillow", "numpy")},
        "pictures": {name: list(image.shape) for name, image in images.items()},
        "rate_at_equal_psnr": {name: round(value, 4) for name, value in relative.items()},
        "reference": against_reference(),
        "two_k": two_k(mosaic(list(images.values()), 1400, 2040)),
        "curves": [
            asdict(point) for of in curves.values() for points in of.values() for point in points
        ],
    }
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps({key: value for key, value in record.items() if key != "curves"}, indent=1))
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()

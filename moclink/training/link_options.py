"""The options of `link` and its tables' commands, `link-...`; loads no framework."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

OBJECTIVES = ("mse", "perceptual")
NETWORKS = ("standard", "large", "toy")  # see `moclink.linear.restoration`
# Weights at 10 dB of the perceptual objective, unless others are given.
PATTERN = 30.0
PERCEPTUAL = {"lpips_alex": 1.0, "lpips_vgg": 0.0, "st_lpips": 0.0}


def seed(text: str) -> int:
    """Read a seed, which NumPy and the frameworks take.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 0 to 4294967295")
    return number


def _whole(name: str) -> Callable[[str], int]:
    """The type of an option that takes a whole number."""
    return seed if name == "seed" else int


def add_link(stages: Any) -> None:
    """Add the stages of the linear link to a parser's stages."""
    from moclink.training.stage_options import add_plan

    link = stages.add_parser("link", help="restoration network of the linear and octonary codecs")
    link.add_argument(
        "pictures",
        nargs="*",
        help="folders of images, or files, to make tiles of, unless there are tiles",
    )
    add_plan(link, batch=6, rate=1e-3, steps=20_000)
    _add_tiles(link)
    _add_loss(link)
    link.add_argument(
        "--start", metavar="WEIGHTS", help="trained network to start from, by name or path"
    )
    link.add_argument(
        "--network",
        choices=NETWORKS,
        default="standard",
        help="size, without --start (default %(default)s)",
    )
    _add_gpu(stages)
    _add_classes(stages)
    _add_codebooks(stages)
    _add_coefficients(stages)


def _add_gpu(stages: Any) -> None:
    """Options of `link-gpu`: the same network on a GPU that is available for some minutes."""
    gpu = stages.add_parser("link-gpu", help="the same in some minutes on a GPU (Keras on JAX)")
    gpu.set_defaults(backend="jax")
    gpu.add_argument("pictures", nargs="+", help="folders of images, or files")
    gpu.add_argument("--out", required=True, help="folder of the run")
    for name, default, what in (
        ("minutes", 7.0, "time of the whole command"),
        ("learning-rate", 2e-3, "peak learning rate"),
        ("keep", 0.999, "decay of the moving averages of weights"),
    ):
        gpu.add_argument(
            f"--{name}", type=float, default=default, help=f"{what} (default %(default)s)"
        )
    for name, default, what in (
        ("steps", 10**9, "most training steps"),
        ("workers", 15, "processes that make tiles"),
        ("batch", 64, "tiles per step"),
        ("capacity", 200_704, "tiles that are kept on the device"),
        ("first", 4096, "tiles to wait for before the first step"),
        ("steps-per-call", 25, "steps per compiled call"),
        ("seed", 0, "seed of all random numbers"),
    ):
        gpu.add_argument(
            f"--{name}", type=_whole(name), default=default, help=f"{what} (default %(default)s)"
        )
    gpu.add_argument("--hold-out", type=int, help="images for validation (default: at most 12)")
    gpu.add_argument(
        "--network",
        choices=NETWORKS,
        default="large",
        help="its size (default %(default)s)",
    )
    gpu.add_argument("--resume", metavar="FILE", help="average.npz of an earlier run")
    _add_loss(gpu)


def _add_tiles(link: argparse.ArgumentParser) -> None:
    link.add_argument("--data", help="folder of the tiles (default: OUT/tiles)")
    link.add_argument(
        "--passes", type=int, default=6, help="times each image is sent (default %(default)s)"
    )
    link.add_argument(
        "--tiles", type=int, default=12, help="tiles of each image and pass (default %(default)s)"
    )
    link.add_argument(
        "--hold-out", type=int, help="images for validation (default: a fifth, at most 12)"
    )
    link.add_argument(
        "--classes", help="block classes, by name or path (default: those of 16, 32 and 64)"
    )
    link.add_argument(
        "--codebooks",
        default="octonary-codebooks",
        help="name or path of codebooks (default %(default)s)",
    )
    link.add_argument(
        "--workers", type=int, default=1, help="processes that make tiles (default %(default)s)"
    )


def _add_loss(link: argparse.ArgumentParser) -> None:
    link.add_argument(
        "--objective",
        choices=OBJECTIVES,
        default="mse",
        help="what is minimised (default %(default)s)",
    )
    for name, what in (
        ("lpips-alex", "LPIPS with AlexNet"),
        ("lpips-vgg", "LPIPS with VGG-16"),
        ("st-lpips", "ST-LPIPS"),
    ):
        default = PERCEPTUAL[name.replace("-", "_")]
        link.add_argument(
            f"--{name}",
            type=float,
            metavar="WEIGHT",
            help=f"weight of {what} at 10 dB, that of the squared error being 1 (default {default:g})",
        )
    link.add_argument(
        "--slope",
        type=float,
        default=1.5,
        help="factor of these weights for 10 dB less SNR (default %(default)s)",
    )
    link.add_argument(
        "--pattern",
        type=float,
        metavar="WEIGHT",
        help=f"weight of errors that repeat every 8 pixels (default {PATTERN:g}, with mse 0)",
    )
    link.add_argument(
        "--costly-tiles",
        type=int,
        default=2,
        help="tiles of a step that VGG-16 and ST-LPIPS see (default %(default)s)",
    )
    for net in ("alex", "vgg"):
        link.add_argument(
            f"--{net}-file", metavar="FILE", help=f"weights of LPIPS's backbone {net}"
        )
    link.add_argument("--st-lpips-file", metavar="FILE", help="weights of ST-LPIPS")


def _add_classes(stages: Any) -> None:
    """Options of `link-classes`: block classes of the linear link."""
    classes = stages.add_parser(
        "link-classes", help="block classes of the linear and octonary codecs"
    )
    classes.add_argument("pictures", nargs="+", help="training images or folders of them")
    classes.add_argument("--exclude", nargs="*", default=[], help="names of images to leave out")
    classes.add_argument("--out", required=True, help="path of the .npz to write")
    for name, default, what in (
        ("block", 32, "side of a block, pixels"),
        ("overlap", 8, "overlap of neighbouring blocks, pixels"),
        ("classes", 64, "number of classes"),
        ("rounds", 20, "rounds of the estimation"),
        ("seed", 0, "seed of crops and first classes"),
    ):
        classes.add_argument(
            f"--{name}", type=_whole(name), default=default, help=f"{what} (default %(default)s)"
        )
    classes.add_argument(
        "--floor",
        type=float,
        default=5e-4,
        help="distortion per coefficient that classes are made for (default %(default)s)",
    )


def _add_coefficients(stages: Any) -> None:
    """Options of `link-coefficients`: statistics of the entropy-coded blocks."""
    coefficients = stages.add_parser(
        "link-coefficients", help="statistics of the quantised coefficients of lapped files"
    )
    coefficients.add_argument("pictures", nargs="+", help="training images or folders of them")
    coefficients.add_argument("--out", required=True, help="path of the .npz to write")
    coefficients.add_argument(
        "--count", type=int, default=24, help="images that are used (default %(default)s)"
    )
    coefficients.add_argument(
        "--seed", type=seed, default=0, help="seed of images and crops (default %(default)s)"
    )


def _add_codebooks(stages: Any) -> None:
    """Options of `link-codebooks`: octonary codebooks of the linear link."""
    codebooks = stages.add_parser("link-codebooks", help="codebooks of the octonary codec")
    codebooks.add_argument("--out", required=True, help="path of the .npz to write")
    codebooks.add_argument(
        "--only", type=int, help="number of the only shape to design (default: all)"
    )
    codebooks.add_argument(
        "--robust-of",
        metavar="GRID",
        help="choose the best codebooks of this grid for a sender that is not told the SNR",
    )
    codebooks.add_argument(
        "--snr",
        nargs=3,
        type=float,
        default=(-12.5, 40.0, 2.5),
        metavar=("FIRST", "LAST", "STEP"),
        help="Es/N0 of the grid, dB (default %(default)s)",
    )
    source = "distribution of the coefficients (default %(default)s)"
    codebooks.add_argument(
        "--source", choices=("laplacian", "gaussian"), default="laplacian", help=source
    )
    codebooks.add_argument(
        "--rounds",
        type=int,
        default=12,
        help="rounds for several coefficients (default %(default)s)",
    )
    codebooks.add_argument(
        "--scalar-rounds",
        type=int,
        default=60,
        help="rounds for one coefficient (default %(default)s)",
    )

"""The options of `python -m moclink.train`, stage by stage; loads no framework."""

from __future__ import annotations

import argparse
import importlib.util
import os
from typing import Any

from moclink.constants import BACKENDS
from moclink.option_parser import Parser
from moclink.training.channel_options import add_channel
from moclink.training.link_options import add_link, seed
from moclink.training.stage_options import (
    SIZES,
    add_backend,
    add_data,
    add_jscc,
    add_stage1,
    add_stage2,
)


def _add_patches(stages: Any) -> None:
    """Options of `patches`: pictures to packed patches."""
    patches = stages.add_parser("patches", help="images -> packed patches")
    patches.add_argument("pictures", nargs="+", help="folders of images, or image files")
    patches.add_argument("--out", required=True, help="folder to write to")
    patches.add_argument(
        "--size", type=int, default=512, help="side of a patch (default %(default)s)"
    )
    patches.add_argument(
        "--min-std",
        type=float,
        default=10.0,
        help="drop patches whose luma has a lower standard deviation (default %(default)s of 255)",
    )
    patches.add_argument(
        "--resize",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="shrink each image by a random factor",
    )
    patches.add_argument(
        "--resize-only",
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="apply --resize to the images of these folders alone",
    )
    patches.add_argument(
        "--hold-out",
        type=int,
        help="images for validation (default: a fifth of them, at most 12)",
    )
    patches.add_argument(
        "--min-side",
        type=int,
        default=128,
        help="leave out images with a shorter side, pixels (default %(default)s)",
    )
    patches.add_argument(
        "--seed", type=seed, default=0, help="seed of the factors and of what is held out"
    )


def _add_reorder(stages: Any) -> None:
    """Options of `reorder`: codes on the constellation."""
    reorder = stages.add_parser(
        "reorder", help="index assignment: which code vector has which label of the constellation"
    )
    add_data(reorder)
    reorder.add_argument("--codec", required=True, help="codec of stage 1")
    reorder.add_argument("--out", required=True, help="folder to write to")
    reorder.add_argument(
        "--method",
        default="exact",
        help="exact (the least error), greedy, greedy-paper, descent, random, or none",
    )
    reorder.add_argument(
        "--snr",
        type=float,
        nargs="+",
        default=[0.0, 5.0, 10.0, 15.0],
        help="SNRs (dB) whose mean error is minimised",
    )
    reorder.add_argument(
        "--crop",
        type=int,
        default=96,
        help="side of the crops whose codes are counted (default %(default)s)",
    )
    add_backend(reorder)


def _add_all(stages: Any) -> None:
    """Options of `all`: everything in one go."""
    everything = stages.add_parser(
        "all", help="patches, stage1, reorder, stage2 and export in one go"
    )
    everything.add_argument("pictures", nargs="+", help="folders of images, or image files")
    everything.add_argument(
        "--out", required=True, help="folder of all stages; continued if it exists"
    )
    everything.add_argument(
        "--codec", default="toy", help=f"size: {', '.join(SIZES)} (default %(default)s)"
    )
    everything.add_argument(
        "--min-side",
        type=int,
        default=128,
        help="leave out images with a shorter side, pixels (default %(default)s)",
    )
    everything.add_argument(
        "--seed", type=seed, default=0, help="seed of all random numbers (default %(default)s)"
    )
    everything.add_argument(
        "--minutes", type=float, default=8.0, help="minutes of training (default %(default)s)"
    )


def _add_export(stages: Any) -> None:
    """Options of `export`: files for use."""
    export = stages.add_parser("export", help="write a codec for use, with its PSNR")
    export.add_argument("--codec", required=True, help="codec of stage 2, or of jscc")
    export.add_argument("--out", required=True, help="name of the files to write, without suffix")
    export.add_argument(
        "--test", nargs="*", default=[], help="images to measure the PSNR on, which is written too"
    )
    export.add_argument(
        "--test-crop",
        type=int,
        help="side of the centre crop to measure (default: the whole image)",
    )
    export.add_argument(
        "--snr", type=float, nargs="+", default=[0.0, 10.0, 20.0], help="SNRs to measure at, dB"
    )
    export.add_argument(
        "--note",
        action="append",
        default=[],
        metavar="KEY=TEXT",
        help="a note to write with the weights; repeatable",
    )


def use_backend(name: str) -> None:
    """Choose Keras's backend, before Keras is loaded.

    Raises:
        ValueError: If there is no such backend, or it is not installed.
    """
    if name not in BACKENDS:
        raise ValueError(f"KERAS_BACKEND is {name!r}; it must be one of {', '.join(BACKENDS)}")
    if importlib.util.find_spec(name) is None:
        raise ValueError(
            f"--backend {name}: {name} is not installed; pip install {name}, or choose another"
        )
    os.environ["KERAS_BACKEND"] = name


def make_parser(description: str | None = None) -> argparse.ArgumentParser:
    """Parser of the command line; the stage's name is `stage`."""
    parser = Parser(
        prog="python -m moclink.train",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for add in (
        _add_patches,
        add_stage1,
        _add_reorder,
        add_stage2,
        add_jscc,
        add_channel,
        add_link,
        _add_all,
        _add_export,
    ):
        add(stages)
    return parser

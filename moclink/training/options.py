"""The options of `python -m moclink.train`, stage by stage; loads no framework."""

from __future__ import annotations

import argparse
import importlib.util
import os
from typing import Any

from moclink.arguments import Parser
from moclink.constants import BACKENDS
from moclink.training.channel_options import add_channel
from moclink.training.link_options import add_link, seed

SIZES = ("toy", "small", "paper")


def add_run(
    parser: argparse.ArgumentParser, crop: int, batch: int, rate: float, steps: int
) -> None:
    """Add what the stages that train on patches share."""
    parser.add_argument("--data", required=True, help="folder that `patches` wrote")
    parser.add_argument(
        "--crop", type=int, default=crop, help="side of a crop, pixels (default %(default)s)"
    )
    add_plan(parser, batch, rate, steps)


def add_plan(parser: argparse.ArgumentParser, batch: int, rate: float, steps: int) -> None:
    """Add what all trained stages share."""
    parser.add_argument(
        "--out", required=True, help="folder of the run; continued if it holds a checkpoint"
    )
    parser.add_argument(
        "--steps", type=int, default=steps, help="length of the plan (default %(default)s)"
    )
    parser.add_argument(
        "--minutes", type=float, help="length of the plan by the clock, instead of --steps"
    )
    parser.add_argument(
        "--batch", type=int, default=batch, help="crops in a step (default %(default)s)"
    )
    parser.add_argument(
        "--learning-rate", type=float, default=rate, help="its peak (default %(default)s)"
    )
    parser.add_argument(
        "--warmup", type=int, default=100, help="steps to the peak (default %(default)s)"
    )
    parser.add_argument("--validate-every", type=int, default=500, help="steps; 0: at the end only")
    parser.add_argument(
        "--checkpoint-minutes", type=float, default=3.0, help="(default %(default)s)"
    )
    parser.add_argument(
        "--log-every", type=int, default=20, help="steps in a line (default %(default)s)"
    )
    parser.add_argument(
        "--seed", type=seed, default=0, help="of all that is drawn (default %(default)s)"
    )
    parser.add_argument(
        "--backend", choices=BACKENDS, default=os.environ.get("KERAS_BACKEND", "tensorflow")
    )
    parser.add_argument(
        "--mixed-precision", action="store_true", help="bfloat16 arithmetic: GPUs, CPUs with AMX"
    )
    parser.add_argument("--no-jit", action="store_true", help="do not compile the step by XLA")


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
        help="patches of lower luma standard deviation are dropped",
    )
    patches.add_argument(
        "--resize",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="random factor of shrinking",
    )
    patches.add_argument(
        "--resize-only", nargs="+", default=[], metavar="FOLDER", help="shrink these alone"
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
        help="smaller images are left out (default %(default)s)",
    )
    patches.add_argument("--seed", type=seed, default=0)


def _add_stage1(stages: Any) -> None:
    """Options of `stage1`: autoencoder and codebooks."""
    stage1 = stages.add_parser("stage1", help="autoencoder and codebooks, without noise")
    add_run(stage1, crop=96, batch=8, rate=5e-4, steps=10_000)
    stage1.add_argument(
        "--codec", default="small", help=f"size ({', '.join(SIZES)}) or codec to start from"
    )
    stage1.add_argument("--pixel-loss", choices=("l1", "mse", "log-mse"), default="mse")
    stage1.add_argument(
        "--pixel", type=float, default=100.0, help="weight of it (default %(default)s)"
    )
    stage1.add_argument("--codebook", type=float, default=2.0, help="weight (default %(default)s)")
    stage1.add_argument(
        "--commitment", type=float, default=0.25, help="times --codebook (default %(default)s)"
    )
    stage1.add_argument("--features", help="semantic guidance: 'vgg19', or a file of weights")
    stage1.add_argument(
        "--semantic", type=float, default=0.1, help="its weight (default %(default)s)"
    )
    stage1.add_argument(
        "--lpips", nargs="?", const="", metavar="FILE", help="perceptual term; its weights"
    )
    stage1.add_argument("--lpips-net", choices=("alex", "squeeze", "vgg"), default="vgg")
    stage1.add_argument(
        "--perceptual", type=float, default=1.0, help="its weight (default %(default)s)"
    )
    stage1.add_argument(
        "--st-lpips", type=float, default=0.0, metavar="WEIGHT", help="ST-LPIPS term; 0: none"
    )
    stage1.add_argument(
        "--st-lpips-file", metavar="FILE", help="its weights (those of stlpips-pytorch)"
    )
    stage1.add_argument(
        "--adversarial", type=float, default=0.0, help="weight; 0: none (paper: 0.1)"
    )
    stage1.add_argument(
        "--decoder-only", action="store_true", help="leave encoder and codebooks as they are"
    )
    stage1.add_argument("--full-share", type=float, default=0.5, help="samples with all levels")
    stage1.add_argument(
        "--free-steps", type=int, default=0, help="steps without quantiser at first"
    )
    stage1.add_argument(
        "--ema", type=float, default=0.99, help="codebooks by averages; 0: by gradients"
    )


def _add_reorder(stages: Any) -> None:
    """Options of `reorder`: codes on the constellation."""
    reorder = stages.add_parser(
        "reorder", help="index assignment: codes to labels of the constellation"
    )
    reorder.add_argument("--data", required=True)
    reorder.add_argument("--codec", required=True, help="codec of stage 1")
    reorder.add_argument("--out", required=True)
    reorder.add_argument(
        "--method",
        default="exact",
        help="exact, greedy, greedy-paper, descent, random, or none: as it is",
    )
    reorder.add_argument(
        "--snr", type=float, nargs="+", default=[0.0, 5.0, 10.0, 15.0], help="Es/N0, dB"
    )
    reorder.add_argument(
        "--crop", type=int, default=96, help="of the crops whose codes are counted"
    )
    reorder.add_argument(
        "--backend", choices=BACKENDS, default=os.environ.get("KERAS_BACKEND", "tensorflow")
    )


def _add_stage2(stages: Any) -> None:
    """Options of `stage2`: noise reduction block."""
    stage2 = stages.add_parser("stage2", help="noise reduction block, after the channel")
    add_run(stage2, crop=128, batch=8, rate=4e-4, steps=5_000)
    stage2.add_argument("--codec", required=True, help="reordered codec")
    stage2.add_argument("--pixel-loss", choices=("l1", "mse", "log-mse"), default="mse")
    stage2.add_argument(
        "--pixel", type=float, default=20.0, help="weight of it (default %(default)s)"
    )
    stage2.add_argument(
        "--style", type=float, default=0.0, help="weight of the Gram term (paper: 1)"
    )
    stage2.add_argument(
        "--feature", type=float, default=1.0, help="weight of |z_r - z_q|^2 (paper: 0.25)"
    )
    stage2.add_argument("--snr", type=float, nargs=2, default=[-5.0, 30.0], metavar=("LOW", "HIGH"))


def _add_jscc(stages: Any) -> None:
    """Options of `jscc`: analog codec."""
    jscc = stages.add_parser("jscc", help="the analog codec")
    add_run(jscc, crop=96, batch=8, rate=5e-4, steps=10_000)
    jscc.add_argument(
        "--codec", default="small", help=f"size ({', '.join(SIZES)}) or codec to start from"
    )
    jscc.add_argument("--snr", type=float, nargs=2, default=[-5.0, 30.0], metavar=("LOW", "HIGH"))


def _add_all(stages: Any) -> None:
    """Options of `all`: everything in one go."""
    everything = stages.add_parser(
        "all", help="patches, stage1, reorder, stage2 and export in one go"
    )
    everything.add_argument("pictures", nargs="+", help="folders of images, or image files")
    everything.add_argument(
        "--out", required=True, help="folder for all of it; continued if it is there"
    )
    everything.add_argument(
        "--codec", default="toy", help=f"size, {', '.join(SIZES)} (default %(default)s)"
    )
    everything.add_argument(
        "--min-side",
        type=int,
        default=128,
        help="smaller images are left out (default %(default)s)",
    )
    everything.add_argument(
        "--seed", type=seed, default=0, help="of all that is drawn (default %(default)s)"
    )
    everything.add_argument(
        "--minutes", type=float, default=8.0, help="of training (default %(default)s)"
    )


def _add_export(stages: Any) -> None:
    """Options of `export`: files for use."""
    export = stages.add_parser("export", help="write a codec for use, with its quality")
    export.add_argument("--codec", required=True, help="codec of stage 2, or of jscc")
    export.add_argument("--out", required=True, help="name of the files to write, without ending")
    export.add_argument(
        "--test", nargs="*", default=[], help="images whose PSNR goes into the notes"
    )
    export.add_argument("--test-crop", type=int, help="measure a centre crop of this side only")
    export.add_argument("--snr", type=float, nargs="+", default=[0.0, 10.0, 20.0], help="Es/N0, dB")
    export.add_argument("--note", action="append", default=[], metavar="KEY=TEXT")


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
        _add_stage1,
        _add_reorder,
        _add_stage2,
        _add_jscc,
        add_channel,
        add_link,
        _add_all,
        _add_export,
    ):
        add(stages)
    return parser

"""The options of the stages that train on patches: `stage1`, `stage2` and `jscc`; loads no framework."""

from __future__ import annotations

import argparse
import os
from typing import Any

from moclink.constants import BACKENDS
from moclink.training.link_options import seed

SIZES = ("toy", "small", "paper")


def add_run(
    parser: argparse.ArgumentParser, crop: int, batch: int, rate: float, steps: int
) -> None:
    """Add what the stages that train on patches share."""
    add_data(parser)
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
        "--steps", type=int, default=steps, help="number of training steps (default %(default)s)"
    )
    parser.add_argument(
        "--minutes", type=float, help="length of the training in minutes, instead of --steps"
    )
    parser.add_argument(
        "--batch", type=int, default=batch, help="crops per step (default %(default)s)"
    )
    parser.add_argument(
        "--learning-rate", type=float, default=rate, help="peak learning rate (default %(default)s)"
    )
    parser.add_argument(
        "--warmup",
        type=int,
        default=100,
        help="steps until the peak is reached (default %(default)s)",
    )
    parser.add_argument(
        "--validate-every",
        type=int,
        default=500,
        help="steps between validations; 0: at the end only",
    )
    parser.add_argument(
        "--checkpoint-minutes",
        type=float,
        default=3.0,
        help="minutes between checkpoints (default %(default)s)",
    )
    parser.add_argument(
        "--log-every",
        type=int,
        default=20,
        help="steps between lines of the log (default %(default)s)",
    )
    parser.add_argument(
        "--seed", type=seed, default=0, help="seed of all random numbers (default %(default)s)"
    )
    add_backend(parser)
    parser.add_argument(
        "--mixed-precision",
        action="store_true",
        help="compute in bfloat16, which pays on GPUs and on CPUs with AMX",
    )
    parser.add_argument(
        "--no-jit", action="store_true", help="do not compile the training step by XLA"
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the folder of patches."""
    parser.add_argument("--data", required=True, help="folder that `patches` wrote")


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Add the framework that Keras runs on."""
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=os.environ.get("KERAS_BACKEND", "tensorflow"),
        help="framework that Keras runs on (KERAS_BACKEND, or tensorflow)",
    )


def _add_start(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--codec",
        default="small",
        help=f"size ({', '.join(SIZES)}) or path of a codec to start from",
    )


def _add_pixel_loss(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pixel-loss",
        choices=("l1", "mse", "log-mse"),
        default="mse",
        help="l1, mse, or the mean of ln(MSE) (default %(default)s)",
    )


def _add_snr_range(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--snr",
        type=float,
        nargs=2,
        default=[-5.0, 30.0],
        metavar=("LOW", "HIGH"),
        help="range of SNRs in training, dB (default -5 30)",
    )


def add_stage1(stages: Any) -> None:
    """Options of `stage1`: autoencoder and codebooks."""
    stage1 = stages.add_parser("stage1", help="autoencoder and codebooks, without noise")
    add_run(stage1, crop=96, batch=8, rate=5e-4, steps=10_000)
    _add_start(stage1)
    _add_losses(stage1)
    stage1.add_argument("--decoder-only", action="store_true", help="train the decoder alone")
    stage1.add_argument(
        "--full-share",
        type=float,
        default=0.5,
        help="share of samples that use all levels (default %(default)s)",
    )
    stage1.add_argument(
        "--free-steps",
        type=int,
        default=0,
        help="first steps, without quantiser (default %(default)s)",
    )
    stage1.add_argument(
        "--ema",
        type=float,
        default=0.99,
        help="decay of the codebooks' moving averages; 0: train them by gradients",
    )


def _add_losses(stage1: argparse.ArgumentParser) -> None:
    """Terms of the loss of `stage1`, and their networks."""
    _add_pixel_loss(stage1)
    for name, default, what in (
        ("pixel", 100.0, "the pixel loss"),
        ("codebook", 2.0, "the codebook loss"),
        ("commitment", 0.25, "the commitment loss, times --codebook"),
        ("semantic", 0.1, "the semantic guidance"),
        ("perceptual", 1.0, "LPIPS"),
    ):
        text = f"weight of {what} (default %(default)s)"
        stage1.add_argument(f"--{name}", type=float, default=default, help=text)
    stage1.add_argument(
        "--features", help="network of the semantic guidance: vgg19, or a file of weights"
    )
    stage1.add_argument(
        "--lpips",
        nargs="?",
        const="",
        metavar="FILE",
        help="add LPIPS to the loss, from a file of its weights or the installed ones",
    )
    stage1.add_argument(
        "--lpips-net",
        choices=("alex", "squeeze", "vgg"),
        default="vgg",
        help="network of LPIPS (default %(default)s)",
    )
    stage1.add_argument(
        "--st-lpips",
        type=float,
        default=0.0,
        metavar="WEIGHT",
        help="weight of ST-LPIPS (default: none)",
    )
    stage1.add_argument(
        "--st-lpips-file",
        metavar="FILE",
        help="weights of ST-LPIPS (default: those of the package stlpips-pytorch)",
    )
    stage1.add_argument(
        "--adversarial",
        type=float,
        default=0.0,
        help="weight of the adversarial loss (default: none; paper: 0.1)",
    )


def add_stage2(stages: Any) -> None:
    """Options of `stage2`: noise reduction block."""
    stage2 = stages.add_parser("stage2", help="noise reduction block, which follows the channel")
    add_run(stage2, crop=128, batch=8, rate=4e-4, steps=5_000)
    stage2.add_argument("--codec", required=True, help="codec of `reorder`")
    _add_pixel_loss(stage2)
    stage2.add_argument(
        "--pixel", type=float, default=20.0, help="weight of the pixel loss (default %(default)s)"
    )
    stage2.add_argument(
        "--style",
        type=float,
        default=0.0,
        help="weight of the Gram matrices (default: none; paper: 1)",
    )
    stage2.add_argument(
        "--feature",
        type=float,
        default=1.0,
        help="weight of |z_r - z_q|^2 (default %(default)s; paper: 0.25)",
    )
    _add_snr_range(stage2)


def add_jscc(stages: Any) -> None:
    """Options of `jscc`: analog codec."""
    jscc = stages.add_parser("jscc", help="the analog codec")
    add_run(jscc, crop=96, batch=8, rate=5e-4, steps=10_000)
    _add_start(jscc)
    _add_snr_range(jscc)

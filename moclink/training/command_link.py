"""`python -m moclink.train link`, `link-classes`, ...: the codecs of `moclink.linear`.

pictures -> classes (link-classes)    Laplacian -> codebooks (link-codebooks)
pictures, classes -> statistics of quantised coefficients (link-coefficients)
pictures, classes, codebooks -> tiles -> restoration network (link)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from moclink.training.command_common import loop_options, set_precision
from moclink.training.link_options import PATTERN, PERCEPTUAL


def run_link(args: argparse.Namespace) -> int:
    """Make tiles if there are none, and train the restoration network on them."""
    from moclink.codec.int8_weights import write_int8_weights
    from moclink.linear import restoration
    from moclink.linear.restoration import Restoration
    from moclink.training.link_data import VALIDATION
    from moclink.training.link_stage import LinkStage
    from moclink.training.link_tiles import TileFeeder
    from moclink.training.loop import run

    plan, weights = loop_options(args), perceptual_weights(args)
    folder = Path(args.data or Path(args.out) / "tiles")
    if args.pictures:
        _make_tiles(args, folder)
    feeder = TileFeeder(folder, args.batch, args.seed)
    if not (folder / VALIDATION).is_file():
        raise ValueError(f"{folder} holds no {VALIDATION}; name the pictures to make it of")
    dtype = set_precision(args.mixed_precision, args.seed)
    start = Restoration.load(args.start) if args.start else None
    config = start.config if start else restoration.CONFIGS[args.network]
    stage = LinkStage(
        config,
        feeder,
        folder / VALIDATION,
        make_distances(args, weights, dtype),
        args.slope,
        args.pattern,
        start.network if start else None,
        dtype,
        jit=not args.no_jit and args.backend == "jax",
    )
    outcome = run(stage, args.out, plan)
    if not outcome.finished:
        return 130
    reported = (
        "objective",
        "slope",
        "pattern",
        "batch",
        "learning_rate",
        "seed",
        "mixed_precision",
        "start",
    )
    notes: dict[str, Any] = {
        "steps": outcome.step,
        "minutes": round(outcome.seconds / 60, 1),
        "tiles": feeder.tiles,
        "options": {name: getattr(args, name) for name in reported} | weights,
        "validation": {name: round(value, 4) for name, value in outcome.figures.items()},
    }
    if start:
        notes["options"]["start"] = Path(args.start).name
    description = write_int8_weights(
        Path(args.out) / "restoration", restoration.KIND, config, stage.averaged, notes
    )
    print(f"wrote {description}")
    return 0


def perceptual_weights(args: argparse.Namespace) -> dict[str, float]:
    """Weights of the perceptual terms that the options ask for, those of 0 left out."""
    given = {name: getattr(args, name) for name in PERCEPTUAL if getattr(args, name) is not None}
    if given and args.objective != "perceptual":
        name = next(iter(given)).replace("_", "-")
        raise ValueError(f"--{name} needs --objective perceptual")
    for name, value in given.items():
        if not 0 <= value < float("inf"):
            raise ValueError(
                f"--{name.replace('_', '-')} is {value}; it must be at least 0 and finite"
            )
    if args.pattern is None:
        args.pattern = PATTERN if args.objective == "perceptual" else 0.0
    if not 0 <= args.pattern < float("inf"):
        raise ValueError(f"--pattern is {args.pattern}; it must be at least 0 and finite")
    if not 0 < args.slope < float("inf"):
        raise ValueError(f"--slope is {args.slope}; it must be above 0 and finite")
    if args.costly_tiles < 1:
        raise ValueError(f"--costly-tiles is {args.costly_tiles}; it must be at least 1")
    if args.batch < 1:
        raise ValueError(f"--batch is {args.batch}; it must be at least 1")
    if args.objective != "perceptual":
        return {}
    found = {name: value for name, value in (PERCEPTUAL | given).items() if value}
    if not found:
        raise ValueError("--objective perceptual needs a weight above 0, such as --lpips-alex 1")
    return found


def make_distances(
    args: argparse.Namespace, weights: dict[str, float], dtype: str
) -> dict[str, Any]:
    """The perceptual terms, with their trained networks."""
    from moclink.perceptual.lpips import load_lpips, load_st_lpips
    from moclink.perceptual.pretrained import WeightsUnavailable
    from moclink.training.link_objective import Distance

    makers = {
        "lpips_alex": (lambda: load_lpips("alex", args.alex_file, dtype), None),
        "lpips_vgg": (lambda: load_lpips("vgg", args.vgg_file, dtype), args.costly_tiles),
        "st_lpips": (lambda: load_st_lpips("alex", args.st_lpips_file, dtype), args.costly_tiles),
    }
    try:
        return {
            name: Distance(makers[name][0](), weight, makers[name][1])
            for name, weight in weights.items()
        }
    except WeightsUnavailable as error:
        raise ValueError(str(error)) from error


def _make_tiles(args: argparse.Namespace, folder: Path) -> None:
    """Send the pictures, as far as their tiles are not there."""
    from moclink.training.link_passes import TileOptions, make_tiles
    from moclink.training.link_sending import LinkCodecs
    from moclink.training.picture_lists import list_pictures

    try:
        options = TileOptions(args.passes, args.tiles, args.hold_out, args.seed, args.workers)
    except ValueError as error:  # begins with the name of a field, which is that of an option
        raise ValueError(f"--{error}") from error
    # What the training itself writes may lie in the folder of the pictures.
    written = [Path(args.out).resolve(), folder.resolve()]
    pictures = [
        path
        for path in list_pictures(args.pictures)
        if not any(path.resolve().is_relative_to(one) for one in written)
    ]
    make_tiles(pictures, folder, LinkCodecs.load(args.classes, args.codebooks), options)


def run_classes(args: argparse.Namespace) -> int:
    """Estimate classes of blocks from pictures."""
    from moclink.training.link_classes import picture_energies, train
    from moclink.training.picture_lists import list_pictures

    for name, least in (("block", 8), ("overlap", 0), ("classes", 1), ("rounds", 5)):
        if getattr(args, name) < least:
            raise ValueError(f"--{name} is {getattr(args, name)}; it must be at least {least}")
    if not 2 * args.overlap <= args.block:
        raise ValueError(
            f"--overlap is {args.overlap}; it may be at most half of --block, {args.block // 2}"
        )
    if not 0 < args.floor < np.inf:
        raise ValueError(f"--floor is {args.floor}; it must be above 0 and finite")
    rng = np.random.default_rng(args.seed)
    energies = []
    for path in list_pictures(args.pictures):
        if path.name in args.exclude:
            continue
        try:
            energies += picture_energies(path, args.block, args.overlap, rng)
        except (OSError, ValueError) as error:
            print(f"left out: {path}: {error}", file=sys.stderr)
    if not energies:
        raise ValueError("no picture is left to estimate classes from")
    model = train(
        energies, args.block, args.overlap, args.classes, args.floor, args.rounds, args.seed
    )
    model.save(args.out)
    print(f"wrote {args.out}")
    return 0


def run_coefficients(args: argparse.Namespace) -> int:
    """Estimate statistics of quantised coefficients from pictures."""
    from moclink.training.link_coefficients import make_statistics
    from moclink.training.picture_lists import list_pictures

    if args.count < 1:
        raise ValueError(f"--count is {args.count}; it must be at least 1")
    make_statistics(list_pictures(args.pictures), Path(args.out), args.count, args.seed)
    print(f"wrote {args.out}")
    return 0


def run_codebooks(args: argparse.Namespace) -> int:
    """Design octonary codebooks."""
    from moclink.training.link_codebooks import make_codebooks, write_robust_grid

    if args.robust_of:
        write_robust_grid(args.robust_of, args.out, args.source)
        print(f"wrote {args.out}")
        return 0
    first, last, step = args.snr
    if not (abs(first) <= 100 and abs(last) <= 100 and first <= last):
        raise ValueError(f"--snr goes from {first} to {last}; it must rise within -100 to 100 dB")
    if not 0 < step < float("inf"):
        raise ValueError(f"--snr has a step of {step}; it must be above 0")
    for name in ("rounds", "scalar_rounds"):
        if getattr(args, name) < 1:
            raise ValueError(
                f"--{name.replace('_', '-')} is {getattr(args, name)}; it must be at least 1"
            )
    snrs = np.arange(first, last + step / 2, step)
    make_codebooks(args.out, snrs, args.source, args.rounds, args.scalar_rounds, args.only)
    print(f"wrote {args.out}")
    return 0

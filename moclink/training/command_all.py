"""`python -m moclink.train all`: every stage of the semantic codec, one after the other."""

from __future__ import annotations

import argparse
import json
import math
import shlex
from collections.abc import Callable
from pathlib import Path

from moclink.training.options import make_parser

SOURCE = "source.json"  # beside the patches: which pictures they are of


def _check_source(folder: Path, pictures: list[Path]) -> bool:
    """Whether the patches of these pictures are there; ValueError if they are of others."""
    from moclink.training.picture_lists import fingerprint

    if not (folder / SOURCE).exists():
        return False
    made_of = json.loads((folder / SOURCE).read_text())
    if made_of["digest"] != fingerprint(pictures):
        raise ValueError(
            f"{folder} was made of {made_of['pictures']} other pictures, or of these in another state; name "
            "another --out to train on these"
        )
    return True


def _crop_for(folder: Path, side: int) -> int:
    """Side of the crops: this, or as much as most of the patches have."""
    from moclink.constants import LATENT_STRIDE
    from moclink.training.patches import PatchPack

    sides = sorted(min(height, width) for _, height, width in PatchPack(folder).places)
    return min(side, sides[len(sides) // 2] // LATENT_STRIDE * LATENT_STRIDE)


def run_all(args: argparse.Namespace, run_stage: Callable[[argparse.Namespace], int]) -> int:
    """Run the stages one after the other; a stage that was stopped is continued.

    Args:
        args: Options of `all`.
        run_stage: Runs one stage from its options.

    Returns:
        0 when done, else what the first stage that was not returned.
    """
    from moclink.training.picture_lists import list_pictures

    if not 0 < args.minutes < math.inf:
        raise ValueError(f"--minutes is {args.minutes:g}; it must be above 0 and finite")
    out, pictures = Path(args.out), list_pictures(args.pictures)
    data, stage1, placed, stage2 = (
        str(out / name) for name in ("data", "stage1", "placed", "stage2")
    )
    seed, sides = ["--seed", str(args.seed)], ["--min-side", str(args.min_side)]
    # What the training itself writes may lie in the folder of the pictures.
    pictures = [path for path in pictures if not path.resolve().is_relative_to(out.resolve())]

    def run_next(command: list[str]) -> int:
        print(f"-- {command[0]}", flush=True)
        return run_stage(make_parser().parse_args(command))

    if not _check_source(out / "data", pictures):
        run_next(["patches", *args.pictures, "--out", data, *sides, *seed])
    minutes = {"stage1": 0.65 * args.minutes, "stage2": 0.35 * args.minutes}

    def plan(stage: str, crop: int) -> list[str]:
        chosen = ["--crop", str(_crop_for(out / "data", crop)), "--data", data]
        return chosen if stage == "reorder" else [*chosen, "--minutes", str(minutes[stage]), *seed]

    for command in (
        ["stage1", "--codec", args.codec, "--out", stage1, *plan("stage1", 96)],
        ["reorder", "--codec", f"{stage1}/codec", "--out", placed, *plan("reorder", 96)],
        ["stage2", "--codec", f"{placed}/codec", "--out", stage2, *plan("stage2", 128)],
        ["export", "--codec", f"{stage2}/codec", "--out", str(out / "codec")],
    ):
        status = run_next(command)
        if status:
            return status
    chains = shlex.quote(f"{out / 'codec'},jpeg-ldpc")
    print(f"simulate with it: python -m moclink.simulate --chains {chains}")
    return 0

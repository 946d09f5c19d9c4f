"""What the commands of several stages share: data, plan, codec, fixed networks, saving."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from moclink.training.options import SIZES

# Options that weigh a term of a loss, and a number of steps.
WEIGHTS = (
    *("pixel", "codebook", "commitment", "semantic", "perceptual", "st_lpips", "adversarial"),
    *("style", "feature", "latent", "free_steps"),
)


def open_data(args: argparse.Namespace) -> tuple[Any, list[Any]]:
    """The crop feeder and the validation pictures, at most twelve."""
    import numpy as np

    from moclink.training.patches import CropFeeder, PatchPack

    pack, folder = PatchPack(args.data), Path(args.data) / "held_out"
    feeder = CropFeeder(pack, args.crop, args.batch, args.seed)
    if folder.exists():
        pack = PatchPack(folder)
    else:
        print(
            "no picture was held out: validation is on patches that are trained on", file=sys.stderr
        )
    chosen = np.unique(np.linspace(0, len(pack) - 1, 12).astype(int))
    return feeder, [pack[int(i)].astype(np.float32) / np.float32(255) for i in chosen]


def loop_options(args: argparse.Namespace) -> Any:
    """The plan that the options ask for; a refusal names the option."""
    from moclink.training.loop import LoopOptions

    names = "steps minutes learning_rate warmup log_every validate_every checkpoint_minutes".split()
    try:
        return LoopOptions(**{name: getattr(args, name) for name in names})
    except ValueError as error:  # begins with the name of a field, which is that of an option
        field, _, rest = str(error).partition(" ")
        raise ValueError(f"--{field.replace('_', '-')} {rest}") from error


def check_terms(args: argparse.Namespace) -> None:
    """Check weights, shares and the range of SNRs of a stage.

    Raises:
        ValueError: If one is out of range; the message names the option.
    """
    given = vars(args)
    for name in WEIGHTS:
        if name in given and not 0 <= given[name] < float("inf"):
            option = name.replace("_", "-")
            raise ValueError(f"--{option} is {given[name]}; it must be at least 0 and finite")
    if not 0 <= given.get("full_share", 0) <= 1:
        raise ValueError(f"--full-share is {args.full_share}; it must be 0 to 1")
    if not 0 <= given.get("ema", 0) < 1:
        raise ValueError(f"--ema is {args.ema}; it must be at least 0 and below 1")
    low, high = given.get("snr") or (0, 0)
    if not -100 <= low <= high <= 100:
        raise ValueError(f"--snr is {low:g} {high:g}; give LOW and HIGH between -100 and 100 dB")


def set_precision(mixed: bool, seed: int) -> str:
    """Make Keras forget what a keras.json says, seed it, and return the policy of networks.

    A keras.json of the user's must not change what is trained; only --mixed-precision does. The
    seed is of everything that is drawn by Keras from here on, such as untrained weights.
    """
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")
    keras.utils.set_random_seed(seed)
    return "mixed_bfloat16" if mixed else "float32"


def open_codec(
    name: str, analog: bool = False, mixed: bool = False, seed: int = 0
) -> tuple[Any, bool]:
    """A codec of a size, untrained, or one that was saved; and whether it is trained."""
    from moclink.codec.analog_codec import AnalogCodec
    from moclink.codec.semantic_codec import SemanticCodec

    kind = AnalogCodec if analog else SemanticCodec
    dtype = set_precision(mixed, seed)
    if name in SIZES:
        return kind.from_size(name, dtype=dtype), False
    return kind.from_preset(name, dtype=dtype), True


def load_guides(args: argparse.Namespace) -> dict[str, Any]:
    """The fixed networks of the semantic and the perceptual terms, where they are asked for."""
    from moclink.perceptual.lpips import load_lpips, load_st_lpips
    from moclink.perceptual.pretrained import WeightsUnavailable
    from moclink.perceptual.semantic_features import load_semantic_features

    guides: dict[str, Any] = {}
    try:
        if args.features:
            guides["features"] = load_semantic_features(args.features)
        if args.lpips is not None:
            guides["perceptual"] = load_lpips(args.lpips_net, args.lpips or None)
        if args.st_lpips:
            guides["shift_tolerant"] = load_st_lpips("alex", args.st_lpips_file)
    except WeightsUnavailable as error:
        raise ValueError(str(error)) from error
    return guides


def finish(codec: Any, outcome: Any, args: argparse.Namespace) -> int:
    """Save what a stage made; 130 if it was stopped before its end."""
    if not outcome.finished:
        return 130
    skip = ("data", "out", "codec")
    options = {k: v for k, v in vars(args).items() if k not in skip and v is not None}
    # Of files with weights the name is enough: their folder means nothing on another machine.
    options |= {
        k: Path(options[k]).name for k in ("features", "lpips", "st_lpips_file") if k in options
    }
    stage = {"steps": outcome.step, "minutes": round(outcome.seconds / 60, 1), "options": options}
    name = "decoder" if options.get("decoder_only") else args.stage
    before = {"continues": codec.notes[name]} if name in codec.notes else {}
    notes = {**codec.notes, name: {**stage, **before, "validation": outcome.figures}}
    print(f"wrote {codec.save(Path(args.out) / 'codec', notes)}")
    return 0

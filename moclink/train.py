"""How a codec is trained, stage by stage, from the command line.

    python -m moclink.train patches  --out data PHOTOS...        pictures -> packed patches
    python -m moclink.train stage1   --data data --out runs/s1   autoencoder and codebooks, no noise
    python -m moclink.train reorder  --data data --codec runs/s1/codec --out runs/reordered
    python -m moclink.train stage2   --data data --codec runs/reordered/codec --out runs/s2
    python -m moclink.train jscc     --data data --out runs/jscc    the analog codec, for comparison
    python -m moclink.train export   --codec runs/s2/codec --out my-codec
    python -m moclink.train all      --out runs/mine PHOTOS...   patches to export, for a first try

Each stage writes `codec.json` and `codec.weights.h5` into its folder, which the next one takes, beside
its checkpoint, log and pictures. The same command continues a run that was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BACKENDS = ("tensorflow", "jax", "torch")
SIZES = ("toy", "small", "paper")


def _add_run(parser: argparse.ArgumentParser, crop: int, batch: int, rate: float, steps: int) -> None:
    """Add what all trained stages share."""
    parser.add_argument("--data", required=True, help="folder that `patches` wrote")
    parser.add_argument("--out", required=True, help="folder of the run; continued if it holds a checkpoint")
    parser.add_argument("--steps", type=int, default=steps, help="length of the plan (default %(default)s)")
    parser.add_argument("--minutes", type=float, help="length of the plan by the clock, instead of --steps")
    parser.add_argument("--crop", type=int, default=crop, help="side of a crop, pixels (default %(default)s)")
    parser.add_argument("--batch", type=int, default=batch, help="crops in a step (default %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=rate, help="its peak (default %(default)s)")
    parser.add_argument("--warmup", type=int, default=100, help="steps to the peak (default %(default)s)")
    parser.add_argument("--validate-every", type=int, default=500, help="steps; 0: at the end only")
    parser.add_argument("--checkpoint-minutes", type=float, default=3.0, help="(default %(default)s)")
    parser.add_argument("--log-every", type=int, default=20, help="steps in a line (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default %(default)s)")
    parser.add_argument("--backend", choices=BACKENDS, default=os.environ.get("KERAS_BACKEND", "tensorflow"))
    parser.add_argument("--mixed-precision", action="store_true", help="bfloat16 arithmetic, on a GPU only")
    parser.add_argument("--no-jit", action="store_true", help="do not compile the step by XLA")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="moclink.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")

    patches = stages.add_parser("patches", help="pictures -> packed patches")
    patches.add_argument("pictures", nargs="+", help="folders of pictures, or picture files")
    patches.add_argument("--out", required=True, help="folder to write to")
    patches.add_argument("--size", type=int, default=512, help="side of a patch (default %(default)s)")
    patches.add_argument("--min-std", type=float, default=10.0, help="flatter patches are dropped: luma std")
    patches.add_argument("--resize", type=float, nargs=2, metavar=("LOW", "HIGH"), help="random shrinking")
    patches.add_argument("--resize-only", nargs="+", default=[], metavar="FOLDER", help="shrink these alone")
    patches.add_argument("--hold-out", type=int, default=12, help="pictures for validation (default 12)")
    patches.add_argument("--seed", type=int, default=0)

    stage1 = stages.add_parser("stage1", help="autoencoder and codebooks, without noise")
    _add_run(stage1, crop=96, batch=8, rate=5e-4, steps=10_000)
    stage1.add_argument("--codec", default="small", help=f"size ({', '.join(SIZES)}) or codec to start from")
    stage1.add_argument("--pixel-loss", choices=("l1", "mse", "log-mse"), default="mse")
    stage1.add_argument("--pixel", type=float, default=100.0, help="weight of it (default %(default)s)")
    stage1.add_argument("--codebook", type=float, default=2.0, help="weight (default %(default)s)")
    stage1.add_argument(
        "--commitment", type=float, default=0.25, help="times --codebook (default %(default)s)"
    )
    stage1.add_argument("--features", help="semantic guidance: 'vgg19', or a file of weights")
    stage1.add_argument("--semantic", type=float, default=0.1, help="its weight (default %(default)s)")
    stage1.add_argument("--lpips", nargs="?", const="", metavar="FILE", help="perceptual term; its weights")
    stage1.add_argument("--lpips-net", choices=("alex", "squeeze", "vgg"), default="vgg")
    stage1.add_argument("--perceptual", type=float, default=1.0, help="its weight (default %(default)s)")
    stage1.add_argument(
        "--st-lpips", type=float, default=0.0, metavar="WEIGHT", help="ST-LPIPS term; 0: none"
    )
    stage1.add_argument("--st-lpips-file", metavar="FILE", help="its weights (those of stlpips-pytorch)")
    stage1.add_argument("--adversarial", type=float, default=0.0, help="weight; 0: none (paper: 0.1)")
    stage1.add_argument("--decoder-only", action="store_true", help="leave encoder and codebooks as they are")
    stage1.add_argument("--full-share", type=float, default=0.5, help="samples with all levels")
    stage1.add_argument("--free-steps", type=int, default=0, help="steps before the codebooks start")
    stage1.add_argument("--ema", type=float, default=0.99, help="codebooks by averages; 0: by gradients")

    reorder = stages.add_parser("reorder", help="place the codes on the constellation")
    reorder.add_argument("--data", required=True)
    reorder.add_argument("--codec", required=True, help="codec of stage 1")
    reorder.add_argument("--out", required=True)
    reorder.add_argument("--method", default="exact", help="exact, greedy, greedy-paper, descent or none")
    reorder.add_argument("--snr", type=float, nargs="+", default=[0.0, 5.0, 10.0, 15.0], help="Es/N0, dB")
    reorder.add_argument("--crop", type=int, default=96, help="of the crops whose codes are counted")
    reorder.add_argument("--backend", choices=BACKENDS, default=os.environ.get("KERAS_BACKEND", "tensorflow"))

    stage2 = stages.add_parser("stage2", help="noise reduction block, behind the channel")
    _add_run(stage2, crop=128, batch=8, rate=4e-4, steps=5_000)
    stage2.add_argument("--codec", required=True, help="reordered codec")
    stage2.add_argument("--pixel-loss", choices=("l1", "mse", "log-mse"), default="mse")
    stage2.add_argument("--pixel", type=float, default=20.0, help="weight of it (default %(default)s)")
    stage2.add_argument("--style", type=float, default=0.0, help="weight of the Gram term (paper: 1)")
    stage2.add_argument("--feature", type=float, default=1.0, help="weight of |z_r - z_q|^2 (paper: 0.25)")
    stage2.add_argument("--snr", type=float, nargs=2, default=[-5.0, 30.0], metavar=("LOW", "HIGH"))

    jscc = stages.add_parser("jscc", help="the analog codec")
    _add_run(jscc, crop=96, batch=8, rate=5e-4, steps=10_000)
    jscc.add_argument("--codec", default="small", help=f"size ({', '.join(SIZES)}) or codec to start from")
    jscc.add_argument("--snr", type=float, nargs=2, default=[-5.0, 30.0], metavar=("LOW", "HIGH"))

    everything = stages.add_parser("all", help="patches, stage1, reorder, stage2 and export in one go")
    everything.add_argument("pictures", nargs="+", help="folders of pictures, or picture files")
    everything.add_argument("--out", required=True, help="folder for all of it; continued if it is there")
    everything.add_argument("--codec", default="toy", help=f"size, {', '.join(SIZES)} (default %(default)s)")
    everything.add_argument("--minutes", type=float, default=8.0, help="of training (default %(default)s)")

    export = stages.add_parser("export", help="write a codec for use, with its quality")
    export.add_argument("--codec", required=True, help="codec of stage 2, or of jscc")
    export.add_argument("--out", required=True, help="name of the files to write, without ending")
    export.add_argument("--test", nargs="*", default=[], help="pictures whose PSNR goes into the notes")
    export.add_argument("--test-crop", type=int, help="measure their middle square of this side only")
    export.add_argument("--snr", type=float, nargs="+", default=[0.0, 10.0, 20.0], help="Es/N0, dB")
    export.add_argument("--note", action="append", default=[], metavar="KEY=TEXT")
    return parser


def _make_patches(args: argparse.Namespace) -> None:
    from moclink.training.patches import PatchOptions, hold_out, list_pictures, make_pack

    pictures = list_pictures(args.pictures)
    train, kept = hold_out(pictures, args.hold_out, args.seed)
    resize = tuple(args.resize) if args.resize else None
    options = PatchOptions(args.size, args.min_std, resize, tuple(args.resize_only), seed=args.seed)
    counts = make_pack(train, args.out, options)
    print(f"{counts['patches']} patches of {counts['pictures']} pictures in {args.out}")
    if kept:
        counts = make_pack(kept, Path(args.out) / "held_out", options)
        print(f"{counts['patches']} patches of {counts['pictures']} pictures held out for validation")


def _data(args: argparse.Namespace) -> tuple[Any, list[Any]]:
    """The crop feeder and the validation pictures, at most twelve."""
    import numpy as np

    from moclink.training.patches import CropFeeder, PatchPack

    feeder = CropFeeder(PatchPack(args.data), args.crop, args.batch, args.seed)
    folder = Path(args.data) / "held_out"
    if not folder.exists():
        raise ValueError(f"{folder} is missing: run `patches` with --hold-out 1 or more")
    held_out = PatchPack(folder)
    chosen = np.unique(np.linspace(0, len(held_out) - 1, 12).astype(int))
    return feeder, [held_out[int(i)].astype(np.float32) / np.float32(255) for i in chosen]


def _loop_options(args: argparse.Namespace) -> Any:
    from moclink.training.loop import LoopOptions

    return LoopOptions(
        steps=args.steps,
        minutes=args.minutes,
        learning_rate=args.learning_rate,
        warmup=args.warmup,
        log_every=args.log_every,
        validate_every=args.validate_every,
        checkpoint_minutes=args.checkpoint_minutes,
    )


def _open(name: str, analog: bool = False) -> tuple[Any, bool]:
    """A codec of a size, untrained, or one that was saved; and whether it is trained."""
    from moclink.codec.analog_model import AnalogCodec
    from moclink.codec.model import SemanticCodec

    kind = AnalogCodec if analog else SemanticCodec
    return (kind.from_size(name), False) if name in SIZES else (kind.from_preset(name), True)


def _guides(args: argparse.Namespace) -> dict[str, Any]:
    """The fixed networks of the semantic and the perceptual terms, where they are asked for."""
    from moclink.perceptual.lpips import load_lpips, load_st_lpips
    from moclink.perceptual.pretrained import WeightsUnavailable
    from moclink.perceptual.vgg import load_vgg

    guides: dict[str, Any] = {}
    try:
        if args.features:
            guides["features"] = load_vgg(args.features)
        if args.lpips is not None:
            guides["perceptual"] = load_lpips(args.lpips_net, args.lpips or None)
        if args.st_lpips:
            guides["shift_tolerant"] = load_st_lpips("alex", args.st_lpips_file)
    except WeightsUnavailable as error:
        raise ValueError(str(error)) from error
    return guides


def _finish(codec: Any, outcome: Any, args: argparse.Namespace) -> int:
    """Save what a stage made; 130 if it was stopped before its end."""
    if not outcome.finished:
        return 130
    skip = ("data", "out", "codec")
    options = {k: v for k, v in vars(args).items() if k not in skip and v is not None}
    # Of files with weights the name is enough: their folder means nothing on another machine.
    options |= {k: Path(options[k]).name for k in ("features", "lpips", "st_lpips_file") if k in options}
    stage = {"steps": outcome.step, "minutes": round(outcome.seconds / 60, 1), "options": options}
    name = "decoder" if options.get("decoder_only") else args.stage
    before = {"continues": codec.notes[name]} if name in codec.notes else {}
    notes = {**codec.notes, name: {**stage, **before, "validation": outcome.figures}}
    print(f"wrote {codec.save(Path(args.out) / 'codec', notes)}")
    return 0


def _stage1(args: argparse.Namespace) -> int:
    from moclink.codec.quantizer import MOCRVQ
    from moclink.training.loop import run
    from moclink.training.objectives import Stage1Weights
    from moclink.training.stages import Stage1, Stage1Options, copy_codebooks

    plan = _loop_options(args)
    feeder, held_out = _data(args)
    codec, trained = _open(args.codec)
    if args.decoder_only and not trained:
        raise ValueError(f"--decoder-only needs a trained codec; --codec {args.codec} is only a size")
    guides = _guides(args)
    weights = Stage1Weights(
        pixel_loss=args.pixel_loss,
        pixel=args.pixel,
        codebook=0.0 if args.decoder_only else args.codebook,
        commitment=args.commitment,
        semantic=args.semantic if "features" in guides else 0.0,
        perceptual=args.perceptual if "perceptual" in guides else 0.0,
        shift_tolerant=args.st_lpips,
        adversarial=args.adversarial,
    )
    options = Stage1Options(
        weights=weights,
        full_share=args.full_share,
        free_steps=args.free_steps,
        reseed_every=0 if args.decoder_only else Stage1Options.reseed_every,
        fresh=not trained,
        seed=args.seed,
        jit=not args.no_jit,
    )
    # Averages are of use in training only: the codec that is saved keeps the codebooks alone.
    ema = None if args.decoder_only else args.ema or None
    quantizer = MOCRVQ(**codec.config["quantizer"], ema_decay=ema, trainable=not args.decoder_only)
    codec.encoder.trainable = not args.decoder_only
    copy_codebooks(codec.quantizer, quantizer)
    stage = Stage1(codec.encoder, quantizer, codec.decoder, feeder, held_out, options, **guides)
    outcome = run(stage, args.out, plan)
    copy_codebooks(quantizer, codec.quantizer)
    return _finish(codec, outcome, args)


def _reorder(args: argparse.Namespace) -> int:
    from moclink.training.patches import CropFeeder, PatchPack
    from moclink.training.receiver import measure_usage, reorder

    codec, _ = _open(args.codec)
    usage = measure_usage(codec.encoder, codec.quantizer, CropFeeder(PatchPack(args.data), args.crop, 32))
    reorder(codec.quantizer, usage, args.method, args.snr)
    notes = {**codec.notes, "reorder": {"method": args.method, "snr_db": args.snr}}
    print(f"wrote {codec.save(Path(args.out) / 'codec', notes)}")
    return 0


def _stage2(args: argparse.Namespace) -> int:
    from moclink.training.loop import run
    from moclink.training.objectives import Stage2Weights
    from moclink.training.receiver import Stage2, Stage2Options

    plan = _loop_options(args)
    feeder, held_out = _data(args)
    codec, _ = _open(args.codec)
    weights = Stage2Weights(args.style, args.feature, args.pixel_loss, args.pixel)
    options = Stage2Options(weights, tuple(args.snr), seed=args.seed, jit=not args.no_jit)
    parts = (codec.encoder, codec.quantizer, codec.decoder, codec.nrb)
    outcome = run(Stage2(*parts, feeder, held_out, options), args.out, plan)
    return _finish(codec, outcome, args)


def _jscc(args: argparse.Namespace) -> int:
    from moclink.training.analog import Analog, AnalogOptions
    from moclink.training.loop import run

    plan = _loop_options(args)
    feeder, held_out = _data(args)
    codec, trained = _open(args.codec, analog=True)
    options = AnalogOptions(tuple(args.snr), linear=not trained, seed=args.seed, jit=not args.no_jit)
    stage = Analog(codec.encoder, codec.decoder, codec.receiver, feeder, held_out, options)
    return _finish(codec, run(stage, args.out, plan), args)


def _export(args: argparse.Namespace) -> int:
    from moclink.training.export import export

    notes = dict(note.partition("=")[::2] for note in args.note)
    print(json.dumps(export(args.codec, args.out, args.test, args.snr, args.test_crop, notes), indent=1))
    return 0


def _all(args: argparse.Namespace) -> int:
    """Run the stages one after the other; a stage that was stopped is continued."""
    from moclink.training.patches import list_pictures

    out = Path(args.out)
    data, stage1, placed, stage2 = (str(out / name) for name in ("data", "stage1", "placed", "stage2"))
    held_out = max(1, min(12, len(list_pictures(args.pictures)) // 5))
    shares = {"stage1": 0.65 * args.minutes, "stage2": 0.35 * args.minutes}
    stages = [
        ["stage1", "--codec", args.codec, "--data", data, "--out", stage1],
        ["reorder", "--codec", f"{stage1}/codec", "--data", data, "--out", placed],
        ["stage2", "--codec", f"{placed}/codec", "--data", data, "--out", stage2],
        ["export", "--codec", f"{stage2}/codec", "--out", str(out / "codec")],
    ]
    if not (out / "data" / "patches.json").exists():
        stages.insert(0, ["patches", *args.pictures, "--out", data, "--hold-out", str(held_out)])
    for command in stages:
        print(f"-- {command[0]}", flush=True)
        minutes = shares.get(command[0])
        status = main([*command, "--minutes", str(minutes)] if minutes else command)
        if status:
            return status
    print(f"simulate with it: python -m moclink.simulate --chains {out / 'codec'},jpeg-ldpc")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run a stage.

    Args:
        argv: Arguments; None for those of the process.

    Returns:
        0 when done, 2 if an option or a file is wrong, 130 if stopped by a signal.
    """
    args = _parser().parse_args(argv)
    if getattr(args, "backend", None):
        os.environ["KERAS_BACKEND"] = args.backend
    try:
        if args.stage == "patches":
            _make_patches(args)
            return 0
        if getattr(args, "mixed_precision", False):
            import keras

            keras.mixed_precision.set_global_policy("mixed_bfloat16")
        stages = {"stage1": _stage1, "reorder": _reorder, "stage2": _stage2, "jscc": _jscc}
        return (stages | {"export": _export, "all": _all})[args.stage](args)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"moclink.train: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

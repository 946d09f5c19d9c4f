"""What each stage of `python -m moclink.train` does: from options to files.

Frameworks are loaded when a stage runs, not when its options are read.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from moclink.training.options import SIZES, make_parser

SOURCE = "source.json"  # beside the patches: which pictures they are of


def run_patches(args: argparse.Namespace) -> int:
    """Cut pictures into patches, and keep some whole pictures apart."""
    from moclink.training.patches import PatchOptions, make_pack
    from moclink.training.picture_lists import fingerprint, hold_out, list_pictures

    pictures = list_pictures(args.pictures)
    train, kept = hold_out(pictures, args.hold_out, args.seed)
    resize = tuple(args.resize) if args.resize else None
    options = PatchOptions(
        args.size,
        args.min_std,
        resize,
        tuple(args.resize_only),
        min_side=args.min_side,
        seed=args.seed,
    )
    out = Path(args.out)
    for chosen, folder, purpose in (
        (train, out, ""),
        (kept, out / "held_out", " held out for validation"),
    ):
        if not chosen:
            continue
        counts = make_pack(chosen, folder, options)
        for line in counts.unreadable:
            print(f"left out: {line}", file=sys.stderr)
        print(f"{counts.patches} patches of {counts.pictures} pictures{purpose or f' in {folder}'}")
    (out / SOURCE).write_text(
        json.dumps({"pictures": len(pictures), "digest": fingerprint(pictures)})
    )
    return 0


def _data(args: argparse.Namespace) -> tuple[Any, list[Any]]:
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


def _loop_options(args: argparse.Namespace) -> Any:
    from moclink.training.loop import LoopOptions

    names = "steps minutes learning_rate warmup log_every validate_every checkpoint_minutes".split()
    try:
        return LoopOptions(**{name: getattr(args, name) for name in names})
    except ValueError as error:  # begins with the name of a field, which is that of an option
        field, _, rest = str(error).partition(" ")
        raise ValueError(f"--{field.replace('_', '-')} {rest}") from error


def _open(name: str, analog: bool = False, mixed: bool = False, seed: int = 0) -> tuple[Any, bool]:
    """A codec of a size, untrained, or one that was saved; and whether it is trained."""
    import keras

    from moclink.codec.analog_codec import AnalogCodec
    from moclink.codec.semantic_codec import SemanticCodec

    kind = AnalogCodec if analog else SemanticCodec
    dtype = "mixed_bfloat16" if mixed else "float32"
    # A keras.json of the user's must not change what is trained; only --mixed-precision does.
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")
    # Everything that is drawn by Keras from here on: untrained weights, and those of the other
    # networks.
    keras.utils.set_random_seed(seed)
    if name in SIZES:
        return kind.from_size(name, dtype=dtype), False
    return kind.from_preset(name, dtype=dtype), True


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
    options |= {
        k: Path(options[k]).name for k in ("features", "lpips", "st_lpips_file") if k in options
    }
    stage = {"steps": outcome.step, "minutes": round(outcome.seconds / 60, 1), "options": options}
    name = "decoder" if options.get("decoder_only") else args.stage
    before = {"continues": codec.notes[name]} if name in codec.notes else {}
    notes = {**codec.notes, name: {**stage, **before, "validation": outcome.figures}}
    print(f"wrote {codec.save(Path(args.out) / 'codec', notes)}")
    return 0


def run_stage1(args: argparse.Namespace) -> int:
    """Train autoencoder and codebooks, or the decoder alone."""
    from moclink.codec.codebooks import copy_codebooks
    from moclink.codec.quantizer import MOCRVQ
    from moclink.training.loop import run
    from moclink.training.objectives import Stage1Weights
    from moclink.training.stage1 import Stage1, Stage1Options

    plan = _loop_options(args)
    feeder, held_out = _data(args)
    codec, trained = _open(args.codec, mixed=args.mixed_precision, seed=args.seed)
    if args.decoder_only and not trained:
        raise ValueError(
            f"--decoder-only needs a trained codec; --codec {args.codec} is only a size"
        )
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


def run_reorder(args: argparse.Namespace) -> int:
    """Measure the codes' use and place them on the constellation."""
    from moclink.training.patches import CropFeeder, PatchPack
    from moclink.training.reorder import measure_usage, reorder

    codec, _ = _open(args.codec)
    usage = measure_usage(
        codec.encoder, codec.quantizer, CropFeeder(PatchPack(args.data), args.crop, 32)
    )
    reorder(codec.quantizer, usage, args.method, args.snr)
    notes = {**codec.notes, "reorder": {"method": args.method, "snr_db": args.snr}}
    print(f"wrote {codec.save(Path(args.out) / 'codec', notes)}")
    return 0


def run_stage2(args: argparse.Namespace) -> int:
    """Train the noise reduction block."""
    from moclink.training.loop import run
    from moclink.training.objectives import Stage2Weights
    from moclink.training.stage2 import Stage2, Stage2Options

    plan = _loop_options(args)
    feeder, held_out = _data(args)
    codec, _ = _open(args.codec, mixed=args.mixed_precision, seed=args.seed)
    weights = Stage2Weights(args.style, args.feature, args.pixel_loss, args.pixel)
    options = Stage2Options(weights, tuple(args.snr), seed=args.seed, jit=not args.no_jit)
    parts = (codec.encoder, codec.quantizer, codec.decoder, codec.nrb)
    outcome = run(Stage2(*parts, feeder, held_out, options), args.out, plan)
    return _finish(codec, outcome, args)


def run_jscc(args: argparse.Namespace) -> int:
    """Train the analog codec."""
    from moclink.training.jscc import JSCC, JSCCOptions
    from moclink.training.loop import run

    plan = _loop_options(args)
    feeder, held_out = _data(args)
    codec, trained = _open(args.codec, True, args.mixed_precision, args.seed)
    options = JSCCOptions(tuple(args.snr), linear=not trained, seed=args.seed, jit=not args.no_jit)
    stage = JSCC(codec.encoder, codec.decoder, codec.receiver, feeder, held_out, options)
    return _finish(codec, run(stage, args.out, plan), args)


def run_export(args: argparse.Namespace) -> int:
    """Write a codec for use and print its quality."""
    from moclink.training.export import export

    notes = dict(note.partition("=")[::2] for note in args.note)
    print(
        json.dumps(
            export(args.codec, args.out, args.test, args.snr, args.test_crop, notes), indent=1
        )
    )
    return 0


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
    from moclink.constants import CELL
    from moclink.training.patches import PatchPack

    sides = sorted(min(height, width) for _, height, width in PatchPack(folder).places)
    return min(side, sides[len(sides) // 2] // CELL * CELL)


def run_all(args: argparse.Namespace) -> int:
    """Run the stages one after the other; a stage that was stopped is continued."""
    from moclink.training.picture_lists import list_pictures

    out, pictures = Path(args.out), list_pictures(args.pictures)
    data, stage1, placed, stage2 = (
        str(out / name) for name in ("data", "stage1", "placed", "stage2")
    )
    seed, sides = ["--seed", str(args.seed)], ["--min-side", str(args.min_side)]
    # What the training itself writes may lie in the folder of the pictures.
    pictures = [path for path in pictures if not path.resolve().is_relative_to(out.resolve())]
    if not _check_source(out / "data", pictures):
        _run_next(["patches", *args.pictures, "--out", data, *sides, *seed])
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
        status = _run_next(command)
        if status:
            return status
    print(f"simulate with it: python -m moclink.simulate --chains {out / 'codec'},jpeg-ldpc")
    return 0


def _run_next(command: list[str]) -> int:
    """Run one stage of `all`."""
    print(f"-- {command[0]}", flush=True)
    return run_stage(make_parser().parse_args(command))


STAGES = {
    "patches": run_patches,
    "stage1": run_stage1,
    "reorder": run_reorder,
    "stage2": run_stage2,
    "jscc": run_jscc,
    "export": run_export,
    "all": run_all,
}


def run_stage(args: argparse.Namespace) -> int:
    """Run the stage that the options name.

    Returns:
        0 when done, 130 if stopped by a signal.

    Raises:
        ValueError, OSError, FloatingPointError: If an option or a file is wrong, or the training
        fails.
    """
    return STAGES[args.stage](args)

"""What each stage of `python -m moclink.train` does: from options to files.

Frameworks are loaded when a stage runs, not when its options are read.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from moclink.file_locks import hold_folder
from moclink.training.command_all import SOURCE, run_all
from moclink.training.command_channel import run_channel
from moclink.training.command_common import (
    check_terms,
    finish,
    load_guides,
    loop_options,
    open_codec,
    open_data,
)
from moclink.training.command_link import run_classes, run_codebooks, run_coefficients, run_link
from moclink.training.link_gpu import run_link_gpu


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
    if any(path.resolve().parent == out.resolve() for path in pictures):
        raise ValueError(
            f"--out {out} is a folder of the pictures; choose another, such as "
            f"{shlex.quote(f'{out}-data')}"
        )
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


def run_stage1(args: argparse.Namespace) -> int:
    """Train autoencoder and codebooks, or the decoder alone."""
    from moclink.codec.codebooks import copy_codebooks
    from moclink.codec.quantizer import MOCRVQ
    from moclink.training.loop import run
    from moclink.training.objectives import Stage1LossWeights
    from moclink.training.stage1 import Stage1, Stage1Options

    check_terms(args)
    plan = loop_options(args)
    feeder, held_out = open_data(args)
    codec, trained = open_codec(args.codec, mixed=args.mixed_precision, seed=args.seed)
    if args.decoder_only and not trained:
        raise ValueError(
            f"--decoder-only needs a trained codec; --codec {args.codec} is only a size"
        )
    guides = load_guides(args)
    weights = Stage1LossWeights(
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
    return finish(codec, outcome, args)


def run_reorder(args: argparse.Namespace) -> int:
    """Measure the codes' use and place them on the constellation."""
    from moclink.training.patches import CropFeeder, PatchPack
    from moclink.training.reorder import measure_usage, reorder

    codec, _ = open_codec(args.codec)
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
    from moclink.training.objectives import Stage2LossWeights
    from moclink.training.stage2 import Stage2, Stage2Options

    check_terms(args)
    plan = loop_options(args)
    feeder, held_out = open_data(args)
    codec, _ = open_codec(args.codec, mixed=args.mixed_precision, seed=args.seed)
    weights = Stage2LossWeights(args.style, args.feature, args.pixel_loss, args.pixel)
    options = Stage2Options(weights, tuple(args.snr), seed=args.seed, jit=not args.no_jit)
    parts = (codec.encoder, codec.quantizer, codec.decoder, codec.nrb)
    outcome = run(Stage2(*parts, feeder, held_out, options), args.out, plan)
    return finish(codec, outcome, args)


def run_jscc(args: argparse.Namespace) -> int:
    """Train the analog codec."""
    from moclink.training.jscc import JSCC, JSCCOptions
    from moclink.training.loop import run

    check_terms(args)
    plan = loop_options(args)
    feeder, held_out = open_data(args)
    codec, trained = open_codec(args.codec, True, args.mixed_precision, args.seed)
    options = JSCCOptions(tuple(args.snr), linear=not trained, seed=args.seed, jit=not args.no_jit)
    stage = JSCC(codec.encoder, codec.decoder, codec.receiver, feeder, held_out, options)
    return finish(codec, run(stage, args.out, plan), args)


def run_export(args: argparse.Namespace) -> int:
    """Write a codec for use and print its quality."""
    from moclink.training.export import export_codec

    notes = dict(note.partition("=")[::2] for note in args.note)
    print(
        json.dumps(
            export_codec(args.codec, args.out, args.test, args.snr, args.test_crop, notes), indent=1
        )
    )
    return 0


OUT_IS_A_FILE = ("export", "link-classes", "link-coefficients", "link-codebooks")
STAGES = {
    "patches": run_patches,
    "stage1": run_stage1,
    "reorder": run_reorder,
    "stage2": run_stage2,
    "jscc": run_jscc,
    "channel": run_channel,
    "link": run_link,
    "link-gpu": run_link_gpu,
    "link-classes": run_classes,
    "link-coefficients": run_coefficients,
    "link-codebooks": run_codebooks,
    "export": run_export,
}


def run_stage(args: argparse.Namespace) -> int:
    """Run the stage that the options name.

    Returns:
        0 when done, 130 if stopped by a signal.

    Raises:
        ValueError, OSError, FloatingPointError: If an option or a file is wrong, another process
            writes to the folder, or the training fails.
    """
    if args.stage in OUT_IS_A_FILE:
        return STAGES[args.stage](args)
    with hold_folder(Path(args.out)):
        return run_all(args, run_stage) if args.stage == "all" else STAGES[args.stage](args)

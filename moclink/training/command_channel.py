"""`python -m moclink.train channel`: encoder, decoder and codebooks trained through the channel."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from moclink.training.command_common import check_terms, loop_options, open_data, set_precision


def run_channel(args: argparse.Namespace) -> int:
    """Train encoder and decoder, told the SNR, with the channel-optimised codebooks of a codec."""
    import numpy as np
    from keras import ops

    from moclink.codec.channel_optimized_codec import ChannelOptimizedCodec
    from moclink.codec.snr_aware import SNRAwareAutoencoder
    from moclink.training.channel_stage import ChannelOptions, ChannelStage
    from moclink.training.loop import run

    check_terms(args)
    plan = loop_options(args)
    feeder, held_out = open_data(args)
    set_precision(args.mixed_precision, args.seed)
    made = ChannelOptimizedCodec.from_preset(args.codec, args.codebooks)
    network = SNRAwareAutoencoder(made.semantic_codec, made.grid.snr_db.tolist())
    network.apply(made.grid.changes)
    options = ChannelOptions(
        gradient=args.gradient,
        latent=args.latent,
        whole=args.whole,
        seed=args.seed,
        jit=not args.no_jit,
    )
    stage = ChannelStage(network, made.grid, feeder, held_out, options)
    before = stage.validate()[0]
    outcome = run(stage, args.out, plan)
    if not outcome.finished:
        return 130
    told = np.array([outcome.figures[name] > figure for name, figure in before.items()])
    grid, deepest = made.grid, max(made.grid.books)
    vectors = np.asarray(ops.convert_to_numpy(stage.codebooks.codebooks), np.float32)
    row = tuple(
        replace(books, codebooks=trained) if better else books
        for books, trained, better in zip(grid.books[deepest], vectors, told, strict=True)
    )
    levels = {**grid.levels, deepest: np.where(told, deepest, grid.levels[deepest])}
    path = Path(args.out) / "channel.npz"
    replace(
        grid,
        books={**grid.books, deepest: row},
        levels=levels,
        changes=network.changes(),
        told=told,
    ).save(path)
    gains = ", ".join(f"{name} {outcome.figures[name] - old:+.2f}" for name, old in before.items())
    print(f"wrote {path}; {gains} dB; where nothing is gained the codec's own are used")
    return 0

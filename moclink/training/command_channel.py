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
    dtype = set_precision(args.mixed_precision, args.seed)
    made = ChannelOptimizedCodec.from_preset(args.codec, args.codebooks)
    grid, deepest = made.grid, max(made.grid.books)
    network = SNRAwareAutoencoder(made.semantic_codec, grid.snr_db.tolist(), dtype)
    options = ChannelOptions(
        gradient=args.gradient,
        latent=args.latent,
        whole=args.whole,
        seed=args.seed,
        jit=not args.no_jit,
    )
    stage = ChannelStage(network, grid, feeder, held_out, options)
    before = stage.validate()[0]
    told = np.zeros(len(grid.snr_db), bool)
    if grid.changes:  # trained before: where it is told the SNR, it is judged as it is
        network.apply(grid.changes)
        told, changed = grid.told, stage.validate()[0]
        before = {
            name: changed[name] if tells else figure
            for (name, figure), tells in zip(before.items(), told, strict=True)
        }
    outcome = run(stage, args.out, plan)
    if not outcome.finished:
        return 130
    # One network serves all SNRs that are told: where it was used before, it is used on.
    told = told | [outcome.figures[name] > figure for name, figure in before.items()]
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
    used = ", ".join(f"{snr_db:g}" for snr_db in grid.snr_db[told]) or "no SNR"
    print(f"wrote {path}; {gains} dB; used at {used} dB, elsewhere the codec's own")
    return 0

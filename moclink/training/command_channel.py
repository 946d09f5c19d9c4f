"""`python -m moclink.train channel`: encoder, decoder and codebooks trained through the channel."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.training.command_common import check_terms, loop_options, open_data, set_precision


def run_channel(args: argparse.Namespace) -> int:
    """Train encoder and decoder, told the SNR, with the channel-optimised codebooks of a codec."""
    from keras import ops

    from moclink.codec.channel_optimized_codec import ChannelOptimizedCodec
    from moclink.codec.channel_optimized_grid import TrainedNetworks
    from moclink.codec.snr_aware import SNRAwareAutoencoder
    from moclink.training.channel_policy import choose_levels
    from moclink.training.channel_stage import ChannelOptions, ChannelStage
    from moclink.training.loop import run

    check_terms(args)
    plan = loop_options(args)
    feeder, held_out = open_data(args)
    dtype = set_precision(args.mixed_precision, args.seed)
    made = ChannelOptimizedCodec.from_preset(args.codec, args.codebooks)
    grid = made.grid
    name = row_name(args, grid)
    network = SNRAwareAutoencoder(made.semantic_codec, grid.snr_db.tolist(), dtype)
    options = ChannelOptions(
        row=name,
        gradient=args.gradient,
        latent=args.latent,
        whole=args.whole,
        seed=args.seed,
        jit=not args.no_jit,
    )
    stage = ChannelStage(network, grid, feeder, held_out, options)
    told, before = start_networks(stage, network, grid, name)
    outcome = run(stage, args.out, plan)
    if not outcome.finished:
        return 130
    # One network serves all SNRs that are told: where it was used before, it is used on.
    gains = np.array([outcome.figures[snr] - figure for snr, figure in before.items()])
    told = np.full(len(told), told.any() or gains.mean() > 0) if args.robust else told | (gains > 0)
    vectors = np.asarray(ops.convert_to_numpy(stage.codebooks.codebooks), np.float32)
    row = [
        replace(books, codebooks=trained) if better else books
        for books, trained, better in zip(grid.rows()[name], vectors, told, strict=False)
    ]
    trained = grid.with_row(name, row, TrainedNetworks(network.changes(), told))
    levels = choose_levels(ChannelOptimizedCodec(made.semantic_codec, trained), held_out, args.seed)
    path = Path(args.out) / "channel.npz"
    replace(trained, levels=levels).save(path)
    listed = ", ".join(f"{snr} {gain:+.2f}" for snr, gain in zip(before, gains, strict=True))
    used = ", ".join(f"{snr_db:g}" for snr_db in grid.snr_db[told]) or "no SNR"
    print(f"wrote {path}; {listed} dB; used at {used} dB, elsewhere the codec's own")
    return 0


def start_networks(
    stage: Any, network: Any, grid: Any, name: str
) -> tuple[NDArray[np.bool_], dict[str, float]]:
    """Set the networks that a row starts from: its own, those of all levels, or the codec's.

    Returns:
        At which SNRs the row was told before, bool [G], and the PSNR of what was used until now.
    """
    before = stage.validate()[0]
    told = np.zeros(len(grid.snr_db), bool)
    if name in grid.networks:  # trained before: where it is told the SNR, it is judged as it is
        network.apply(grid.networks[name].changes)
        told, changed = grid.networks[name].told, stage.validate()[0]
        before = {
            snr: changed[snr] if tells else figure
            for (snr, figure), tells in zip(before.items(), told, strict=True)
        }
    elif (deepest := str(max(grid.books))) in grid.networks:  # a better start than the codec's own
        network.apply(grid.networks[deepest].changes)
    return told, before


def row_name(args: argparse.Namespace, grid: Any) -> str:
    """Name of the row of the grid that the options ask for.

    Raises:
        ValueError: If there are no codebooks for so many levels.
    """
    from moclink.codec.channel_optimized_grid import ROBUST

    if args.robust:
        return ROBUST
    levels = max(grid.books) if args.levels is None else args.levels
    if levels not in grid.books:
        raise ValueError(f"--levels is {levels}; there are codebooks for {sorted(grid.books)}")
    return str(levels)

"""Stage 1: a few steps of the toy size, stopped and continued, and repeated."""

import csv

import keras
import numpy as np

from moclink.codec.quantizer import MOCRVQ
from moclink.codec.semantic_codec import SemanticCodec
from moclink.training.loop import LoopOptions, run
from moclink.training.objectives import Stage1LossWeights
from moclink.training.stage1 import Stage1, Stage1Options

PLAIN = Stage1LossWeights("mse", pixel=100.0, codebook=2.0, semantic=0, perceptual=0, adversarial=0)


def stage1(feeder, held_out, weights=PLAIN, **options):
    keras.utils.set_random_seed(9)
    codec = SemanticCodec.from_size("toy")
    quantizer = MOCRVQ(**codec.config["quantizer"], ema_decay=0.9)
    options = Stage1Options(weights=weights, reseed_every=2, jit=False, **options)
    return Stage1(codec.encoder, quantizer, codec.decoder, feeder, held_out, options)


def losses(folder):
    with open(folder / "log.csv", newline="") as source:
        return {int(r[0]): float(r[2]) for r in csv.reader(source) if r[1] == "loss"}


def test_stage_1_stopped_and_continued_gives_the_same_losses(feeder, held_out, tmp_path):
    plan = dict(steps=8, log_every=1, validate_every=0, warmup=2)
    run(stage1(feeder, held_out), tmp_path / "whole", LoopOptions(**plan))
    stage, count = stage1(feeder, held_out), 0
    train = stage.train

    def interrupted(step, rate):
        nonlocal count
        count += 1
        if count == 5:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)
        return train(step, rate)

    stage.train = interrupted
    assert not run(stage, tmp_path / "parts", LoopOptions(**plan)).finished
    assert run(stage1(feeder, held_out), tmp_path / "parts", LoopOptions(**plan)).finished
    whole, parts = losses(tmp_path / "whole"), losses(tmp_path / "parts")
    assert list(whole) == list(parts) == list(range(1, 9))
    # Sums of several threads may round differently; nothing else may differ.
    np.testing.assert_allclose(list(parts.values()), list(whole.values()), rtol=1e-4)


def test_stage_1_with_a_discriminator_moves_both_sides(feeder, held_out):
    weights = Stage1LossWeights("l1", semantic=0, perceptual=0)
    stage = stage1(feeder, held_out, weights, critic_width=4)
    before = {k: np.array(v) for k, v in stage.variables().items()}
    found = stage.train(0, 1e-3)
    stage.train(1, 1e-3)
    assert {"adversarial", "critic", "pixel"} <= set(found) and np.isfinite(
        list(found.values())
    ).all()
    moved = {
        k.split("/")[0] for k, v in stage.variables().items() if not np.array_equal(before[k], v)
    }
    assert moved == {"codec", "critic"}


def test_before_the_codebooks_start_they_stay(feeder, held_out):
    stage = stage1(feeder, held_out, free_steps=2)
    stage.train(0, 1e-3)
    books = stage.quantizer.codebooks
    stage.train(1, 1e-3)
    stage.train(2, 1e-3)
    assert np.abs(stage.quantizer.codebooks - books).max() > 0.1

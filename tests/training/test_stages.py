"""The stages themselves: a few steps of the toy size, stopped and continued."""

import csv

import keras
import numpy as np
import pytest

from moclink.codec.analog_model import AnalogCodec
from moclink.codec.kmeans import code_usage
from moclink.codec.model import SemanticCodec
from moclink.codec.quantizer import MOCRVQ
from moclink.codec.sizes import analog_size
from moclink.training.analog import Analog, AnalogOptions
from moclink.training.loop import LoopOptions, run
from moclink.training.objectives import Stage1Weights
from moclink.training.patches import CropFeeder, PatchPack
from moclink.training.receiver import Stage2, Stage2Options, measure_usage, reorder
from moclink.training.stages import Stage1, Stage1Options, draw_levels

PLAIN = Stage1Weights("mse", pixel=100.0, codebook=2.0, semantic=0, perceptual=0, adversarial=0)


def feeder(data):
    return CropFeeder(PatchPack(data), 32, 4)


def held_out(data):
    return [PatchPack(data / "held_out")[0][:48, :40].astype(np.float32) / 255]


def stage1(data, weights=PLAIN, **options):
    keras.utils.set_random_seed(9)
    codec = SemanticCodec.from_size("toy")
    quantizer = MOCRVQ(**codec.config["quantizer"], ema_decay=0.9)
    options = Stage1Options(weights=weights, reseed_every=2, jit=False, **options)
    return Stage1(codec.encoder, quantizer, codec.decoder, feeder(data), held_out(data), options)


def losses(folder):
    with open(folder / "log.csv", newline="") as source:
        return {int(r[0]): float(r[2]) for r in csv.reader(source) if r[1] == "loss"}


def test_stage_1_stopped_and_continued_gives_the_same_losses(data, tmp_path):
    plan = dict(steps=8, log_every=1, validate_every=0, warmup=2)
    run(stage1(data), tmp_path / "whole", LoopOptions(**plan))
    stage, count = stage1(data), 0
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
    assert run(stage1(data), tmp_path / "parts", LoopOptions(**plan)).finished
    whole, parts = losses(tmp_path / "whole"), losses(tmp_path / "parts")
    assert list(whole) == list(parts) == list(range(1, 9))
    # Sums of several threads may round differently; nothing else may differ.
    np.testing.assert_allclose(list(parts.values()), list(whole.values()), rtol=1e-4)


def test_stage_1_with_a_discriminator_moves_both_sides(data):
    weights = Stage1Weights("l1", semantic=0, perceptual=0)
    stage = stage1(data, weights, critic_width=4)
    before = {k: np.array(v) for k, v in stage.variables().items()}
    found = stage.train(0, 1e-3)
    stage.train(1, 1e-3)
    assert {"adversarial", "critic", "pixel"} <= set(found) and np.isfinite(list(found.values())).all()
    moved = {k.split("/")[0] for k, v in stage.variables().items() if not np.array_equal(before[k], v)}
    assert moved == {"codec", "critic"}


def test_before_the_codebooks_start_they_stay(data):
    stage = stage1(data, free_steps=2)
    stage.train(0, 1e-3)
    books = stage.quantizer.codebooks
    stage.train(1, 1e-3)
    assert not stage._batch(1)["levels"].any() and stage._batch(2)["levels"].all()
    stage.train(2, 1e-3)
    assert np.abs(stage.quantizer.codebooks - books).max() > 0.1


def test_levels_are_drawn_as_told():
    drawn = draw_levels(np.random.default_rng(0), 40_000, 4, 0.5)
    share = np.bincount(drawn, minlength=5)[1:] / drawn.size
    # 0.125 each and 0.5 more for all four; standard error 0.0025 at most.
    np.testing.assert_allclose(share, [0.125, 0.125, 0.125, 0.625], atol=0.0125)


@pytest.fixture(scope="module")
def codec(data):
    keras.utils.set_random_seed(3)
    codec = SemanticCodec.from_size("toy")
    stage = stage1(data)
    stage.train(0, 0.0)
    for mine, theirs in ((codec.encoder, stage.encoder), (codec.decoder, stage.decoder)):
        mine.set_weights(theirs.get_weights())
    codec.quantizer.initialize(stage._latents(0, 8))
    return codec


def test_reordering_changes_nothing_without_noise_and_stores_priors(codec, data):
    image = held_out(data)[0][None]
    before = codec.decode(codec.encode(image))
    usage = measure_usage(codec.encoder, codec.quantizer, feeder(data), 4)
    reorder(codec.quantizer, usage, "greedy", 10.0)
    assert np.array_equal(codec.decode(codec.encode(image)), before)
    again = measure_usage(codec.encoder, codec.quantizer, feeder(data), 4)
    expected = (again + 1) / (again + 1).sum(-1, keepdims=True)
    np.testing.assert_allclose(codec.priors, expected, atol=1e-6)
    assert (code_usage(codec.encode(image), 8).sum(-1) == 30).all()


def test_stage_2_trains_the_nrb_alone(codec, data):
    frozen = [np.array(v) for part in (codec.encoder, codec.quantizer, codec.decoder) for v in part.weights]
    nrb = [np.array(v) for v in codec.nrb.weights]
    parts = (codec.encoder, codec.quantizer, codec.decoder, codec.nrb)
    stage = Stage2(*parts, feeder(data), held_out(data), Stage2Options(jit=False))
    for step in range(2):
        found = stage.train(step, 1e-3)
    assert {"loss", "style", "feature", "pixel", "psnr"} == set(found)
    now = [np.array(v) for part in (codec.encoder, codec.quantizer, codec.decoder) for v in part.weights]
    assert all(np.array_equal(a, b) for a, b in zip(frozen, now, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(nrb, codec.nrb.weights, strict=True))
    figures, pictures = stage.validate()
    assert figures["plain_20dB"] > figures["plain_0dB"] and pictures["0"].dtype == np.uint8


def test_the_analog_stage_gains_with_snr(data):
    keras.utils.set_random_seed(3)
    codec = AnalogCodec(analog_size("toy", 16))
    parts = (codec.encoder, codec.decoder, codec.receiver)
    stage = Analog(*parts, feeder(data), held_out(data), AnalogOptions(jit=False))
    assert np.isfinite(stage.train(0, 1e-4)["loss"])
    figures, _ = stage.validate()
    assert figures["20dB"] > figures["10dB"] > figures["0dB"]

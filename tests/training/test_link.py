"""The restoration network of the linear link: tiles, objective, stage and command."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from moclink.images import sample_paths
from moclink.linear.classes import ClassModel
from moclink.linear.codebooks import CodebookGrid
from moclink.linear.restoration import CONFIGS, Restoration
from moclink.train import main
from moclink.training.checkpoint import load_checkpoint, save_checkpoint
from moclink.training.link_objective import Distance, LinkObjective, pattern_error
from moclink.training.link_passes import TileOptions, make_tiles, usable
from moclink.training.link_sending import TILE, LinkCodecs
from moclink.training.link_stage import LinkStage
from moclink.training.link_tiles import Prefetcher, TileFeeder

TOY = CONFIGS["toy"]


def run(*args):
    return main([str(a) for a in args])


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """Folder of the tiles of the sample pictures, one of which is held out."""
    folder = tmp_path_factory.mktemp("tiles")
    options = TileOptions(passes=1, tiles=3)
    make_tiles(sample_paths(), folder, LinkCodecs.load("linear-classes-32"), options)
    return folder


def test_tiles_are_estimates_of_their_originals(tiles):
    estimates, originals, maps, statistics = (
        np.load(tiles / f"pass00_{part}.npy") for part in ("rec", "org", "map", "con")
    )
    assert estimates.shape == originals.shape == (3 * (len(sample_paths()) - 1), TILE, TILE, 3)
    error = np.mean((estimates.astype(np.float32) - originals / 255.0) ** 2, axis=(1, 2, 3))
    expected = maps.sum(-1).mean((1, 2)) / 3
    assert 0.2 < np.exp(np.mean(np.log(error / expected))) < 5
    assert np.all((statistics[:, 0] >= -6) & (statistics[:, 0] <= 31))
    np.testing.assert_allclose(statistics[:, 3], 2 * np.log10(statistics[:, 2]) + 3, atol=1e-5)


def test_a_batch_depends_on_seed_and_step_alone(tiles):
    feeder = TileFeeder(tiles, 4, seed=3)
    assert feeder.tiles == 3 * (len(sample_paths()) - 1)
    prefetcher = Prefetcher(TileFeeder(tiles, 4, seed=3))
    prefetcher(9)  # elsewhere first
    for step in (2, 3):
        one, other = feeder(step), prefetcher(step)
        assert one["images"].shape == one["originals"].shape == (4, TILE, TILE, 3)
        assert one["errors"].shape == (4, TILE // 32, TILE // 32, 6)
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert not np.array_equal(feeder(2)["images"], feeder(3)["images"])
    assert not np.array_equal(feeder(2)["images"], TileFeeder(tiles, 4, 4)(2)["images"])


def mean_difference(images, reference):
    return keras.ops.mean(keras.ops.abs(images - reference), axis=(1, 2, 3))


def test_the_objective_is_the_squared_error_and_the_weighted_distances(tiles):
    batch = TileFeeder(tiles, 3, seed=1)(0)
    batch["snr_db"] = np.array([10.0, 0.0, 20.0], np.float32)
    batch["shift"] = np.array([3, 5], np.int32)
    identity = SimpleNamespace(network=lambda inputs: inputs[0])
    terms = {"all": Distance(mean_difference, 0.5), "two": Distance(mean_difference, 2.0, tiles=2)}
    found = LinkObjective(identity.network, terms, slope=4.0, pattern=7.0)(batch)
    error = np.mean((batch["images"] - batch["originals"]) ** 2, axis=(1, 2, 3)) / batch["before"]
    distance = np.abs(np.clip(batch["images"], 0, 1) - batch["originals"])
    distance = distance[:, 3 : TILE - 4, 5 : TILE - 2].mean((1, 2, 3))
    share = np.array([1.0, 4.0, 0.25])  # by 4 for each 10 dB
    expected = error.mean() + 0.5 * np.mean(share * distance)
    expected += 2.0 * np.mean(share[:2] * distance[:2])
    repeated = np.asarray(pattern_error(batch["images"] - batch["originals"])) / batch["before"]
    expected += 7.0 * repeated.mean()
    assert repeated.mean() > 0.001
    assert float(found["loss"]) == pytest.approx(expected, rel=1e-4)
    assert float(found["two"]) == pytest.approx(distance[:2].mean(), rel=1e-4)


def small_stage(tiles, feeder=None, **options):
    keras.utils.set_random_seed(2)
    feeder = feeder or TileFeeder(tiles, 4)
    return LinkStage(TOY, feeder, tiles / "validation.npz", jit=False, **options)


def test_the_stage_trains_and_averages_and_starts_at_the_codec(tiles):
    batch = TileFeeder(tiles, 4)(0)
    stage = small_stage(tiles, lambda step: batch)  # one batch again and again
    before, pictures = stage.validate()
    assert all(value == pytest.approx(0, abs=0.02) for value in before.values())  # float16 tiles
    assert set(pictures) == {f"octonary 1-24 {snr} dB" for snr in (0, 5, 10)}
    losses = [stage.train(step, 5e-3)["pixel"] for step in range(15)]
    assert losses[-1] < 0.98 * losses[0]
    now, trained = stage.averaged.get_weights(), stage.variables()
    weights = [
        keras.ops.convert_to_numpy(trained[f"restoration/weights/{i:04d}"]) for i in range(len(now))
    ]
    apart = [np.abs(a - b).max() for a, b in zip(now, weights, strict=True)]
    assert 0 < max(apart) < 0.3
    assert len(stage.variables()) == len({id(v) for v in stage.variables().values()})


def test_a_checkpoint_goes_on_where_it_was(tiles, tmp_path):
    whole, second = small_stage(tiles), small_stage(tiles)
    for step in range(7):
        if step == 5:
            save_checkpoint(tmp_path / "c.npz", whole.variables(), {})
        whole.train(step, 5e-3)
    load_checkpoint(tmp_path / "c.npz", second.variables())
    for step in (5, 6):
        second.train(step, 5e-3)
    # TensorFlow adds up in another order at times: 1.5e-8 was seen. Without the moments
    # a step of Adam is as large as its rate, 5e-3.
    for name, value in whole.variables().items():
        other = keras.ops.convert_to_numpy(second.variables()[name])
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(value), other, rtol=0, atol=1e-6, err_msg=name
        )


def test_a_distance_pulls_the_network_towards_it(tiles):
    def light(images, reference):
        return keras.ops.mean(images, axis=(1, 2, 3))

    found = []
    for weight in (0.0, 30.0):
        stage = small_stage(tiles, distances={"light": Distance(light, weight)})
        for step in range(10):
            stage.train(step, 5e-3)
        found.append(stage.validate()[0]["octonary 1/24 0 dB light"])
    assert found[1] < 0.99 * found[0]


def test_one_command_makes_tiles_trains_and_writes_and_goes_on_where_it_was(tmp_path, capsys):
    out = tmp_path / "out"
    plan = ("--network", "toy", "--batch", 4, "--log-every", 2, "--warmup", 1, "--passes", 1)
    small = (*plan, "--tiles", 2, "--steps")
    pictures = [str(path) for path in sample_paths()[:2]]
    assert run("link", *pictures, "--out", out, *small, 4) == 0
    described = json.loads((out / "restoration.json").read_text())
    assert described["notes"]["steps"] == 4 and described["config"] == TOY
    assert described["notes"]["options"]["objective"] == "mse"
    weights = Restoration.load(out / "restoration").network.get_weights()
    stamp = (out / "tiles" / "pass00_con.npy").stat().st_mtime_ns
    assert run("link", *pictures, "--out", out, *small, 6) == 0
    assert "continuing from step 4" in capsys.readouterr().out
    assert (out / "tiles" / "pass00_con.npy").stat().st_mtime_ns == stamp
    again = tmp_path / "again"
    assert run("link", "--data", out / "tiles", "--out", again, *small, 4) == 0
    found = Restoration.load(again / "restoration").network.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(found, weights, strict=True))
    further = ("--start", again / "restoration", "--out", tmp_path / "further")
    assert run("link", "--data", out / "tiles", *further, *small, 1) == 0
    assert Restoration.load(tmp_path / "further" / "restoration").config == TOY
    capsys.readouterr()
    other = str(sample_paths()[2])
    assert run("link", other, *pictures, "--out", out, *small, 8) == 2
    assert "tiles of other pictures; name another --data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--data", "nowhere"), "nowhere holds no tiles"),
        (("nowhere",), "no such file or folder: nowhere"),
        (("--data", "{tiles}", "--steps", "0"), "--steps is 0"),
        (("--data", "{tiles}", "--batch", "0"), "--batch is 0"),
        (("--data", "{tiles}", "--lpips-vgg", "1"), "--lpips-vgg needs --objective perceptual"),
        (
            ("--data", "{tiles}", "--objective", "perceptual", "--st-lpips", "-1"),
            "--st-lpips is -1.0; it must be at least 0",
        ),
        (
            ("--data", "{tiles}", "--objective", "perceptual", "--lpips-alex", "0"),
            "needs a weight above 0",
        ),
        (("--data", "{tiles}", "--slope", "0"), "--slope is 0.0"),
        (("--data", "{tiles}", "--pattern", "-1"), "--pattern is -1.0"),
        (("--data", "{tiles}", "--costly-tiles", "0"), "--costly-tiles is 0"),
        (("--data", "{tiles}", "--start", "nothing"), "'nothing' is neither"),
        (("{picture}", "--passes", "0"), "--passes is 0"),
        (("{picture}", "--workers", "0"), "--workers is 0"),
        (("{picture}", "--classes", "nothing"), "nothing.npz does not exist"),
        (("{picture}", "--codebooks", "nothing"), "nothing.npz does not exist"),
    ],
)
def test_a_wrong_option_is_one_line_and_status_2(
    options, words, tiles, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    places = {"tiles": tiles, "picture": sample_paths()[0]}
    assert run("link", "--out", "x", *(str(o).format(**places) for o in options)) == 2
    lines = [
        line for line in capsys.readouterr().err.splitlines() if line.startswith("moclink.train:")
    ]
    assert len(lines) == 1 and words in lines[0]


def test_pictures_that_are_of_no_use_are_named(tmp_path, capsys):
    Image.fromarray(np.zeros((100, 300, 3), np.uint8)).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(sample_paths()[0].read_bytes()[:-5000])
    bad = [tmp_path / name for name in ("small.png", "text.png", "cut.png")]
    assert usable([bad[0], sample_paths()[0], *bad[1:]]) == [sample_paths()[0]]
    err = capsys.readouterr().err
    assert "small.png: its shorter side has 100 pixels" in err
    assert "text.png: " in err and "cut.png: " in err
    assert run("link", tmp_path / "small.png", "--out", tmp_path / "x") == 2
    assert "sides of 128 pixels or more" in capsys.readouterr().err


def test_jax_trains_in_mixed_precision(tiles, tmp_path):
    pytest.importorskip("jax")
    options = ("--data", tiles, "--out", tmp_path, "--backend", "jax", "--mixed-precision")
    plan = ("--network", "toy", "--batch", 2, "--steps", 2, "--log-every", 1, "--warmup", 0)
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "moclink.train", "link", *map(str, (*options, *plan))]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "step 2  loss" in done.stdout
    described = json.loads((tmp_path / "restoration.json").read_text())
    assert (
        described["notes"]["steps"] == 2
        and described["notes"]["options"]["mixed_precision"] is True
    )


def test_it_trains_in_mixed_precision_and_writes_a_network_of_float32(tiles, tmp_path):
    plan = ("--network", "toy", "--batch", 2, "--steps", 2, "--log-every", 1, "--warmup", 0)
    for folder, option in (("plain", ()), ("mixed", ("--mixed-precision",))):
        assert run("link", "--data", tiles, "--out", tmp_path / folder, *plan, *option) == 0
    losses = []
    for folder in ("plain", "mixed"):
        network = Restoration.load(tmp_path / folder / "restoration").network
        assert network.dtype_policy.name == "float32"
        log = (tmp_path / folder / "log.csv").read_text().splitlines()
        losses.append([float(row.split(",")[2]) for row in log if ",loss," in row])
    # 8 bits of bfloat16: losses differ, by a few parts in a hundred at most.
    assert losses[0] != losses[1] and losses[1] == pytest.approx(losses[0], rel=0.05)


def test_classes_and_codebooks_are_made_by_command(tmp_path, capsys):
    classes = tmp_path / "classes.npz"
    few = ("--classes", 3, "--rounds", 5)
    assert run("link-classes", sample_paths()[0], "--out", classes, *few) == 0
    assert ClassModel.load(classes).count == 3
    books = tmp_path / "books.npz"
    short = ("--snr", 0, 10, 10, "--rounds", 1, "--scalar-rounds", 12)
    assert run("link-codebooks", "--out", books, "--only", 0, *short) == 0
    grid = CodebookGrid.load(books)
    assert grid.shapes == [(1, 1)] and list(grid.snr_db) == [0, 10]
    assert 0.1 < grid.distortions[0, 1] < grid.distortions[0, 0] < 0.8
    assert run("link-codebooks", "--out", books, "--only", 9) == 2
    assert run("link-classes", sample_paths()[0], "--out", classes, "--rounds", 1) == 2
    err = capsys.readouterr().err
    assert "--only is 9; it must be 0 to 6" in err and "--rounds is 1" in err

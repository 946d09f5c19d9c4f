"""`link-gpu`: tiles on the device, steps and averages (JAX on a processor), the command."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from moclink.images import sample_paths
from moclink.linear.restoration import CONFIGS, Restoration
from moclink.train import main
from moclink.training.link_gpu import WARMUP, Schedule

pytest.importorskip("jax")


def on_jax(code, *arguments):
    """Run code in a process of its own, in which Keras is on JAX."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, *(("-c", code) if code else ()), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_rates_rise_and_fall():
    schedule = Schedule(begun=0.0, minutes=2.0, steps=10**9, rate=0.5)
    assert schedule.deadline == 120
    np.testing.assert_allclose(schedule.rates(0, 2, 0.0), [0.5 / WARMUP, 1.0 / WARMUP], rtol=1e-6)
    np.testing.assert_allclose(schedule.rates(WARMUP, 2, 0.5), [0.25, 0.25], rtol=1e-6)
    np.testing.assert_allclose(schedule.rates(WARMUP, 1, 1.0), [0.0], atol=1e-9)


STEPS = """
import keras, numpy as np, jax, jax.numpy as jnp
from moclink.linear import restoration
from moclink.training.link_device import CHUNK, TileBuffer, Trainer, draw
from moclink.training.link_objective import LinkObjective

rng = np.random.default_rng(0)
buffer = TileBuffer(2 * CHUNK)
rec = rng.random((CHUNK, 128, 128, 3), dtype=np.float32)
con = np.tile(np.array([5.0, -1.2, 0.25, 1.8], np.float32), (CHUNK, 1))
chunk = {"rec": rec.astype(np.float16), "org": np.full((CHUNK, 128, 128, 3), 128, np.uint8),
         "map": np.full((CHUNK, 4, 4, 6), 0.02, np.float32), "con": con}
for _ in range(3):
    buffer.add(chunk)
assert (buffer.filled, buffer.seen) == (2 * CHUNK, 3 * CHUNK)
batch = draw(buffer.arrays, buffer.filled, jax.random.key(1), 4)
smallest = np.sort(chunk["rec"].reshape(CHUNK, -1).astype(np.float32), 1)[:, :9]
for image in np.asarray(batch["images"]):  # each is a tile, turned or mirrored
    assert np.isclose(np.sort(image.ravel())[:9], smallest).all(1).any()
network = restoration.build(restoration.CONFIGS["toy"])
trainer = Trainer(LinkObjective(network), 4, 0.9)
first = trainer.run(buffer, jax.random.key(2), np.full(2, 3e-3, np.float32))
for i in range(6):
    last = trainer.run(buffer, jax.random.key(3 + i), np.full(2, 3e-3, np.float32))
assert last["loss"] < 0.9 * first["loss"], (first, last)
trainer.keep_average()
kept = [np.asarray(v) for v in trainer.state["average"]]
trainer.run(buffer, jax.random.key(20), np.full(2, np.nan, np.float32))
assert not all(np.isfinite(np.asarray(v)).all() for v in trainer.state["weights"])
trainer.restart()
assert all(np.array_equal(a, b) for a, b in zip(kept, trainer.state["weights"]))
averaged = trainer.averaged(restoration.CONFIGS["toy"])
assert all(np.array_equal(a, b) for a, b in zip(kept, averaged.get_weights()))
"""


def test_steps_lower_the_loss_and_a_lost_run_goes_back(tmp_path):
    done = on_jax(STEPS)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_command_trains_writes_and_continues(tmp_path):
    small = ("--network", "toy", "--workers", 1, "--batch", 2, "--first", 1, "--capacity", 256)
    plan = (*small, "--steps", 3, "--steps-per-call", 2, "--minutes", 60)
    command = ("-m", "moclink.train", "link-gpu", *sample_paths()[:2], *plan)
    done = on_jax("", *command, "--out", tmp_path / "a")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "step 3  loss" in done.stdout
    described = json.loads((tmp_path / "a" / "restoration.json").read_text())
    assert described["notes"]["steps"] == 3 and described["config"] == CONFIGS["toy"]
    assert "hybrid 1/24 10 dB gain" in described["notes"]["validation"]
    assert Restoration.load(tmp_path / "a" / "restoration").config == CONFIGS["toy"]
    average = tmp_path / "a" / "average.npz"
    done = on_jax(
        "", *command, "--out", tmp_path / "b", "--resume", average, "--network", "standard"
    )
    assert done.returncode == 2
    assert "average.npz is of another network; name its --network" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--batch", "0"), "--batch is 0"),
        (("--minutes", "0"), "--minutes is 0.0"),
        (("--keep", "1"), "--keep is 1.0"),
        (("--lpips-alex", "1"), "--lpips-alex needs --objective perceptual"),
    ],
)
def test_a_wrong_option_is_one_line_and_status_2(options, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "tensorflow"))
    assert main(["link-gpu", str(sample_paths()[0]), "--out", str(tmp_path / "x"), *options]) == 2
    assert words in capsys.readouterr().err

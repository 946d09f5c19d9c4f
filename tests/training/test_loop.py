import csv
import os
import signal
import struct

import keras
import numpy as np
import pytest

from moclink.training.events import EventWriter, masked_crc
from moclink.training.loop import LoopOptions, load_checkpoint, run, save_checkpoint


class Descent:
    """Gradient descent with momentum on |w - t(step)|^2: a stage small enough to follow by hand."""

    def __init__(self, stop_at=None, rate=0.1):
        self.w, self.m = keras.Variable(np.zeros(3, np.float32)), keras.Variable(np.zeros(3, np.float32))
        self.stop_at, self.rate = stop_at, rate

    @property
    def config(self):
        return {"rate": self.rate}

    def variables(self):
        return {"w": self.w, "m": self.m}

    def train(self, step, learning_rate):
        target = np.random.default_rng([1, step]).normal(size=3).astype(np.float32)
        w, m = (keras.ops.convert_to_numpy(v) for v in (self.w, self.m))
        self.m.assign(0.9 * m + (w - target))
        self.w.assign(w - learning_rate * keras.ops.convert_to_numpy(self.m))
        if step == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"loss": float(((w - target) ** 2).sum())}

    def validate(self):
        w = keras.ops.convert_to_numpy(self.w)
        return {"norm": float((w**2).sum())}, {"0": np.zeros((4, 4, 3), np.uint8)}


def losses(folder):
    with open(folder / "log.csv", newline="") as source:
        return [(int(r[0]), float(r[2])) for r in csv.reader(source) if r[1] == "loss"]


OPTIONS = LoopOptions(steps=30, learning_rate=0.1, warmup=3, log_every=1, validate_every=10)


def test_a_stopped_run_continues_exactly(tmp_path):
    whole = run(Descent(), tmp_path / "whole", OPTIONS)
    first = run(Descent(stop_at=11), tmp_path / "parts", OPTIONS)
    assert not first.finished and first.step == 12
    second = run(Descent(), tmp_path / "parts", OPTIONS)
    assert second.finished and second.step == whole.step == 30
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    assert second.figures == whole.figures
    assert sorted(p.name for p in (tmp_path / "parts" / "pictures").iterdir()) == [
        "0-0000010.png",
        "0-0000020.png",
        "0-0000030.png",
    ]


def test_a_run_with_other_options_is_refused(tmp_path):
    run(Descent(), tmp_path, OPTIONS)
    with pytest.raises(ValueError, match=r"rate=0\.1, not 0\.2"):
        run(Descent(rate=0.2), tmp_path, OPTIONS)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    stage = Descent()
    stage.train = lambda step, rate: {"loss": float("nan")}
    with pytest.raises(FloatingPointError, match="step 0"):
        run(stage, tmp_path, OPTIONS)


def test_the_rate_rises_and_falls_to_zero():
    options = LoopOptions(steps=100, learning_rate=1.0, warmup=9)
    rates = [options.rate(step, 0.0) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(rates[9], rel=0.02)
    assert rates[100] == 0.0
    by_clock = LoopOptions(minutes=2, learning_rate=1.0, warmup=0)
    assert by_clock.rate(5, 60.0) == pytest.approx(0.5) and by_clock.progress(0, 120.0) == 1


def test_checkpoints_of_other_models_and_damaged_ones_are_refused(tmp_path):
    path = tmp_path / "c.npz"
    save_checkpoint(path, Descent().variables(), {"step": 3})
    assert load_checkpoint(path, Descent().variables()) == {"step": 3}
    with pytest.raises(ValueError, match="another model|of another"):
        load_checkpoint(path, {"w": Descent().w})
    with pytest.raises(ValueError, match="in the model"):
        load_checkpoint(path, {"w": keras.Variable(np.zeros(4)), "m": Descent().m})
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="no readable checkpoint"):
        load_checkpoint(path, Descent().variables())


def test_options_out_of_range_are_refused():
    with pytest.raises(ValueError, match="steps"):
        LoopOptions(steps=0)
    with pytest.raises(ValueError, match="minutes"):
        LoopOptions(minutes=0)


def test_crc32c_of_the_standards_check_string():
    crc = 0xE3069283  # "123456789"
    assert masked_crc(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_tensorboard_reads_what_was_written(tmp_path):
    events = pytest.importorskip("tensorflow").compat.v1.train.summary_iterator
    writer = EventWriter(tmp_path)
    writer.scalars(300, {"loss": 0.25, "val/l4": 27.5})
    found = list(events(str(writer.path)))
    assert found[0].file_version == "brain.Event:2"
    assert found[1].step == 300
    assert {v.tag: v.simple_value for v in found[1].summary.value} == {"loss": 0.25, "val/l4": 27.5}
    assert struct.unpack("<Q", writer.path.read_bytes()[:8])[0] > 0

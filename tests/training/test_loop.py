import csv
import os
import signal

import keras
import numpy as np
import pytest

from moclink.training.loop import LoopOptions, run


class Descent:
    """Gradient descent with momentum on |w - t(step)|^2: a stage small enough to follow by hand."""

    def __init__(self, stop_at=None, rate=0.1):
        self.w, self.m = (
            keras.Variable(np.zeros(3, np.float32)),
            keras.Variable(np.zeros(3, np.float32)),
        )
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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("log_every", 0),
        ("warmup", -1),
        ("validate_every", -1),
        ("minutes", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("checkpoint_minutes", float("inf")),
    ],
)
def test_options_out_of_range_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=f"^{field} is {value}"):
        LoopOptions(**{field: value})


def test_a_plan_by_the_clock_does_not_count_the_step_that_compiles(tmp_path, monkeypatch, capsys):
    """The first step takes 100 s, the others 1 s: of 10 s of training 11 steps are left, not one."""
    now = [0.0]
    monkeypatch.setattr("moclink.training.loop.time.monotonic", lambda: now[0])

    def slow(stage, first):
        train, calls = stage.train, []

        def timed(step, rate):
            calls.append(step)
            now[0] += 100.0 if len(calls) == 1 else 1.0
            return train(step, rate)

        stage.train = timed
        return stage

    plan = LoopOptions(minutes=10 / 60, learning_rate=0.1, warmup=3, log_every=1, validate_every=0)
    whole = run(slow(Descent(), 0), tmp_path / "whole", plan)
    assert (whole.step, whole.seconds) == (11, 10.0)
    stopped = run(slow(Descent(stop_at=4), 0), tmp_path / "parts", plan)
    assert (stopped.step, stopped.seconds, stopped.finished) == (5, 4.0, False)
    resumed = run(slow(Descent(), 5), tmp_path / "parts", plan)
    assert (resumed.step, resumed.seconds, resumed.finished) == (12, 10.0, True)
    assert "hardly trained" not in capsys.readouterr().err


def test_a_plan_too_short_to_train_says_so(tmp_path, capsys):
    plan = LoopOptions(minutes=1e-9, learning_rate=0.1, warmup=3, log_every=1, validate_every=0)
    assert run(Descent(), tmp_path, plan).finished
    assert (
        "no more than the warm-up of 3: hardly trained; give more --minutes"
        in capsys.readouterr().err
    )

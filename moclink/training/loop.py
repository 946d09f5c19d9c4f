"""The loop around a training stage: schedule, logs, checkpoints, exact resume.

    for step: prepare -> batch(step) -> train_on_batch -> log;   now and then: validate, checkpoint

The batch of a step, its levels and its noise depend on (seed, step) alone and a checkpoint holds every
weight and every moment of the optimizer, so a run that was stopped and continued gives the losses of an
undisturbed one.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from moclink.training.events import EventWriter


class Stage(Protocol):
    """What the loop needs to know of a training stage."""

    @property
    def config(self) -> dict[str, Any]:
        """What a checkpoint must agree on to be continued."""

    def train(self, step: int, learning_rate: float) -> dict[str, float]:
        """Do one step and return its losses; the first call to name is `loss`."""

    def variables(self) -> dict[str, Any]:
        """Every variable whose value the next step depends on, by unique name."""

    def validate(self) -> tuple[dict[str, float], dict[str, NDArray[np.uint8]]]:
        """Return figures on held-out pictures, and pictures to look at, uint8 [H, W, 3]."""


@dataclass(frozen=True)
class LoopOptions:
    """How long and how fast, and what is written when.

    Attributes:
        steps: Planned number of steps; the learning rate falls to zero at the last one.
        minutes: If given, the plan is wall-clock time instead, over all continuations; the schedule
            then follows the clock and is not repeatable to the last digit.
        learning_rate: Peak of the learning rate.
        warmup: Steps over which it rises from zero.
        log_every: Steps averaged into one line of the log.
        validate_every: Steps between validations; 0 validates at the end only.
        checkpoint_minutes: Minutes between checkpoints.
    """

    steps: int = 1000
    minutes: float | None = None
    learning_rate: float = 1e-3
    warmup: int = 100
    log_every: int = 20
    validate_every: int = 500
    checkpoint_minutes: float = 3.0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.log_every < 1 or self.warmup < 0 or self.validate_every < 0:
            raise ValueError(
                f"steps and log_every must be >= 1, warmup and validate_every >= 0, got {asdict(self)}"
            )
        if self.minutes is not None and self.minutes <= 0:
            raise ValueError(f"minutes must be above 0, got {self.minutes}")

    def progress(self, step: int, seconds: float) -> float:
        """Return the share of the plan that is done, 0 .. 1."""
        done = step / self.steps if self.minutes is None else seconds / (60 * self.minutes)
        return min(1.0, done)

    def rate(self, step: int, seconds: float) -> float:
        """Return the learning rate: linear warm-up times half a cosine over the plan."""
        rise = min(1.0, (step + 1) / (self.warmup + 1))
        return self.learning_rate * rise * 0.5 * (1 + np.cos(np.pi * self.progress(step, seconds)))


@dataclass(frozen=True)
class Outcome:
    """How a call of `run` ended.

    Attributes:
        step: Steps done in all.
        seconds: Seconds of training in all, over all continuations.
        finished: False if a signal stopped the run before its plan was done.
        figures: The last validation.
    """

    step: int
    seconds: float
    finished: bool
    figures: dict[str, float]


def save_checkpoint(path: str | Path, variables: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write variables and state to an .npz file, whole or not at all (a new file takes the old one's place).

    Args:
        path: The file.
        variables: Keras variables by name.
        state: Values that JSON can hold.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    arrays: dict[str, Any] = {name: np.asarray(variable) for name, variable in variables.items()}
    with open(partial, "wb") as sink:
        np.savez(sink, __state__=np.array(json.dumps(state)), **arrays)
    os.replace(partial, path)


def load_checkpoint(path: str | Path, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Read a checkpoint into variables and return its state.

    Raises:
        ValueError: If it holds other variables or other shapes than asked for, or is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no readable checkpoint ({error}); delete it to start anew") from error
    state = json.loads(str(arrays.pop("__state__")))
    missing = sorted(set(variables) ^ set(arrays))
    if missing:
        raise ValueError(f"{path} is of another model: {len(missing)} names differ, e.g. {missing[0]}")
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            raise ValueError(f"{path}: {name} is {arrays[name].shape}, in the model {tuple(variable.shape)}")
        variable.assign(arrays[name])
    return state


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying of them, so that a step is never cut in half."""
    caught: list[int] = []
    wanted = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, lambda n, _: caught.append(n)) for number in wanted}
    try:
        yield caught
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Log:
    """The run's log: a CSV file, TensorBoard events and a line on the terminal."""

    def __init__(self, out: Path, step: int):
        self._path = out / "log.csv"
        self._events = EventWriter(out / "tensorboard")
        self._drop_after(step)

    def _drop_after(self, step: int) -> None:
        """Remove lines of steps that are done again after a crash."""
        if not self._path.exists():
            return
        with open(self._path, newline="") as source:
            rows = [row for row in csv.reader(source) if row[0].isdigit() and int(row[0]) <= step]
        with open(self._path, "w", newline="") as sink:
            csv.writer(sink).writerows([("step", "name", "value"), *rows])

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add one row a value: step, name, value."""
        fresh = not self._path.exists()
        with open(self._path, "a", newline="") as sink:
            writer = csv.writer(sink)
            if fresh:
                writer.writerow(("step", "name", "value"))
            writer.writerows((step, name, repr(float(value))) for name, value in values.items())
        self._events.scalars(step, values)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"


def _left(options: LoopOptions, step: int, seconds: float, pace: float) -> float:
    if options.minutes is not None:
        return max(0.0, 60 * options.minutes - seconds)
    return (options.steps - step) * pace


def _validate(stage: Stage, out: Path, step: int, log: _Log) -> dict[str, float]:
    figures, pictures = stage.validate()
    log.write(step, {f"val/{name}": value for name, value in figures.items()})
    folder = out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{name}-{step:07d}.png")
    print(f"step {step}  validation  " + "  ".join(f"{k} {v:.2f}" for k, v in figures.items()), flush=True)
    return figures


def _resume(stage: Stage, path: Path) -> tuple[int, float]:
    """Load the checkpoint, if there is one, and return the step and seconds reached."""
    if not path.exists():
        return 0, 0.0
    state = load_checkpoint(path, stage.variables())
    mine = json.loads(json.dumps(stage.config))
    differ = sorted(k for k in mine.keys() | state["config"].keys() if mine.get(k) != state["config"].get(k))
    if differ:
        name = differ[0]
        raise ValueError(
            f"{path} was made with {name}={state['config'].get(name)!r}, not {mine.get(name)!r}; "
            "continue with the same options, or name another --out folder"
        )
    print(f"continuing from step {state['step']} of {path}", flush=True)
    return int(state["step"]), float(state["seconds"])


def run(stage: Stage, out: str | Path, options: LoopOptions) -> Outcome:
    """Train a stage to the end of its plan, from its checkpoint if there is one.

    Writes into `out`: `checkpoint.npz`, `log.csv`, `tensorboard/`, `pictures/`.

    Args:
        stage: The stage.
        out: Folder of the run.
        options: Length, rate and rhythm.

    Returns:
        How it ended; after SIGINT or SIGTERM the checkpoint is written and `finished` is False.

    Raises:
        ValueError: If the folder holds a checkpoint of other options.
        FloatingPointError: If the loss is no longer finite; the last checkpoint is kept.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "checkpoint.npz"
    step, seconds = _resume(stage, path)
    log, window, figures = _Log(out, step), [], {}

    def save() -> None:
        save_checkpoint(path, stage.variables(), {"step": step, "seconds": seconds, "config": stage.config})

    with _signals() as caught:
        begun, saved = time.monotonic() - seconds, time.monotonic()
        first, started = step, time.monotonic()
        while not caught and options.progress(step, seconds) < 1:
            losses = stage.train(step, float(options.rate(step, seconds)))
            if not np.isfinite(losses["loss"]):
                raise FloatingPointError(f"loss is {losses['loss']} at step {step}; lower the learning rate")
            step += 1
            seconds = time.monotonic() - begun
            window.append(losses)
            if step % options.log_every == 0:
                means = {name: float(np.mean([w[name] for w in window])) for name in losses}
                pace = (time.monotonic() - started) / (step - first)
                log.write(step, {**means, "seconds": seconds, "learning_rate": options.rate(step, seconds)})
                shown = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
                left = _left(options, step, seconds, pace)
                print(f"step {step}  {shown}  {pace:.2f} s/step  left {_clock(left)}", flush=True)
                window = []
            if options.validate_every and step % options.validate_every == 0:
                figures = _validate(stage, out, step, log)
            if time.monotonic() - saved > 60 * options.checkpoint_minutes:
                save()
                saved = time.monotonic()
        save()
    if caught:
        print(f"stopped at step {step}; the same command continues from {path}", file=sys.stderr, flush=True)
    else:
        figures = _validate(stage, out, step, log)
    return Outcome(step, seconds, not caught, figures)

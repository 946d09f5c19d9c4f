"""The loop around a training stage: schedule, logs, checkpoints, exact resume.

    for step: prepare -> batch(step) -> train_on_batch -> log;   now and then: validate, checkpoint

The batch of a step, its levels and its noise depend on (seed, step) alone and a checkpoint holds
every weight and every moment of the optimizer, so a run that was stopped and continued gives the
losses of an undisturbed one.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from moclink.training.checkpoint import load_checkpoint, save_checkpoint
from moclink.training.run_log import RunLog


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
        minutes: If given, the plan is wall-clock time instead, over all continuations, the first
            step of each, which compiles, aside; the schedule then follows the clock and is not
            repeatable to the last digit.
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
        for name, least in (("steps", 1), ("log_every", 1), ("warmup", 0), ("validate_every", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}")
        positive = {
            "learning_rate": self.learning_rate,
            "checkpoint_minutes": self.checkpoint_minutes,
        }
        if self.minutes is not None:
            positive["minutes"] = self.minutes
        for name, value in positive.items():
            if not 0 < value < np.inf:
                raise ValueError(f"{name} is {value}; it must be above 0 and finite")

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


@contextmanager
def catch_signals() -> Iterator[list[int]]:
    """Collect SIGINT, SIGTERM and SIGHUP instead of dying of them: no step is cut in half.

    A SIGHUP that is ignored, as nohup(1) has it, stays so.
    """
    caught: list[int] = []
    wanted = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        wanted.append(signal.SIGHUP)
    previous = {number: signal.signal(number, lambda n, _: caught.append(n)) for number in wanted}
    try:
        yield caught
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"


def _print_progress(
    options: LoopOptions, step: int, seconds: float, pace: float, means: Mapping[str, float]
) -> None:
    """Print one line of progress, with the time that is left."""
    planned = None if options.minutes is None else 60 * options.minutes - seconds
    left = (options.steps - step) * pace if planned is None else max(0.0, planned)
    shown = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
    print(f"step {step}  {shown}  {pace:.2f} s/step  left {_clock(left)}", flush=True)


def _validate(stage: Stage, out: Path, step: int, log: RunLog) -> dict[str, float]:
    figures, pictures = stage.validate()
    log.write(step, {f"val/{name}": value for name, value in figures.items()})
    folder = out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{name}-{step:07d}.png")
    print(
        f"step {step}  validation  " + "  ".join(f"{k} {v:.2f}" for k, v in figures.items()),
        flush=True,
    )
    return figures


def _resume(stage: Stage, path: Path) -> tuple[int, float]:
    """Load the checkpoint, if there is one, and return the step and seconds reached."""
    if not path.exists():
        return 0, 0.0
    state = load_checkpoint(path, stage.variables())
    mine = json.loads(json.dumps(stage.config))
    differ = sorted(
        k for k in mine.keys() | state["config"].keys() if mine.get(k) != state["config"].get(k)
    )
    if differ:
        name = differ[0]
        raise ValueError(
            f"{path} was made with {name}={state['config'].get(name)!r}, not {mine.get(name)!r}; "
            "continue with the same options, or name another --out folder"
        )
    print(f"continuing from step {state['step']} of {path}", flush=True)
    return int(state["step"]), float(state["seconds"])


def _save(stage: Stage, path: Path, step: int, seconds: float) -> None:
    state = {"step": step, "seconds": seconds, "config": stage.config}
    save_checkpoint(path, stage.variables(), state)


def run(stage: Stage, out: str | Path, options: LoopOptions) -> Outcome:
    """Train a stage to the end of its plan, from its checkpoint if there is one.

    Writes into `out`: `checkpoint.npz`, `log.csv`, `tensorboard/`, `pictures/`.

    Args:
        stage: The stage.
        out: Folder of the run.
        options: Length, rate and rhythm.

    Returns:
        How it ended; after SIGINT, SIGTERM or SIGHUP the checkpoint is written and `finished` is False.

    Raises:
        ValueError: If the folder holds a checkpoint of other options.
        FloatingPointError: If the loss is no longer finite; the last checkpoint is kept.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "checkpoint.npz"
    step, seconds = _resume(stage, path)
    log = RunLog(out, step)
    with catch_signals() as caught:
        step, seconds, figures = _train(stage, out, options, log, step, seconds, caught)
        _save(stage, path, step, seconds)
    if caught:
        print(
            f"stopped at step {step}; the same command continues from {path}",
            file=sys.stderr,
            flush=True,
        )
        return Outcome(step, seconds, False, figures)
    if options.minutes is not None and step <= options.warmup:
        print(
            f"only {step} steps in {options.minutes:g} minutes, no more than the warm-up of "
            f"{options.warmup}: hardly trained; give more --minutes",
            file=sys.stderr,
            flush=True,
        )
    return Outcome(step, seconds, True, _validate(stage, out, step, log))


def _train(
    stage: Stage,
    out: Path,
    options: LoopOptions,
    log: RunLog,
    step: int,
    seconds: float,
    caught: Sequence[int],
) -> tuple[int, float, dict[str, float]]:
    """Train until the plan is done or a signal is caught: the step, the seconds, the last validation."""
    window: list[dict[str, float]] = []
    figures: dict[str, float] = {}
    saved, first, before, begun = time.monotonic(), step, seconds, None
    while not caught and options.progress(step, seconds) < 1:
        losses = stage.train(step, float(options.rate(step, seconds)))
        if not np.isfinite(losses["loss"]):
            raise FloatingPointError(
                f"loss is {losses['loss']} at step {step}; lower the learning rate"
            )
        step += 1
        if begun is None:  # the first step compiles; the clock starts behind it
            first, begun = step, time.monotonic() - seconds
        seconds = time.monotonic() - begun
        window.append(losses)
        if step % options.log_every == 0:
            means = {name: float(np.mean([w[name] for w in window])) for name in losses}
            pace = (seconds - before) / max(1, step - first)
            rate = options.rate(step, seconds)
            log.write(step, {**means, "seconds": seconds, "learning_rate": rate})
            _print_progress(options, step, seconds, pace, means)
            window = []
        if options.validate_every and step % options.validate_every == 0:
            figures = _validate(stage, out, step, log)
        if time.monotonic() - saved > 60 * options.checkpoint_minutes:
            _save(stage, out / "checkpoint.npz", step, seconds)
            saved = time.monotonic()
    return step, seconds, figures

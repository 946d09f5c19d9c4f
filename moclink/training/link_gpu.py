"""`python -m moclink.train link-gpu`: the restoration network in minutes of a GPU (Keras on JAX).

Processes make new tiles all the time (`link_stream`); the newest are kept on the device, and one
compiled call does many steps, each with tiles drawn, turned and mirrored on the device. Averaged
weights are saved every two minutes and at the end in OUT/average.npz, which `--resume` continues
from; OUT/restoration.json is the result, in eight bits. Ctrl-C and SIGTERM save and end with 130.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moclink.training.command_link import make_distances, perceptual_weights

SAVE_SECONDS, LOG_SECONDS, WARMUP = 120.0, 8.0, 300


@dataclass(frozen=True)
class Schedule:
    """How long to train, by the clock and in steps.

    Attributes:
        begun: When the command began, in seconds of `time.monotonic`.
        minutes: How long it may take in all.
        steps: How many steps it may do.
        rate: Peak of the learning rate.
    """

    begun: float
    minutes: float
    steps: int
    rate: float

    @property
    def deadline(self) -> float:
        """End of the time, in seconds of `time.monotonic`."""
        return self.begun + 60 * self.minutes

    def rates(self, step: int, count: int, progress: float) -> np.ndarray:
        """Learning rates of the next steps: warm-up times half a cosine over what is planned."""
        rise = np.minimum(1.0, (step + 1 + np.arange(count)) / min(WARMUP, self.steps))
        fall = 0.5 * (1 + np.cos(np.pi * min(1.0, progress)))
        return (self.rate * rise * fall).astype(np.float32)

    def say(self, text: str) -> None:
        """Print a line with the seconds since the start."""
        print(f"{time.monotonic() - self.begun:6.1f} s  {text}", flush=True)


def _check(args: argparse.Namespace) -> None:
    for name in ("workers", "batch", "capacity", "first", "steps", "steps_per_call"):
        if getattr(args, name) < 1:
            option = name.replace("_", "-")
            raise ValueError(f"--{option} is {getattr(args, name)}; it must be at least 1")
    for name in ("minutes", "learning_rate"):
        if not 0 < getattr(args, name) < np.inf:
            option = name.replace("_", "-")
            raise ValueError(f"--{option} is {getattr(args, name)}; it must be above 0 and finite")
    if not 0 <= args.keep < 1:
        raise ValueError(f"--keep is {args.keep}; it must be at least 0 and below 1")


def _steps(
    trainer: Any, stream: Any, args: argparse.Namespace, schedule: Schedule, caught: list[int]
) -> None:
    """Steps to the end of the schedule or to a signal, with a line of progress now and then."""
    import jax

    from moclink.training.link_device import CHUNK, ChunkReader, TileBuffer

    buffer, reader = TileBuffer(-(-args.capacity // CHUNK) * CHUNK), ChunkReader(stream)
    reader.start()
    while buffer.filled < min(args.first, args.capacity) and not caught:
        if time.monotonic() > schedule.deadline:
            raise ValueError(
                f"--minutes is {schedule.minutes:g}, and {buffer.filled} of the {args.first} tiles of "
                "--first are made; give more minutes or workers"
            )
        buffer.add_all(reader.pop())
        time.sleep(0.05)
    schedule.say(f"{buffer.filled} tiles; compiling")
    key, step, peak_falls = jax.random.key(args.seed), 0, 1.0
    begun = None  # behind the first call, which compiles
    shown = saved = time.monotonic()
    while (now := time.monotonic()) < schedule.deadline and step < schedule.steps and not caught:
        buffer.add_all(reader.pop())
        passed = 0.0 if begun is None else (now - begun) / (schedule.deadline - begun)
        count = min(args.steps_per_call, schedule.steps - step)
        rates = peak_falls * schedule.rates(step, count, max(passed, step / schedule.steps))
        key, part = jax.random.split(key)
        means = trainer.run(buffer, part, rates)
        step, begun = step + count, begun or time.monotonic()
        if not np.isfinite(means["loss"]):  # back to the last averages that were kept
            peak_falls /= 2
            trainer.restart()
            schedule.say(f"step {step}  loss {means['loss']}: back to kept averages, half the rate")
            continue
        now = time.monotonic()
        if now - shown > LOG_SECONDS or step == schedule.steps:
            shown = now
            trainer.keep_average()
            figures = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
            schedule.say(f"step {step}  {figures}  tiles {buffer.seen}")
        if now - saved > SAVE_SECONDS:
            saved = now
            trainer.save(Path(args.out) / "average.npz")


def run_link_gpu(args: argparse.Namespace) -> int:
    """Train, validate and write; returns the exit status."""
    schedule = Schedule(time.monotonic(), args.minutes, args.steps, args.learning_rate)
    _check(args)
    weights = perceptual_weights(args)
    from moclink.codec.int8_weights import write_int8_weights
    from moclink.linear import restoration
    from moclink.training.command_common import set_precision
    from moclink.training.link_data import centre_crops
    from moclink.training.link_device import Trainer, validate
    from moclink.training.link_objective import LinkObjective
    from moclink.training.link_passes import usable
    from moclink.training.link_stream import TileStream
    from moclink.training.loop import catch_signals
    from moclink.training.picture_lists import hold_out, list_pictures

    dtype, out = set_precision(True, args.seed), Path(args.out)
    paths, held = hold_out(usable(list_pictures(args.pictures)), args.hold_out, args.seed)
    config = restoration.CONFIGS[args.network]
    objective = LinkObjective(
        restoration.build(config, dtype),
        make_distances(args, weights, dtype),
        args.slope,
        args.pattern,
    )
    trainer = Trainer(objective, args.batch, args.keep)
    if args.resume:
        trainer.load(Path(args.resume))
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="moclink-tiles-") as folder:
        crops = centre_crops(held or paths)
        stream = TileStream(paths, crops, Path(folder), args.workers, args.seed)
        try:
            with catch_signals() as caught:
                _steps(trainer, stream, args, schedule, caught)
                trainer.save(out / "average.npz")
            if caught:
                saved = shlex.quote(str(out / "average.npz"))
                print(f"stopped; --resume {saved} continues", file=sys.stderr)
                return 130
            data = stream.validation()
        finally:
            stream.close()
    network = trainer.averaged(config)
    figures = validate(network, data, objective.distances)
    names = ("objective", "batch", "learning_rate", "keep", "slope", "pattern", "seed")
    notes: dict[str, Any] = {
        "steps": int(trainer.state["step"]),
        "minutes": round((time.monotonic() - schedule.begun) / 60, 1),
        "options": {name: getattr(args, name) for name in names} | weights,
        "validation": figures,
    }
    description = write_int8_weights(out / "restoration", restoration.KIND, config, network, notes)
    schedule.say("  ".join(f"{label} {value:.3f}" for label, value in figures.items()))
    print(f"wrote {description}")
    return 0

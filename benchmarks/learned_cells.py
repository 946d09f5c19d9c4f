"""Where the time of a learned chain's cell goes: python -m benchmarks.learned_cells --images PHOTO.

One picture is sent by each chain at a few SNRs, in a sweep with store and metrics, and the CPU time of
each step is measured while it runs: what a step calls counts for the step that is called. CPU time, and
not wall clock, so that other work on the machine disturbs little; with one thread (set OMP_NUM_THREADS,
TF_NUM_INTRAOP_THREADS and NUMBA_NUM_THREADS to 1) it is the time of a core. Each chain first sends a
crop and then the mirrored picture, so that graphs for all sizes are traced outside the clock.

The last line is what all cells of the paper's Fig. 3 would take at this rate: 25 pictures, 36 SNRs and
the five learned chains, each encoded once a picture, in core-hours. It is extrapolated.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.machine import machine_line
from moclink import metrics
from moclink.chain import AnalogChain
from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.tiling import CompiledFunction
from moclink.images import Picture, find_images, read_pictures
from moclink.option_parser import Parser
from moclink.phy.modems import IndexModem
from moclink.results.store import ResultStore
from moclink.simulate import parse_snr
from moclink.sweep import task
from moclink.sweep.plan import Plan
from moclink.sweep.run_sweep import run_sweep
from moclink.sweep.session import Scorer, Session

RESULTS = Path(__file__).parent / "results"
CHAINS = "moc-rvq-l1,moc-rvq-l2,moc-rvq-l3,moc-rvq-l4,jscc-96-paper"
METRICS = ("psnr", "ssim", "lpips")
REMAINING = "all else"
FIGURE_PICTURES, FIGURE_SNRS = 25, 36


class Stopwatch:
    """CPU seconds of steps; a step that another one calls is not counted twice."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._inner: list[float] = [0.0]

    def timed(self, step: str | Callable[..., str], function: Callable) -> Callable:
        """The function, counted as a step: its name, or a function of the arguments that gives it."""

        @wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            self._inner.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                whole = time.process_time() - start
                name = step if isinstance(step, str) else step(*args)
                self.seconds[name] += whole - self._inner.pop()
                self._inner[-1] += whole

        return counted


def step_of(function: CompiledFunction, *_: Any) -> str:
    """The step that a network's function is, by its layers."""
    kinds = {type(part).__name__ for part in function.parts}
    if "Encoder" in kinds:
        return "encoding"
    if "NoiseReduction" in kinds:
        return "noise reduction"
    return "decoding" if "Decoder" in kinds else "posteriors and retrieval"


def steps(session: Session) -> list[tuple[Any, str, str | Callable[..., str]]]:
    """(owner, attribute, step) of what is timed."""
    return [
        (Session, "transmission", "encoding"),
        (type(session.channel), "__call__", "channel"),
        (IndexModem, "demodulate", "log-likelihoods"),
        (CompiledFunction, "run_on_device", step_of),
        (SemanticCodec, "_requantized", "requantisation"),
        (AnalogChain, "receive", "clipping, copies"),
        (Scorer, "__call__", "recognising equal pictures"),
        *((metrics, name, name.upper()) for name in METRICS),
        (task, "_png", "gallery (of one picture)"),
        (ResultStore, "add", "storing"),
    ]


def measure(session: Session, plan: Plan, picture: Picture, stopwatch: Stopwatch) -> Counter[str]:
    """CPU seconds of each step of a sweep over one picture."""
    stopwatch.seconds.clear()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as patches:
        store = ResultStore(folder, {"chains": list(plan.chains)})
        for owner, name, step in steps(session):
            counted = stopwatch.timed(step, getattr(owner, name))
            patches.enter_context(patch.object(owner, name, counted))
        start = time.process_time()
        run_sweep(plan, [picture], store, lambda cells, unit: None, make_session=lambda: session)
        whole = time.process_time() - start
        store.close()
    seconds = Counter(stopwatch.seconds)
    seconds[REMAINING] = whole - sum(seconds.values())
    return seconds


def breakdown(picture: Picture, plan: Plan) -> dict[str, dict[str, Any]]:
    """Chain -> CPU seconds: of encoding, of the other steps (mean over SNRs), of a cell at each SNR."""
    session, stopwatch = Session(plan), Stopwatch()
    first = [picture.pixels[:-8, :-8], picture.pixels[:, ::-1]]
    result = {}
    for chain in plan.chains:
        for pixels in first:
            other = Picture("first", np.ascontiguousarray(pixels))
            one = replace(plan, chains=(chain,), snrs=plan.snrs[:1])
            measure(session, one, other, stopwatch)
        total: Counter[str] = Counter()
        cells = {}
        for snr in plan.snrs:
            seconds = measure(
                session, replace(plan, chains=(chain,), snrs=(snr,)), picture, stopwatch
            )
            cells[snr] = sum(seconds.values()) - seconds["encoding"]
            total.update(seconds)
        encoding = total.pop("encoding")
        means = {step: value / len(plan.snrs) for step, value in total.most_common()}
        result[chain] = {"encoding": encoding, "steps": means, "cells": cells}
    return result


def figure_hours(result: dict[str, dict[str, Any]]) -> float:
    """Core-hours of all cells of a Fig. 3 of these chains over pictures such as this one."""
    cells = sum(FIGURE_SNRS * sum(chain["steps"].values()) for chain in result.values())
    return FIGURE_PICTURES * (cells + sum(chain["encoding"] for chain in result.values())) / 3600


def print_table(result: dict[str, dict[str, Any]]) -> None:
    """Milliseconds, one line a step and one column a chain."""
    names = dict.fromkeys(step for chain in result.values() for step in chain["steps"])
    print(f"{'CPU ms':28}" + "".join(f"{chain:>14}" for chain in result))
    lines = {name: [chain["steps"].get(name, 0.0) for chain in result.values()] for name in names}
    lines["a cell"] = [sum(chain["steps"].values()) for chain in result.values()]
    for snr in next(iter(result.values()))["cells"]:
        lines[f"a cell at {snr:g} dB"] = [chain["cells"][snr] for chain in result.values()]
    lines["encoding, once a picture"] = [chain["encoding"] for chain in result.values()]
    for name, values in lines.items():
        print(f"{name:28}" + "".join(f"{1e3 * value:14.0f}" for value in values))


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and write its results."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, help="the picture; of a folder the first")
    parser.add_argument("--chains", default=CHAINS, help="comma-separated list (%(default)s)")
    parser.add_argument("--snr", default="0,10,20,30", help="as of moclink.simulate (%(default)s)")
    out = RESULTS / f"learned-cells-{date.today().isoformat()}.json"
    parser.add_argument("--out", type=Path, default=out)
    options = parser.parse_args(arguments)
    machine = machine_line()
    read = read_pictures(find_images([options.images]))[0]
    picture = Picture(read.name, read.pixels)  # in memory: a task reads it once for all its cells
    plan = Plan(parse_snr(options.snr), tuple(options.chains.split(",")), metrics=METRICS)
    result = breakdown(picture, plan)
    hours = figure_hours(result)
    print(f"{machine}\n{picture.name}, {picture.width} x {picture.height}")
    print_table(result)
    count = FIGURE_PICTURES * FIGURE_SNRS * len(result)
    print(f"{count} cells: {hours:.2f} core-hours, extrapolated")
    record = {
        "command": "python -m benchmarks.learned_cells " + " ".join(arguments or sys.argv[1:]),
        "date": date.today().isoformat(),
        "machine": machine,
        "versions": {name: version(name) for name in ("keras", "numpy", "numba")},
        "picture": [picture.name, picture.height, picture.width],
        "cpu_seconds": result,
        "core_hours_of_figure_extrapolated": hours,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()

"""How the time of a sweep grows: the exponents over pictures, pixels, SNR points and trials.

    python -m benchmarks.scaling

Each axis is doubled from a small sweep, everything else kept, in this process alone. CPU time is
taken, which other processes disturb less than wall-clock time; the sizes of an axis take turns and
the fastest of the rounds counts. The exponent is the slope of log time over log size: 1 is
proportional, less means that work is shared along the axis (pictures are encoded once for all SNRs;
what arrives undamaged is decoded once). Set-up (imports, tracing, compiling) is left out by a sweep
before.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.machine import machine_line
from moclink.images import Picture, read_image, sample_paths
from moclink.option_parser import Parser
from moclink.presets import default_chains
from moclink.results.store import ResultStore
from moclink.sweep.plan import Plan
from moclink.sweep.run_sweep import run_sweep

RESULTS = Path(__file__).parent / "results"
SNRS = (4.0, 8.0, 12.0, 16.0)  # on both sides of the waterfall
SIDE = 256


def picture(side: int, number: int) -> Picture:
    """A square of a sample photograph, one of several."""
    pixels = read_image(sample_paths()[number % 3])
    pixels = np.concatenate([pixels, pixels[::-1]])
    top = 7 * (number // 3)
    return Picture(
        f"{number}-{side}", np.ascontiguousarray(pixels[top : top + side, top : top + side])
    )


def changed(picture: Picture, number: int) -> Picture:
    """A picture that differs from all others in a pixel: nothing is remembered of it."""
    pixels = picture.pixels.copy()
    pixels[0, 0] = divmod(number, 256) + (0,)
    return Picture(picture.name, pixels)


def seconds(plan: Plan, pictures: list[Picture]) -> float:
    """CPU seconds of a sweep in this process."""
    with tempfile.TemporaryDirectory() as folder:
        store = ResultStore(folder, {"chains": list(plan.chains)})
        start = time.process_time()
        run_sweep(plan, pictures, store, lambda cells, unit: None)
        taken = time.process_time() - start
        store.close()
    return taken


def cases(chain: str) -> dict[str, dict[int, tuple[Plan, list[Picture]]]]:
    """Axis -> size -> sweep."""
    plan, one = Plan(SNRS, (chain,)), [picture(SIDE, 0)]
    step = {8: 2.0, 16: 1.0, 32: 0.5}
    return {
        "pictures": {n: (plan, [picture(SIDE, i) for i in range(n)]) for n in (2, 4, 8)},
        "pixels": {s * s: (plan, [picture(s, 0)]) for s in (128, 256, 512)},
        "SNR points": {
            n: (dataclasses.replace(plan, snrs=tuple(4.0 + step[n] * i for i in range(n))), one)
            for n in step
        },
        "trials": {n: (dataclasses.replace(plan, trials=n), one) for n in (2, 4, 8)},
    }


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and write its results."""
    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument("--chains", help="comma-separated list (the default sweep's chains)")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--out", type=Path, default=RESULTS / f"scaling-{date.today().isoformat()}.json"
    )
    options = parser.parse_args(arguments)
    machine = machine_line()
    chains = options.chains.split(",") if options.chains else default_chains()
    results: dict[str, dict] = {}
    numbers = itertools.count()
    for chain in chains:
        results[chain] = {}
        for axis, sizes in cases(chain).items():
            fastest = dict.fromkeys(sizes, math.inf)
            for _ in range(options.rounds + 1):  # the first round traces
                for size, (plan, pictures) in sizes.items():
                    new = [changed(each, next(numbers)) for each in pictures]
                    fastest[size] = min(fastest[size], seconds(plan, new))
            slope = float(np.polyfit(np.log(list(fastest)), np.log(list(fastest.values())), 1)[0])
            results[chain][axis] = {
                "cpu_s": {str(k): v for k, v in fastest.items()},
                "exponent": slope,
            }
            times = ", ".join(f"{size}: {taken:.2f} s" for size, taken in fastest.items())
            print(f"{chain:16s} {axis:10s} exponent {slope:5.2f}   {times}", flush=True)
    record = {
        "command": "python -m benchmarks.scaling " + " ".join(arguments or sys.argv[1:]),
        "date": date.today().isoformat(),
        "machine": machine,
        "versions": {
            name: version(name) for name in ("sionna-no-rt", "tensorflow", "numpy", "numba")
        },
        "sweep": f"SNRs {', '.join(f'{snr:g}' for snr in SNRS)} dB, one trial, a picture of {SIDE} x {SIDE}, "
        "except along the axis",
        "chains": results,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{machine}\nwritten to {options.out}")


if __name__ == "__main__":
    main()

"""Worker processes: the same sweep with one and with several, and what the machine itself allows.

    python -m benchmarks.workers --images PHOTOS --pictures 6

The whole command is timed, loading TensorFlow and drawing the figures included, in turns: with one
worker, with N, and N commands with one worker each at the same time. The last is the machine's
ceiling: processors that share a core, its caches or its memory do not do twice the work for being
two. Rows must be equal.

One worker uses several threads to decode LDPC, N workers one each; so N is more than they can gain.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.machine import machine_line
from moclink.images import find_images, sample_paths
from moclink.option_parser import Parser
from moclink.results.store import read_rows
from moclink.sweep.workers import cpus

RESULTS = Path(__file__).parent / "results"


def seconds(command: list[str], outs: list[Path], workers: int) -> float:
    """Wall-clock time of as many commands at once as there are folders."""
    start = time.perf_counter()
    running = [
        subprocess.Popen(
            [*command, "--workers", str(workers), "--out", str(out)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for out in outs
    ]
    for process in running:
        if process.wait():
            raise RuntimeError(f"{' '.join(command)} ended with exit status {process.returncode}")
    return time.perf_counter() - start


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument("--workers", type=int, default=cpus(), help="N (%(default)s)")
    parser.add_argument("--snr", default="-5:30", help="as of moclink.simulate (%(default)s)")
    parser.add_argument("--images", action="append", help="file or folder (moclink's samples)")
    parser.add_argument("--pictures", type=int, help="take only so many")
    parser.add_argument(
        "--chains", default="jpeg-ldpc,bpg-ldpc", help="comma-separated list (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        "--out", type=Path, default=RESULTS / f"workers-{date.today().isoformat()}.json"
    )
    return parser.parse_args(arguments)


def one_round(command: list[str], n: int) -> dict[str, float | bool]:
    """Wall-clock times of the three ways, their ratios, and whether the rows are equal."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        walls = {
            "one_worker_s": seconds(command, [folder / "one"], 1),
            "workers_s": seconds(command, [folder / "several"], n),
            "commands_at_once_s": seconds(command, [folder / str(i) for i in range(n)], 1),
        }
        equal = read_rows(folder / "one") == read_rows(folder / "several")
    alone = walls["one_worker_s"]
    return {
        **walls,
        "ratio": alone / walls["workers_s"],
        "ceiling": n * alone / walls["commands_at_once_s"],
        "rows_equal": equal,
    }


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and write its results."""
    options = _options(arguments)
    machine, n = machine_line(), options.workers
    paths = (find_images(options.images) if options.images else sample_paths())[: options.pictures]
    command = [
        sys.executable,
        "-m",
        "moclink.simulate",
        f"--snr={options.snr}",
        "--chains",
        options.chains,
    ]
    for path in paths:
        command += ["--images", str(path)]
    rounds = []
    for _ in range(options.rounds):
        rounds.append(one_round(command, n))
        print(json.dumps(rounds[-1]), flush=True)
    record = {
        "command": "python -m benchmarks.workers " + " ".join(arguments or sys.argv[1:]),
        "date": date.today().isoformat(),
        "machine": machine,
        "versions": {
            name: version(name) for name in ("sionna-no-rt", "tensorflow", "numpy", "numba")
        },
        "part": f"{len(paths)} pictures, SNRs {options.snr}, chains {options.chains}, {n} workers",
        "baseline": "the same command with one worker",
        "rounds": rounds,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{machine}\nwritten to {options.out}")


if __name__ == "__main__":
    main()

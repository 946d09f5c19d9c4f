"""Damaged BPG files by the thousand: does the decoder ever crash, hang or eat memory?

Every stream is one of a few good files (all chroma formats, small and odd sizes, alpha, 8 to 12
bits) with mutations of ten kinds. The decoder may return a picture or raise a `ValueError`; the
program counts both, the slowest stream, and the peak memory. Streams are decoded in a child
process, so that a crash is seen, blamed on its stream and survived.

    python -m benchmarks.bpg_fuzz --streams 20000

writes benchmarks/results/bpg-fuzz-DATE.json and exits with status 1 if a stream violated a guarantee.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from benchmarks.machine import machine_line
from moclink import bpg
from moclink.bpg.bits import read_ue7, write_ue7
from moclink.option_parser import Parser

RESULTS = Path(__file__).parent / "results"
REFERENCES = Path(__file__).parents[1] / "tests" / "refs" / "bpg"
# 10 and 12 bits, 4:2:2, limited range, alpha.
FURTHER = (
    "coffee-b12",
    "coffee-f422-b10",
    "coffee-cycgco-limitedrange",
    "coffee-alpha",
    "coffee-alpha-b10",
)
TIME_LIMIT_S = 2.0
MAX_PIXELS = 2**24  # a stream that claims more is refused, for the time limit's sake


def smooth_picture(height: int, width: int, seed: int) -> np.ndarray:
    """Return a random picture with the correlation of a photograph: uint8 [height, width, 3]."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 2, (height, width, 3)).cumsum(0).cumsum(1) / np.sqrt(max(height, width))
    return np.clip(128 + 4 * steps + rng.normal(0, 4, steps.shape), 0, 255).astype(np.uint8)


def good_files() -> list[bytes]:
    """Return the files that are damaged: ours, and the reference encoder's of further kinds."""
    cases = [(64, 64, "420", 29), (187, 250, "420", 24), (61, 45, "444", 32), (33, 97, "gray", 35)]
    cases += [(5, 7, "444", 20), (256, 256, "444", 30), (1, 130, "420", 40), (128, 96, "gray", 10)]
    ours = [
        bpg.encode(smooth_picture(height, width, seed), qp, chroma, md5=bool(seed % 2))
        for seed, (height, width, chroma, qp) in enumerate(cases)
    ]
    return ours + [(REFERENCES / f"{name}.bpg").read_bytes() for name in FURTHER]


def _flip(data: bytearray, rng: np.random.Generator, positions: np.ndarray) -> bytearray:
    for at in positions:
        data[at] ^= 1 << int(rng.integers(8))
    return data


def _mutate_bits(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    return _flip(data, rng, rng.integers(len(data), size=rng.integers(1, 4)))


def _mutate_header(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    return _flip(data, rng, rng.integers(4, 40, size=rng.integers(1, 5)) % len(data))


def _mutate_channel(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    error_rate = 10 ** rng.uniform(-4, -0.5)  # of bits, as behind a channel decoder that failed
    errors = np.packbits(rng.random(8 * len(data)) < error_rate)
    return bytearray(np.frombuffer(data, np.uint8) ^ errors)


def _mutate_bytes(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    for at in rng.integers(4, len(data), size=rng.integers(1, 9)):
        data[at] = int(rng.choice([0, 1, 3, 0x7F, 0x80, 0xFF, rng.integers(256)]))
    return data


def _mutate_end(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    return data[: rng.integers(len(data))]


def _mutate_cut(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    start, stop = sorted(rng.integers(4, len(data), size=2))
    del data[start:stop]
    return data


def _mutate_copy(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    start, stop = sorted(rng.integers(4, len(data), size=2))
    at = int(rng.integers(4, len(data)))
    return data[:at] + data[start:stop] * int(rng.integers(1, 20)) + data[at:]


def _mutate_units(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    for _unit in range(rng.integers(1, 6)):  # forged NAL units of every type
        at = int(rng.integers(10, len(data) + 1)) if len(data) > 10 else len(data)
        forged = bytes([0, 0, 1, int(rng.integers(64)) << 1, 1]) + rng.bytes(int(rng.integers(30)))
        data[at:at] = forged
    return data


def _mutate_splice(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    return data[: rng.integers(6, len(data))] + other[rng.integers(6, len(other)) :]


def _mutate_size(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    width, height = (int(2 ** rng.uniform(0, 13)) for _side in range(2))
    at = 6
    for _side in range(2):
        _, at = read_ue7(data, at, "side")
    return data[:6] + write_ue7(width) + write_ue7(height) + data[at:]


MUTATIONS: tuple[Callable[[bytearray, np.random.Generator, bytes], bytearray], ...] = (
    _mutate_bits,
    _mutate_header,
    _mutate_channel,
    _mutate_bytes,
    _mutate_end,
    _mutate_cut,
    _mutate_copy,
    _mutate_units,
    _mutate_splice,
    _mutate_size,
)


def damaged(files: list[bytes], seed: int) -> tuple[str, bytes]:
    """Return the name of the mutation and the stream that belong to `seed`."""
    rng = np.random.default_rng(seed)
    mutation = MUTATIONS[seed % len(MUTATIONS)]
    first, second = rng.integers(len(files), size=2)
    return mutation.__name__.removeprefix("_mutate_"), bytes(
        mutation(bytearray(files[first]), rng, files[second])
    )


def work(pipe: Connection, files: list[bytes]) -> None:
    """Decode the streams of the seeds that come through `pipe`; send back what happened to each."""
    while (seed := pipe.recv()) is not None:
        _, data = damaged(files, seed)
        start = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a flag of the header may make it an animation
                image = bpg.decode(data, seed // len(MUTATIONS) % 4 == 0, MAX_PIXELS)
            outcome = "picture"
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4):
                outcome = f"BROKEN: {image.dtype} {image.shape}"
        except ValueError as error:
            outcome = type(error).__name__
        except Exception as error:  # what the program is here to find
            outcome = f"BROKEN: {type(error).__name__}: {error}"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        pipe.send((outcome, time.process_time() - start, peak))


class Decoder:
    """A child process that decodes, restarted after a crash or a hang.

    Args:
        files: The good files.
    """

    def __init__(self, files: list[bytes]) -> None:
        self._files = files
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, self._files), daemon=True)
        self._process.start()
        theirs.close()

    def decode(self, seed: int) -> tuple[str, float, int]:
        """Return the outcome, the CPU seconds and the peak memory in bytes of one stream."""
        self._pipe.send(seed)
        try:
            if self._pipe.poll(60):
                return self._pipe.recv()
            outcome = ("BROKEN: hang", 60.0, 0)
        except EOFError:
            self._process.join()
            outcome = (f"BROKEN: crash, exit status {self._process.exitcode}", 0.0, 0)
        self.close()
        self._start()
        return outcome

    def close(self) -> None:
        """End the child process."""
        self._process.kill()
        self._process.join()


def main() -> int:
    """Run the streams and write the result file; return 1 if a guarantee was violated."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--streams", type=int, default=20000, help="streams to decode (default: 20000)"
    )
    parser.add_argument(
        "--first", type=int, default=0, help="seed of the first stream (default: 0)"
    )
    options = parser.parse_args()
    files = good_files()
    decoder = Decoder(files)
    outcomes: Counter[str] = Counter()
    per_mutation: dict[str, Counter[str]] = {}
    broken, slowest, peak = [], (0.0, -1), 0
    _, _, idle = decoder.decode(0)
    for seed in range(options.first, options.first + options.streams):
        outcome, seconds, memory = decoder.decode(seed)
        outcomes[outcome.split(":")[0]] += 1
        per_mutation.setdefault(damaged(files, seed)[0], Counter())[outcome.split(":")[0]] += 1
        slowest, peak = max(slowest, (seconds, seed)), max(peak, memory)
        if outcome.startswith("BROKEN") or seconds > TIME_LIMIT_S:
            broken.append({"seed": seed, "outcome": outcome, "seconds": seconds})
            print(broken[-1], flush=True)
    decoder.close()
    result = {
        "command": f"python -m benchmarks.bpg_fuzz --streams {options.streams} --first {options.first}",
        "streams": options.streams,
        "first_seed": options.first,
        "outcomes": dict(outcomes),
        "outcomes_per_mutation": {name: dict(counts) for name, counts in per_mutation.items()},
        "slowest_cpu_seconds": round(slowest[0], 3),
        "slowest_seed": slowest[1],
        "memory_after_first_stream_mb": round(idle / 1e6),
        "peak_memory_mb": round(peak / 1e6),
        "broken": broken,
        "max_pixels": MAX_PIXELS,
        "machine": machine_line(),
        "versions": {name: version(name) for name in ("av", "numpy")},
    }
    (RESULTS / f"bpg-fuzz-{date.today().isoformat()}.json").write_text(
        json.dumps(result, indent=1) + "\n"
    )
    print(json.dumps(result, indent=1))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

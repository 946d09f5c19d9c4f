"""What the parts of `benchmarks.gpu` share: the device, the clock and the file of results."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class OutOfTime(Exception):
    """There is no time left for what was to come next."""


@dataclass
class Bench:
    """What the parts share: the device, the clock and the file of results.

    Attributes:
        device: "cpu" or "cuda".
        small: Whether every part is only exercised.
        deadline: Where `time.monotonic` may go.
        path: The file of results.
        record: What it holds.
    """

    device: str
    small: bool
    deadline: float
    path: Path
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def on_gpu(self) -> bool:
        """Whether figures are those of a GPU."""
        return self.device == "cuda"

    def size(self, gpu: int, cpu: int, small: int) -> int:
        """How much is worked on here."""
        return small if self.small else gpu if self.on_gpu else cpu

    def left(self) -> float:
        """Seconds that are left."""
        return self.deadline - time.monotonic()

    def need(self, seconds: float) -> None:
        """Raise `OutOfTime` if there is less time."""
        if self.left() < seconds:
            raise OutOfTime(f"{max(0, self.left()):.0f} s were left of the time given")

    def put(self, part: str, row: dict[str, Any]) -> None:
        """Print a row, add it to a part and write the file."""
        print(f"{part}: " + ", ".join(f"{k} {_short(v)}" for k, v in row.items()), flush=True)
        self.record["parts"].setdefault(part, []).append(row)
        self.save()

    def save(self) -> None:
        """Write the file of results."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.record, indent=1) + "\n")

    def fastest(self, calls: dict[str, Callable[[], Any]], rounds: int = 3) -> dict[str, float]:
        """Seconds of the fastest round of each call, in turns; a round before them warms up."""
        best = dict.fromkeys(calls, math.inf)
        for number in range(rounds + 1):
            for name, call in calls.items():
                seconds = self.timed(call)
                if number:
                    best[name] = min(best[name], seconds)
        return best

    def timed(self, call: Callable[[], Any]) -> float:
        """Seconds of one call, what the device still works on included."""
        import torch

        if self.on_gpu:
            torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        if self.on_gpu:
            torch.cuda.synchronize()
        return time.perf_counter() - start


def _short(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else value


def matrix_rate(bench: Bench, kind: str) -> float:
    """The measured rate of products in a precision, in Gflop/s."""
    rows = bench.record["parts"]["matrix"]
    return next(row["gflop_per_s"] for row in rows if row["precision"] == kind)

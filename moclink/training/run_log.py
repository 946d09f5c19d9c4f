"""The log of a training run."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from moclink.training.event_file import EventWriter


class RunLog:
    """A CSV file and TensorBoard events.

    Args:
        out: Folder of the run.
        step: Step that the run continues from; lines of later steps are removed.
    """

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
        """Add one row per value: step, name, value."""
        fresh = not self._path.exists()
        with open(self._path, "a", newline="") as sink:
            writer = csv.writer(sink)
            if fresh:
                writer.writerow(("step", "name", "value"))
            writer.writerows((step, name, repr(float(value))) for name, value in values.items())
        self._events.scalars(step, values)

"""Progress of a sweep: a bar in a terminal or a notebook, occasional lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

Count = Callable[[int, str], None]  # cells done since the last call, and the task's name

LOG_EVERY_S = 30.0  # between two lines of a log
TASK_WIDTH = 28  # characters of a task's name: with them the bar suits a terminal of 80 columns


@contextmanager
def progress_bar(visible: bool, total: int, file: TextIO | None = None) -> Iterator[Count]:
    """Show how many of the cells are done.

    A terminal gets a bar as wide as it is, and a notebook one of its own. Anything else is a log:
    it gets a line at the start, at most one in `LOG_EVERY_S` seconds, and one at the end, none
    longer than 80 characters.

    Args:
        visible: Whether anything is shown.
        total: Number of cells.
        file: Where it is shown; None for standard error.

    Yields:
        The function that counts.
    """
    file = file or sys.stderr
    if not visible or file is None:
        yield lambda cells, task: None
    elif file.isatty() or "ipykernel" in sys.modules:
        with _bar(total, file) as count:
            yield count
    else:
        log = _Log(total, file)
        try:
            yield log.count
        finally:
            log.write()


@contextmanager
def _bar(total: int, file: TextIO) -> Iterator[Count]:
    from tqdm.auto import tqdm

    bar = tqdm(total=total, unit="cell", dynamic_ncols=True, mininterval=0.5, file=file)

    def count(cells: int, task: str) -> None:
        with suppress(
            OSError
        ):  # nobody reads it any more, as after `2>&1 | head`: the run continues
            if task:
                bar.set_postfix_str(short_task(task), refresh=False)
            bar.update(cells)

    try:
        yield count
    finally:
        with suppress(OSError):
            bar.close()


class _Log:
    """Lines of a log file."""

    def __init__(self, total: int, file: TextIO) -> None:
        self.total, self.done, self.task, self.file = total, 0, "", file
        self.begun = self.written = time.monotonic()
        self.last = ""

    def count(self, cells: int, task: str) -> None:
        """Count cells; write a line if the last one is old enough, or the first if there is none."""
        self.done, self.task = self.done + cells, task
        if not self.last or time.monotonic() - self.written >= LOG_EVERY_S:
            self.write()

    def write(self) -> None:
        """Write a line, unless nothing has changed."""
        state = f"{self.done} of {self.total} cells ({self.done / max(self.total, 1):.0%})"
        if state == self.last:
            return
        passed = time.monotonic() - self.begun
        line = f"moclink: {state}, {passed // 60:.0f}:{passed % 60:02.0f} min"
        shown = f"{line}, {short_task(self.task)}" if self.task else line
        with suppress(OSError):
            print(shown, file=self.file, flush=True)
        self.last, self.written = state, time.monotonic()


def short_task(task: str, most: int = TASK_WIDTH) -> str:
    """A task's name in at most `most` characters: of several chains the first and how many more.

    Args:
        task: "chain + chain + ..., picture".
        most: Characters.
    """
    chains, comma, picture = task.rpartition(", ")
    first, *more = chains.split(" + ")
    if more:
        first += f" +{len(more)}"
    name = f"{first}{comma}{picture}"
    return name if len(name) <= most else f"{name[: most - 1]}…"

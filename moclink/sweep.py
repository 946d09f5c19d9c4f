"""The Monte Carlo sweep: chains x pictures x SNRs x trials -> rows, resumable cell by cell.

The cells that are missing are cut into tasks (see `moclink.unit`), workers compute them in any
order, and this process alone writes what they give, each time in one transaction. Noise is keyed by
(seed, SNR, picture, trial): chains of equal length meet the same noise, and a row is the same
whichever worker computes it, in whatever company.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from moclink.images import Picture
from moclink.presets import is_file_chain
from moclink.results import Cell, ResultStore
from moclink.unit import BITS_NAME, Plan, Task, work
from moclink.workers import Pool

__all__ = ["Plan", "cells_of", "least_memory", "run_sweep", "units_of"]

TASK_PIXELS = 128_000_000  # received in one task: all SNRs of a 2K picture
# Measured with /usr/bin/time over chains of all kinds; see benchmarks/README.md.
WORKER_BYTES = 1_500_000_000  # Python with TensorFlow, a codec's weights and its activations
PICTURE_BYTES = 200  # a pixel of the picture that is being scored or decoded
CELL_BYTES = 60  # a pixel of each received picture of a batch: evidence, floats
DEFAULT_MEMORY = 4 * 2**30  # for each worker where nobody says


def cells_of(plan: Plan, pictures: Sequence[Picture]) -> list[Cell]:
    """All cells of a plan, in the order of the run."""
    return [cell for name, picture in units_of(plan, pictures) for cell in _cells(plan, name, picture)]


def run_sweep(
    plan: Plan,
    pictures: Sequence[Picture],
    store: ResultStore,
    progress: Callable[[int, str], None],
    pool: Pool | None = None,
    memory: int = DEFAULT_MEMORY,
) -> None:
    """Compute and store every cell that is not stored yet.

    Args:
        plan: What to compute.
        pictures: The images.
        store: Where results go, and where finished cells are found.
        progress: Called with the number of cells done since the last call, and the unit's name.
        pool: Who does the work; None for this process.
        memory: Bytes that each worker may take. Decides how many cells are received at once, and
            nothing else.
    """
    pool = pool or Pool()
    every = cells_of(plan, pictures)
    missing = set(every) - store.done()
    progress(len(every) - len(missing), "")
    tasks = [
        task
        for names, picture in _groups(plan, pictures, {image for _, image, *_ in missing}, pool.workers)
        for task in _tasks(plan, names, picture, missing, bool(pictures) and picture is pictures[0], memory)
    ]
    if pool.workers > 1:
        tasks.sort(key=_effort, reverse=True)  # what comes last is short: nobody waits long for the end
    for task, outcome in pool.run(work, tasks):
        store.add(outcome.rows, outcome.shown, outcome.fits)
        progress(len(outcome.rows), task.label)


def least_memory(pictures: Sequence[Picture]) -> int:
    """Bytes that a worker needs for the largest picture, one received picture at a time."""
    largest = max((picture.pixels[..., 0].size for picture in pictures), default=0)
    return WORKER_BYTES + (PICTURE_BYTES + CELL_BYTES) * largest


def units_of(plan: Plan, pictures: Sequence[Picture]) -> list[tuple[str, Picture | None]]:
    """(chain, picture), the chains of one picture together: they share encodings."""
    bits = [name for name in plan.chains if name.startswith("random-")]
    names = [name for name in plan.chains if name not in bits]
    return [(name, picture) for picture in pictures for name in names] + [(name, None) for name in bits]


def _cells(plan: Plan, chain: str, picture: Picture | None) -> list[Cell]:
    label = picture.name if picture else BITS_NAME
    return [(chain, label, snr, trial) for trial in range(plan.trials) for snr in plan.snrs]


def _groups(
    plan: Plan, pictures: Sequence[Picture], unfinished: set[str], workers: int
) -> Iterator[tuple[tuple[str, ...], Picture | None]]:
    """Chains that share work, and the picture: what one worker should do.

    The file chains of a picture share the files that rate control has tried, and error patterns. The last
    pictures, fewer than there are workers, are dealt out chain by chain, or workers would have nothing to do.
    """
    files = tuple(name for name in plan.chains if is_file_chain(name))
    whole = [picture.name for picture in pictures if picture.name in unfinished]
    whole = whole[: len(whole) - len(whole) % workers]
    for name, picture in units_of(plan, pictures):
        if picture is None or name not in files or picture.name not in whole:
            yield (name,), picture
        elif name == files[0]:
            yield files, picture


def _tasks(
    plan: Plan,
    chains: tuple[str, ...],
    picture: Picture | None,
    missing: set[Cell],
    shown: bool,
    memory: int,
) -> list[Task]:
    """The missing cells of some chains and a picture, cut into tasks of minutes at most."""
    size, batch = 1, 1
    if picture:
        pixels = picture.pixels[..., 0].size
        size = max(1, TASK_PIXELS // pixels)
        batch = max(1, (memory - WORKER_BYTES - PICTURE_BYTES * pixels) // (CELL_BYTES * pixels))
    # Cut alike for all chains: those of one task meet the same noise.
    rows = [_cells(plan, chain, picture) for chain in chains]
    rows = [[row[place] for row in rows] for place in range(len(rows[0]))]
    rows = [[cell for cell in row if cell in missing] for row in rows]
    rows = [row for row in rows if row]
    tasks = []
    for start in range(0, len(rows), size):
        cells = [cell for row in rows[start : start + size] for cell in row]
        tasks.append(Task(plan, picture, tuple(cells), shown, batch))
    return tasks


def _effort(task: Task) -> float:
    """Roughly how long a task takes, in arbitrary units: learned chains most, then BPG and AVIF."""
    pixels = task.picture.pixels[..., 0].size if task.picture else 0
    weights = {"bpg": 2, "avif": 2}
    return pixels * sum(
        weights.get(chain.partition("-")[0], 1) if is_file_chain(chain) else 10 for chain, *_ in task.cells
    )

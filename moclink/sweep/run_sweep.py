"""Run a sweep: cut the missing cells into tasks, run them on workers, store the rows.

Workers compute tasks in any order, and this process alone writes what they give, each time in one
transaction. Noise is keyed by (seed, SNR, picture, trial): chains of equal length get the same
noise, and a row is the same whichever worker computes it, with whatever other cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from moclink.images import Picture
from moclink.sweep.devices import visible_gpus
from moclink.sweep.plan import (
    DEFAULT_MEMORY,
    Plan,
    choose_gallery_picture,
    count_cells,
    group_chains,
    list_cells,
    make_tasks,
    order_tasks,
)
from moclink.sweep.session import Session
from moclink.sweep.task import FitRecord, work
from moclink.sweep.workers import Pool
from moclink.types import Cell, GalleryPicture, Row


class Store(Protocol):
    """Where results go, and where finished cells are found."""

    def done(self) -> set[Cell]:
        """Cells that are finished."""

    def add(
        self,
        rows: Iterable[Row],
        gallery: Iterable[GalleryPicture] = (),
        fits: Iterable[FitRecord] = (),
    ) -> None:
        """Store finished cells in one transaction."""


def run_sweep(
    plan: Plan,
    pictures: Sequence[Picture],
    store: Store,
    progress: Callable[[int, str], None],
    pool: Pool | None = None,
    memory: int = DEFAULT_MEMORY,
    make_session: Callable[[], Session] | None = None,
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
        make_session: Makes a worker's session; None for one of the plan alone.
    """
    make_session = make_session or partial(Session, plan)
    pool = pool or Pool()
    done = store.done()
    missing = {cell for cell in list_cells(plan, pictures) if cell not in done}
    chosen = choose_gallery_picture(pictures)
    del done  # of a million cells 200 MB
    progress(count_cells(plan, pictures) - len(missing), "")
    tasks = [
        task
        for names, picture in group_chains(
            plan, pictures, {image for _, image, *_ in missing}, pool.workers
        )
        for task in make_tasks(
            plan, names, picture, missing, picture is not None and picture is chosen, memory
        )
    ]
    if pool.workers > 1:
        tasks = order_tasks(tasks, on_gpu=bool(visible_gpus()))
    with np.errstate(all="warn", under="ignore"):  # as NumPy has it, whatever a caller has set
        for task, outcome in pool.run(work, tasks, make_session):
            store.add(outcome.rows, outcome.gallery, outcome.fits)
            progress(len(outcome.rows), task.label)

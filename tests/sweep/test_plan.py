"""How a sweep is cut into tasks."""

import numpy as np
import pytest

from moclink.images import Picture
from moclink.sweep.plan import (
    Plan,
    choose_gallery_picture,
    count_cells,
    estimate_effort,
    group_chains,
    list_cells,
    make_tasks,
    order_tasks,
)


@pytest.mark.parametrize("workers,expected", [(1, 3), (2, 4), (3, 3), (4, 6)])
def test_file_chains_of_a_picture_are_one_task_unless_workers_would_idle(workers, expected):
    """Three pictures: with two workers, the third is dealt out chain by chain."""
    plan = Plan((5.0, 10.0), ("moc-rvq-l4", "jpeg-ldpc", "bpg-ldpc", "random-64qam"))
    pictures = [Picture(str(side), np.zeros((side, side, 3), np.uint8)) for side in (20, 30, 40)]
    cells = set(list_cells(plan, pictures))
    assert len(cells) == count_cells(plan, pictures)
    groups = list(group_chains(plan, pictures, {"20", "30", "40"}, workers))
    tasks = [t for names, p in groups for t in make_tasks(plan, names, p, cells, False, 2**32)]
    assert {cell for task in tasks for cell in task.cells} == cells
    assert sum(len(task.cells) for task in tasks) == len(cells)
    assert (
        sum("jpeg-ldpc" in task.chains or "bpg-ldpc" in task.chains for task in tasks) == expected
    )
    first = max(tasks, key=estimate_effort)
    assert first.chains == ["moc-rvq-l4"] and first.picture.name == "40"


def test_learned_chains_are_spread_over_the_others_where_a_gpu_has_them():
    plan = Plan((5.0,), ("moc-rvq-l4", "jpeg-ldpc", "bpg-capacity"))
    pictures = [Picture(str(side), np.zeros((side, side, 3), np.uint8)) for side in (20, 30, 40)]
    cells = set(list_cells(plan, pictures))
    tasks = [
        t
        for picture in pictures
        for name in plan.chains
        for t in make_tasks(plan, (name,), picture, cells, False, 2**32)
    ]
    chains = [task.chains[0] for task in order_tasks(tasks, on_gpu=False)]
    assert chains[:2] == ["bpg-capacity"] * 2 and chains[-3:] == ["jpeg-ldpc"] * 3
    mixed = order_tasks(tasks, on_gpu=True)
    assert sorted(map(id, mixed)) == sorted(map(id, tasks))
    learned = [place for place, task in enumerate(mixed) if task.chains == ["moc-rvq-l4"]]
    assert learned == [1, 4, 7]  # one, and then two of the others
    assert [mixed[place].picture.name for place in learned] == ["40", "30", "20"]


def test_a_batch_is_bounded_by_memory_and_by_a_gigabyte():
    plan = Plan(tuple(float(snr) for snr in range(-5, 31)), ("moc-rvq-l4",))
    picture = Picture("2K", np.zeros((1148, 2040, 3), np.uint8))
    cells = set(list_cells(plan, [picture]))
    batches = [
        make_tasks(plan, ("moc-rvq-l4",), picture, cells, False, memory)[0].batch
        for memory in (10**9, 2_400_000_000, 2**33)
    ]
    # 60 bytes a pixel: 0.14 GB a picture; the worker itself and its picture take 1.97 GB.
    assert batches == [1, 3, 7]


def test_the_gallery_shows_a_picture_in_which_something_can_be_seen():
    dot, small, large, larger = (
        Picture(f"{side}", np.zeros((side, 2 * side, 3), np.uint8)) for side in (1, 40, 70, 90)
    )
    assert choose_gallery_picture([dot, small, larger, large]) is larger
    assert choose_gallery_picture([dot, small]) is small and choose_gallery_picture([]) is None


def test_more_cells_than_memory_holds_are_refused():
    picture = Picture("a", np.zeros((8, 8, 3), np.uint8))
    Plan((0.0, 5.0), ("softcast", "random-qpsk"), trials=1_250_000).check_count([picture])
    with pytest.raises(ValueError, match="5000004 cells .* fewer trials, or runs of several seeds"):
        Plan((0.0, 5.0), ("softcast", "random-qpsk"), trials=1_250_001).check_count([picture])

"""Work on a task: rows that depend on their cells alone, pictures, fits, what the sender is told."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from moclink.images import Picture, read_image, sample_paths
from moclink.sweep.plan import Plan, Task
from moclink.sweep.session import Session
from moclink.sweep.task import work

PICTURE = Picture("lake", read_image(sample_paths()[0])[80:136, 100:180])


def task_of(plan, batch=1, in_gallery=False, picture=PICTURE):
    cells = tuple(
        (chain, picture.name, snr, trial)
        for chain in plan.chains
        for snr in plan.snrs
        for trial in range(plan.trials)
    )
    return Task(plan, picture, cells, in_gallery, batch)


def results_of(task):
    return list(work(Session(task.plan), task))


def test_a_row_depends_on_its_cell_alone():
    plan = Plan((8.0, 11.0, 14.0), ("jpeg-ldpc", "webp-ldpc"), trials=2)
    task = task_of(plan)
    rows = [row for result in results_of(task) for row in result.rows]
    assert [(row.chain, row.image, row.snr_db, row.trial) for row in rows] == list(task.cells)
    batched = replace(task, batch=5, cells=task.cells[::-1])
    again = {
        (row.chain, row.image, row.snr_db, row.trial): row
        for result in results_of(batched)
        for row in result.rows
    }
    assert [again[cell] for cell in task.cells] == rows
    height, width = PICTURE.pixels.shape[:2]
    for row in rows:
        assert (row.height, row.width) == (height, width)
        assert row.cbr == row.symbols / (3 * height * width)
        assert row.energy == pytest.approx(1, abs=1e-5)


def test_the_gallery_has_the_middle_of_the_picture_and_of_what_arrived():
    pixels = np.random.default_rng(1).integers(0, 256, (60, 700, 3)).astype(np.uint8)
    wide = Picture("wide", pixels)
    plan = Plan((20.0,), ("jpeg-ldpc",), trials=2)
    gallery = [
        s
        for result in results_of(task_of(plan, in_gallery=True, picture=wide))
        for s in result.gallery
    ]
    assert [(s.chain, s.snr_db) for s in gallery] == [("original", 0.0), ("jpeg-ldpc", 20.0)]
    with Image.open(io.BytesIO(gallery[0].png)) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels[:, 94:606])
    assert not [s for result in results_of(task_of(plan)) for s in result.gallery]


def test_rates_are_fitted_once_or_at_each_snr():
    plan = Plan((5.0, 15.0), ("jpeg-ldpc", "jpeg-capacity"))
    fits = [fit for result in results_of(task_of(plan, batch=2)) for fit in result.fits]
    assert [(chain, snr) for chain, _, snr, _ in fits] == [
        ("jpeg-ldpc", None),
        ("jpeg-capacity", 5.0),
        ("jpeg-capacity", 15.0),
    ]
    assert fits[1][3].budget_bits < fits[2][3].budget_bits


@pytest.mark.parametrize(("csi", "fails"), [("instantaneous", False), ("average", True)])
def test_an_ideal_code_fails_only_where_its_sender_knows_the_average_alone(csi, fails):
    """Told the SNR of its own realisation, it sends no more than that carries."""
    plan = Plan((15.0,), ("jpeg-capacity",), trials=16, channel="rayleigh", csi=csi)
    (session, task) = Session(plan), task_of(plan)
    results = list(work(session, task))
    budgets = {fit.budget_bits for result in results for *_, fit in result.fits}
    assert (len(budgets) == 1) == fails
    fitted = [all(fit.fits for *_, fit in result.fits) for result in results]
    lost = [result.rows[0].outage for result, fits in zip(results, fitted, strict=True) if fits]
    assert any(lost) == fails and len(lost) > 8

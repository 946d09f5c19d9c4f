"""The store: transactions, resuming, locking, averages."""

import math
import sqlite3

import numpy as np
import pytest
from scipy import stats

from moclink.results.averages import average
from moclink.results.store import ResultStore, RunFolderError, read_rows, read_shown
from moclink.types import Row, Shown

PARAMETERS = {"snr": [0.0, 1.0], "chains": ["b", "a"], "images": [["y", "1"], ["x", "2"]], "seed": 1}


def row(chain="a", image="x", snr=0.0, trial=0, **values) -> Row:
    return Row(chain, image, 8, 16, snr, trial, **values)


def test_rows_come_back_in_the_order_of_the_run(tmp_path):
    store = ResultStore(tmp_path, PARAMETERS)
    rows = [row("a", "x"), row("a", "y"), row("b", "x", 1.0), row("b", "x", 0.0, psnr_db=math.inf)]
    for one in rows:
        store.add([one])
    assert store.done() == {(r.chain, r.image, r.snr_db, r.trial) for r in rows}
    store.export()
    store.close()
    assert read_rows(tmp_path) == [rows[3], rows[2], rows[1], rows[0]]
    lines = (tmp_path / "results.csv").read_text().splitlines()
    assert lines[0] == (
        "chain,image,height,width,snr_db,trial,psnr_db,ssim,lpips,st_lpips,ber,ier,bler,outage,bits,symbols,cbr,energy,papr_db"
    )
    assert lines[1] == "b,x,8,16,0,0,inf,,,,,,,,,,,,"


def test_a_failed_transaction_leaves_nothing(tmp_path):
    store = ResultStore(tmp_path, PARAMETERS)
    with pytest.raises(sqlite3.Error):
        store.add([row()], [Shown("a", "x", 0.0, object())])
    assert store.done() == set()
    store.close()


def test_a_run_resumes_under_its_own_parameters_only(tmp_path):
    ResultStore(tmp_path, PARAMETERS).close()
    ResultStore(tmp_path, PARAMETERS).close()
    with pytest.raises(RunFolderError, match=r"begun with seed = 1, not 2; give that again"):
        ResultStore(tmp_path, {**PARAMETERS, "seed": 2})
    ResultStore(tmp_path, PARAMETERS).close()


def test_two_processes_cannot_share_a_folder(tmp_path):
    store = ResultStore(tmp_path, PARAMETERS)
    with pytest.raises(RunFolderError, match="in use by another process"):
        ResultStore(tmp_path, PARAMETERS)
    store.close()
    ResultStore(tmp_path, PARAMETERS).close()


def test_folders_that_cannot_be_used_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot write to .*file"):
        ResultStore(tmp_path / "file", PARAMETERS)
    with pytest.raises(RunFolderError, match="holds no results.sqlite"):
        read_rows(tmp_path)
    (tmp_path / "results.sqlite").write_text("this is no data base, but it is long enough to look at")
    with pytest.raises(RunFolderError, match="cannot be read as results"):
        read_shown(tmp_path)


def test_averages_are_over_trials_then_images_with_students_t():
    rng = np.random.default_rng(1)
    values = rng.normal(30, 2, (6, 3))
    rows = [row(image=str(i), trial=t, psnr_db=values[i, t]) for i in range(6) for t in range(3)] + [
        row(image="7", snr=5.0, psnr_db=math.inf),
        row(image="8", snr=5.0),
    ]
    first, second = average(rows, "psnr_db")
    means = values.mean(axis=1)
    low, high = stats.t.interval(0.95, 5, means.mean(), stats.sem(means))
    assert first.mean == pytest.approx(means.mean())
    assert first.half_width == pytest.approx((high - low) / 2)
    assert (second.mean, second.half_width, second.images) == (100.0, 0.0, 1)

"""The log: one row per value, and lines of steps that are done again are removed."""

import csv

import pytest

from moclink.training.run_log import RunLog


def rows(folder):
    with open(folder / "log.csv", newline="") as source:
        return list(csv.reader(source))


def test_values_come_back_exactly(tmp_path):
    log = RunLog(tmp_path, 0)
    log.write(10, {"loss": 1 / 3, "psnr": 27})
    log.write(20, {"loss": 1e-9})
    head, *found = rows(tmp_path)
    assert head == ["step", "name", "value"]
    assert [(int(step), name, float(value)) for step, name, value in found] == [
        (10, "loss", 1 / 3),
        (10, "psnr", 27.0),
        (20, "loss", 1e-9),
    ]
    assert list((tmp_path / "tensorboard").iterdir())


@pytest.mark.parametrize(("step", "kept"), [(0, []), (15, ["10"]), (20, ["10", "20"])])
def test_a_continued_run_drops_what_is_beyond_its_step(tmp_path, step, kept):
    log = RunLog(tmp_path, 0)
    for number in (10, 20, 30):
        log.write(number, {"loss": 1.0})
    with open(tmp_path / "log.csv", "a") as file:
        file.write("nonsense,of,a crash\n")
    log = RunLog(tmp_path, step)
    log.write(step + 1, {"loss": 2.0})
    head, *found = rows(tmp_path)
    assert head == ["step", "name", "value"]
    assert [row[0] for row in found] == [*kept, str(step + 1)]

"""Progress in a terminal and in a log."""

import io
import sys

import pytest

import moclink.sweep.progress as module
from moclink.sweep.progress import progress_bar, short_task


@pytest.mark.parametrize(
    "task,short",
    [
        ("jpeg-ldpc, lake", "jpeg-ldpc, lake"),
        ("jpeg-ldpc + webp-ldpc + bpg-ldpc, lake", "jpeg-ldpc +2, lake"),
        ("random-ldpc-256qam-r34, random-bits", "random-ldpc-256qam-r34, ran…"),
    ],
)
def test_a_task_has_a_short_name(task, short):
    assert short_task(task) == short and len(short) <= module.TASK_WIDTH


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_of_80_columns_shows_the_bar(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("tqdm.std._screen_shape_wrapper", lambda: lambda fp: (80, 24))
    file, task = (
        Terminal(),
        " + ".join(f"chain-{n}-ldpc-64qam-r12" for n in range(20)) + ", a-picture",
    )
    with progress_bar(True, 100_000, file) as count:
        count(50_000, task)
        count(50_000, task)
    last = file.getvalue().split("\r")[-1].strip()
    assert "100000/100000" in last and "100%" in last and len(last) <= 80


def test_a_log_gets_a_line_now_and_then(monkeypatch):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)  # tests of notebooks load it
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    file = io.StringIO()
    with progress_bar(True, 300, file) as count:
        for cells in range(300):
            count(cells > 0, "jpeg-ldpc, lake")
            now[0] += 1.0
        count(1, "jpeg-ldpc, lake")
    lines = file.getvalue().splitlines()
    assert (
        len(lines) == 11 and lines[0] == "moclink: 0 of 300 cells (0%), 0:00 min, jpeg-ldpc, lake"
    )
    assert lines[-1] == "moclink: 300 of 300 cells (100%), 5:00 min, jpeg-ldpc, lake"


def test_nothing_is_shown_if_nobody_asks():
    file = io.StringIO()
    with progress_bar(False, 3, file) as count:
        count(3, "a, b")
    assert file.getvalue() == ""

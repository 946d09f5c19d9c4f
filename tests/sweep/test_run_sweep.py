"""The sweep on worker processes, in bounded memory and without work done twice."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.semantic_codec import SemanticCodec
from moclink.images import Picture, read_image, sample_paths
from moclink.results.store import ResultStore, read_gallery, read_rows
from moclink.simulate import main
from moclink.sweep.plan import Plan, Task, count_cells, list_cells
from moclink.sweep.run_sweep import run_sweep
from moclink.sweep.session import Session
from moclink.sweep.task import work
from moclink.sweep.workers import Pool


@pytest.fixture(scope="module")
def pictures():
    """Two small photographs of different, odd sizes."""
    pixels = read_image(sample_paths()[0])
    return [Picture("one", pixels[80:149, 100:203]), Picture("two", pixels[10:93, 30:101])]


@pytest.fixture(scope="module")
def codecs(tmp_path_factory):
    """Names of chains with untrained codecs of all kinds."""
    folder = tmp_path_factory.mktemp("codecs")
    SemanticCodec.from_size("toy").save(folder / "semantic")
    AnalogCodec.from_size("toy").save(folder / "analog")
    return (f"{folder}/semantic:l4", f"{folder}/semantic:l2-hard", f"{folder}/analog")


def sweep(folder, plan, pictures, **options):
    """Run a sweep and return its rows and pictures."""
    store = ResultStore(
        folder, {"chains": list(plan.chains), "images": [[p.name, ""] for p in pictures]}
    )
    counts = []
    run_sweep(plan, pictures, store, lambda cells, unit: counts.append(cells), **options)
    store.close()
    assert sum(counts) == count_cells(plan, pictures)
    return read_rows(folder), sorted(
        read_gallery(folder), key=lambda s: (s.chain, s.image, s.snr_db)
    )


@pytest.fixture(scope="module")
def plan(codecs):
    """A plan over chains of all kinds."""
    names = ("jpeg-ldpc", "bpg-ldpc", "jpeg-capacity", *codecs, "random-64qam")
    return Plan((5.0, 12.0, 30.0), names, trials=2, min_errors=20)


@pytest.fixture(scope="module")
def sharing():
    """A plan whose file chains share error patterns."""
    names = ("jpeg-ldpc", "bpg-ldpc", "webp-ldpc-qpsk-r13")
    return Plan((5.0, 11.0, 30.0), names, trials=2, reuse_error_patterns=True)


@pytest.fixture(scope="module")
def shared(sharing, pictures, tmp_path_factory):
    """What one process makes of that plan."""
    return sweep(tmp_path_factory.mktemp("shared"), sharing, pictures)


@pytest.fixture(scope="module")
def alone(plan, pictures, tmp_path_factory):
    """What one process makes of the plan."""
    return sweep(tmp_path_factory.mktemp("alone"), plan, pictures)


def test_two_workers_give_the_rows_of_one_process(plan, sharing, pictures, alone, shared, tmp_path):
    with Pool(2) as pool:
        spread = sweep(tmp_path / "alone", plan, pictures, pool=pool)
        assert sweep(tmp_path / "shared", sharing, pictures, pool=pool) == shared
    assert len(spread[0]) == count_cells(plan, pictures) == 2 * 3 * (2 * 6 + 1)
    assert spread == alone  # to the last bit, pictures of the gallery too


def test_memory_does_not_change_a_row(plan, pictures, alone, tmp_path):
    """Cells received one by one, against all at once."""
    assert sweep(tmp_path, plan, pictures, memory=0) == alone


def test_shared_error_patterns_do_not_depend_on_who_shares_them(
    sharing, pictures, shared, tmp_path
):
    """Each chain alone, nothing kept, cell by cell: the rows are the same."""
    rows = []
    for name in sharing.chains:
        rows += sweep(tmp_path / name, replace(sharing, chains=(name,)), pictures, memory=0)[0]
    assert rows == shared[0]
    # One decoding serves both chains of a modem; a link of one's own has other errors.
    bler = {
        (row.chain, row.image, row.snr_db, row.trial): (row.bler, row.iterations) for row in rows
    }
    assert 0 < bler["jpeg-ldpc", "one", 11.0, 0][0] < 1
    own = sweep(tmp_path / "own", replace(sharing, reuse_error_patterns=False), pictures)[0]
    assert [row.ber for row in own] != [row.ber for row in rows]
    assert [(r.bits, r.symbols, r.cbr) for r in own] == [(r.bits, r.symbols, r.cbr) for r in rows]


def test_chains_that_share_are_decoded_once(sharing, pictures):
    plan = replace(sharing, chains=("jpeg-ldpc", "bpg-ldpc"))
    session, rows = Session(plan), []
    for picture in pictures:
        cells = tuple(c for c in list_cells(plan, pictures) if c[1] == picture.name)
        rows += [
            row for got in work(session, Task(plan, picture, cells, batch=3)) for row in got.rows
        ]
    blocks = {}
    for row in rows:
        place = row.image, row.snr_db, row.trial
        blocks[place] = max(blocks.get(place, 0), -(-row.bits // 324))
    assert session.patterns.decoded_blocks == sum(blocks.values())


def children(parent: int) -> set[int]:
    """Processes begun by another, by /proc."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.add(
                    (
                        int(entry.name),
                        int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]),
                    )
                )
            except OSError:  # it has just ended
                continue
    return {pid for pid, its_parent in found if its_parent == parent}


def wait_until(true, process) -> None:
    """Wait for a condition that a held process must come to; only one that hangs reaches the deadline."""
    deadline = time.monotonic() + 300
    while not true():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_killed_worker_and_a_killed_parent_lose_nothing_and_leave_nothing(pictures, tmp_path):
    """Workers are held in their tasks (see paused_simulate.py), so that every kill hits work in flight."""
    gate, run = tmp_path / "gate", tmp_path / "run"
    gate.mkdir()
    for place in range(6):
        Image.fromarray(pictures[0].pixels[place:]).save(tmp_path / f"{place}.png")
    arguments = [
        "--snr",
        "8:12",
        "--trials",
        "2",
        "--chains",
        "jpeg-ldpc",
        "--images",
        str(tmp_path),
    ]
    held = [
        sys.executable,
        str(Path(__file__).with_name("paused_simulate.py")),
        str(gate),
        *arguments,
    ]
    process = subprocess.Popen(
        [*held, "--workers", "2", "--out", str(run)], stdout=subprocess.DEVNULL
    )

    def finished() -> int:
        return len(read_rows(run)) if (run / "results.sqlite").exists() else 0

    def in_flight() -> set[int]:
        """Workers that have begun a task which may not end."""
        begun = (path.name.split("-") for path in gate.glob("begun-*"))
        return {int(pid) for _, task, pid in begun if not (gate / f"go-{task}").exists()}

    try:
        (gate / "go-0").touch()
        wait_until(lambda: finished() == 10 and in_flight(), process)
        killed = children(process.pid)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        # New workers take up what the killed ones had begun, and hand it in.
        wait_until(lambda: in_flight() - killed, process)
        (gate / "go-1").touch()
        wait_until(lambda: finished() == 20 and in_flight() - killed, process)
        workers = children(process.pid)
        assert in_flight() & workers
    finally:
        process.kill()
        process.wait()
    before = read_rows(run)
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    # What was finished is kept, and what one process adds is what it would have computed itself.
    for out in (run, tmp_path / "fresh"):
        assert main([*arguments, "--workers", "1", "--out", str(out)]) == 0
    resumed = read_rows(run)
    assert len(before) == 20 and set(before) <= set(resumed)
    assert resumed == read_rows(tmp_path / "fresh")

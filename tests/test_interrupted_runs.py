"""Runs that are killed, interrupted or begun again: nothing that was finished is lost."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moclink.images import read_image, sample_paths
from moclink.results.store import ResultStore, read_rows
from moclink.simulate import main

KILL_ARGUMENTS = (
    "--snr",
    "8:13:0.5",
    "--trials",
    "3",
    "--chains",
    "jpeg-ldpc,jpeg-capacity,random-64qam",
)


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A folder with one small photograph, of odd size."""
    folder = tmp_path_factory.mktemp("photo")
    Image.fromarray(read_image(sample_paths()[0])[80:173, 100:251]).save(folder / "crop.png")
    return folder


@pytest.fixture(scope="module")
def undisturbed(photo, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    arguments = [*KILL_ARGUMENTS, "--images", photo, "--out", out]
    command = [sys.executable, "-m", "moclink.simulate", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def wait_until(true, process) -> None:
    """Wait for a condition that a held process must come to; only one that hangs reaches the deadline."""
    deadline = time.monotonic() + 300
    while not true():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


def held(gate, photo, out) -> list[str]:
    """The command of a run that stops where the gate says (see tests/sweep/paused_simulate.py)."""
    gate.mkdir()
    arguments = [*KILL_ARGUMENTS, "--images", str(photo), "--out", str(out)]
    return [
        sys.executable,
        str(Path(__file__).parent / "sweep" / "paused_simulate.py"),
        str(gate),
        *arguments,
    ]


def test_killed_at_ten_random_moments_a_run_ends_as_if_undisturbed(photo, undisturbed, tmp_path):
    """Five moments of the start; five statements that write to the store, most within a transaction."""
    rng = np.random.default_rng(1)
    gate, out = tmp_path / "gate", tmp_path / "run"
    command = held(gate, photo, out)
    for kill in range(10):
        (gate / "stopped").unlink(missing_ok=True)
        (gate / "statements").write_text(str(rng.integers(1, 60)))
        process = subprocess.Popen(
            [*command, "--workers", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if kill % 2:
            wait_until((gate / "stopped").exists, process)
        else:
            time.sleep(rng.uniform(0, 1.5))
        process.kill()
        assert process.wait() == -signal.SIGKILL  # it stops at its end at the latest
    assert 0 < len(read_rows(out)) < len(read_rows(undisturbed))
    assert main([*KILL_ARGUMENTS, "--images", str(photo), "--out", str(out), "--workers", "1"]) == 0
    assert (out / "results.csv").read_bytes() == (undisturbed / "results.csv").read_bytes()
    assert (out / "rate_fits.csv").read_bytes() == (undisturbed / "rate_fits.csv").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_end_from_outside_keeps_what_is_finished(number, photo, undisturbed, tmp_path):
    """One task of three is let through, the workers are held in the others."""
    gate, out = tmp_path / "gate", tmp_path / "run"
    process = subprocess.Popen(
        [*held(gate, photo, out), "--workers", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    (gate / "go-1").touch()
    try:
        wait_until(lambda: (out / "results.sqlite").exists() and read_rows(out), process)
        process.send_signal(number)
        _, errors = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "finished cells are kept" in errors and "Traceback" not in errors
    assert 0 < len(read_rows(out)) < len(read_rows(undisturbed))
    assert main([*KILL_ARGUMENTS, "--images", str(photo), "--out", str(out), "--workers", "1"]) == 0
    assert (out / "results.csv").read_bytes() == (undisturbed / "results.csv").read_bytes()


def test_a_folder_in_use_and_changed_parameters_are_refused(photo, undisturbed, capsys):
    arguments = [
        *KILL_ARGUMENTS,
        "--images",
        str(photo),
        "--out",
        str(undisturbed),
        "--workers",
        "1",
    ]
    before = (undisturbed / "results.csv").read_bytes()
    assert main([*arguments, "--seed", "9"]) == 2
    assert "was begun with seed = 1, not 9" in capsys.readouterr().err
    parameters = json.loads((undisturbed / "run.json").read_text())["parameters"]
    store = ResultStore(undisturbed, parameters)
    assert main(arguments) == 2
    assert "in use by another process" in capsys.readouterr().err
    store.close()
    assert (undisturbed / "results.csv").read_bytes() == before

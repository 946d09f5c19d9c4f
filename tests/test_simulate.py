"""The command line and the sweep behind it, as a user sees them: real processes, real folders."""

import csv
import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from moclink import tables
from moclink.images import Picture, read_image, sample_paths
from moclink.presets import ChainOptions, chain_names
from moclink.results.figures import draw
from moclink.results.store import ResultStore, read_rows
from moclink.simulate import UsageError, main, parse_snr
from moclink.sweep.plan import Plan
from moclink.sweep.run_sweep import run_sweep


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A folder with one small photograph, of odd size."""
    folder = tmp_path_factory.mktemp("photo")
    Image.fromarray(read_image(sample_paths()[0])[80:173, 100:251]).save(folder / "crop.png")
    return folder


def run(*arguments, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "moclink.simulate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5:-5",
        "a:b",
        "0:10:0",
        "0:10:-1",
        "1:2:3:4",
        "0,,5",
        "nan",
        "inf",
        "0:1e9",
        "0:99:1e-9",
        "500",
    ],
)
def test_malformed_snr_is_one_clear_line(text, capsys):
    with pytest.raises(UsageError, match="--snr"):
        parse_snr(text)
    assert main([f"--snr={text}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("moclink: --snr") and error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["--chains", "jpg-ldpc"], "unknown chain 'jpg-ldpc'; did you mean jpeg-ldpc?"),
        (["--chains", ","], "--chains: the list is empty"),
        (["--metrics", "psnr,mse"], "--metrics 'mse': there are psnr, psnr-y, ssim"),
        (["--cbr", "-1/24"], "CBR -1/24: give symbols per value, above 0 and up to 1"),
        (["--cbr", ""], "--cbr '': there is none; give ratios such as 1/24"),
        (["--max-bits", "0"], "--max-bits 0: a whole number of at least 1"),
        (["--channel", "ch.py"], "channel 'ch.py': say what in the file is the channel"),
        (["--out", "/dev"], "/dev holds files and is no run folder"),
        (["--trials", "0"], "--trials 0: a whole number of at least 1"),
        (["--seed", "x"], "--seed x: a whole number"),
        (["--images", "/nowhere"], "no such image or folder: /nowhere"),
        # What a shell makes of photos/*.png; all are taken, and the first that is missing is named.
        (
            ["--images", "/nowhere", "/no", "--images", "/neither"],
            "no such image or folder: /nowhere",
        ),
        (["--channel", "raileigh"], "unknown channel 'raileigh' (did you mean rayleigh?)"),
        (
            ["--code", "wifi648", "--chains", "jpeg-ldpc-16qam-r13", "--workers", "1"],
            "wifi648 has k = 324 and n = 648 only",
        ),
        (["--append"], "--append: name the run to extend, --append --out DIR"),
        (["--resume", "--out", "rnu"], "--append: rnu holds no run; leave --append out to begin"),
        (["--workers", "0"], "--workers 0: a whole number of at least 1"),
        (["--memory", "much"], "--memory much: give an amount such as 4G or 800M"),
        (
            ["--memory", "100M", "--workers", "1"],
            "--memory leaves 0.1G for each of the workers (1)",
        ),
        (["--cluster", "slurm://x"], "--cluster slurm://x: give local or ray://HOST:PORT for Ray"),
        (["--cluster", "local"], "pip install moclink[ray]"),
        (["--cluster", "tcp://127.0.0.1:1"], "pip install moclink[dask]"),
    ],
)
def test_bad_arguments_are_one_clear_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_literal_command_line_with_a_dash_first_works(photo, tmp_path):
    done = run("--snr", "-5:30", "--images", photo, "--out", tmp_path / "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "run" / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(r["snr_db"]) for r in rows if r["chain"] == "jpeg-ldpc"] == [*range(-5, 31)]
    assert {"results.sqlite", "results.csv", "run.json", "curves.png", "gallery.png"} <= set(
        os.listdir(tmp_path / "run")
    )
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["commands"][0]["command"][:5] == [
        "python",
        "-m",
        "moclink.simulate",
        "--snr",
        "-5:30",
    ]
    assert record["parameters"]["seed"] == 1 and record["versions"]["sionna-no-rt"]
    assert "PSNR (dB)" in done.stdout
    # The cliff: an outage or a wreck below the waterfall of the code, the intact file above it.
    psnr = {float(r["snr_db"]): float(r["psnr_db"]) for r in rows if r["chain"] == "jpeg-ldpc"}
    bler = {float(r["snr_db"]): float(r["bler"]) for r in rows if r["chain"] == "jpeg-ldpc"}
    assert all(bler[snr] > 0.5 and psnr[snr] < 15 for snr in range(-5, 10))
    assert all(bler[snr] == 0 and psnr[snr] == psnr[30] > 20 for snr in range(14, 31))
    # Equal bits: 48 a cell, padding of 93 x 151 to 96 x 152 counted; twice the symbols, whole
    # codewords.
    cells = 12 * 19
    assert all(int(r["bits"]) <= 48 * cells for r in rows if r["chain"] == "jpeg-ldpc")
    jpeg = next(r for r in rows if r["chain"] == "jpeg-ldpc")
    symbols = int(jpeg["symbols"])
    assert symbols == -(-int(jpeg["bits"]) // 324) * 108
    assert float(jpeg["cbr"]) == pytest.approx(symbols / (93 * 151 * 3))
    # The decoder gives up after 20 iterations below the waterfall and stops early above.
    spent = {r.snr_db: r.iterations for r in read_rows(tmp_path / "run") if r.chain == "jpeg-ldpc"}
    assert all(spent[snr] > 19 for snr in range(-5, 8)) and all(
        1 <= spent[snr] < 4 for snr in range(20, 31)
    )
    assert all(
        r.iterations is None for r in read_rows(tmp_path / "run") if not r.chain.endswith("-ldpc")
    )
    assert "python -m moclink.tables" in done.stdout
    lines = done.stdout.replace(str(tmp_path), "").splitlines()
    assert max(map(len, lines)) <= 130
    figures = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "run").glob("*.png")}
    again = subprocess.run(
        [sys.executable, "-m", "moclink.figures", tmp_path / "run"], capture_output=True
    )
    assert again.returncode == 0
    assert all(
        (tmp_path / "run" / name).stat().st_mtime_ns > then for name, then in figures.items()
    )


def sweep(folder, pictures, plan, order=1) -> str:
    store = ResultStore(
        folder, {"chains": list(plan.chains), "images": [[p.name, ""] for p in pictures]}
    )
    run_sweep(plan, pictures[::order], store, lambda cells, unit: None)
    store.export()
    store.close()
    return (folder / "results.csv").read_text()


def test_rows_do_not_depend_on_the_order_of_work(photo, tmp_path):
    pixels = read_image(photo / "crop.png")
    pictures = [Picture("one", pixels), Picture("two", pixels[:, ::-1].copy())]
    plan = Plan((9.0, 11.0, 12.0), ("jpeg-ldpc", "random-64qam"), trials=2, min_errors=50)
    back = Plan(plan.snrs[::-1], plan.chains[::-1], trials=2, min_errors=50)
    first = sweep(tmp_path / "a", pictures, plan)
    second = sweep(tmp_path / "b", pictures, back, order=-1)
    assert sorted(first.splitlines()) == sorted(second.splitlines())
    other = sweep(
        tmp_path / "c", pictures, Plan(plan.snrs, plan.chains, trials=2, min_errors=50, seed=2)
    )
    assert other != first


def test_equal_symbols_match_spends_the_semantic_chains_symbols(photo, tmp_path):
    picture = Picture("crop", read_image(photo / "crop.png"))
    options = ChainOptions(match="symbols")
    names = ("jpeg-ldpc", "jpeg-ldpc-16qam-r34", "jpeg-capacity")
    sweep(tmp_path / "a", [picture], Plan((30.0,), names, options=options))
    for row in read_rows(tmp_path / "a"):
        assert row.symbols <= 8 * 12 * 19
        assert (
            row.symbols > 0.8 * 8 * 12 * 19
        )  # whole codewords and JPEG's coarse steps leave a little
        assert (
            row.bits
            <= {"jpeg-ldpc": 3, "jpeg-ldpc-16qam-r34": 3, "jpeg-capacity": 10}[row.chain]
            * 8
            * 12
            * 19
        )


def test_tiny_pictures_and_impossible_budgets_are_declared(tmp_path, capsys):
    Image.fromarray(np.full((9, 5, 3), 200, np.uint8)).save(tmp_path / "tiny.png")
    arguments = ["--images", str(tmp_path / "tiny.png"), "--snr=20", "--out", str(tmp_path / "run")]
    arguments += ["--workers", "1"]
    assert main([*arguments, "--chains", "jpeg-ldpc,jpeg-capacity"]) == 0
    assert "tiny: the smallest jpeg file has" in capsys.readouterr().err
    rows = {row.chain: row for row in read_rows(tmp_path / "run")}
    # 2 cells: even the smallest file exceeds the budget, of which no more is spent.
    assert rows["jpeg-ldpc"].bits == 96 and rows["jpeg-ldpc"].outage == 1
    assert rows["jpeg-ldpc"].ssim is None  # below the window of 11
    assert rows["jpeg-capacity"].outage == 1


def test_a_picture_beyond_a_format_is_an_outage_with_its_reason(tmp_path, capsys):
    Image.fromarray(np.full((16, 17_000, 3), 90, np.uint8)).save(tmp_path / "long.png")
    arguments = ["--images", str(tmp_path / "long.png"), "--snr=20", "--out", str(tmp_path / "run")]
    chains = "webp-ldpc,webp-capacity,webp-ldpc-adaptive,jpeg-ldpc"
    assert main([*arguments, "--workers", "1", "--chains", chains, "--metrics", "psnr"]) == 0
    error = capsys.readouterr().err
    assert "webp-ldpc, long: an outage, since webp takes sides of at most 16383 pixels" in error
    rows = {row.chain: row for row in read_rows(tmp_path / "run")}
    assert [rows[name].outage for name in chains.split(",")] == [1, 1, 1, 0]


def test_argparse_answers_in_one_line_too(capsys):
    for arguments in (["--match", "bits"], ["--snr"], ["--sn", "5"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        (line,) = capsys.readouterr().err.splitlines()
        assert stop.value.code == 2 and line.startswith("moclink: ")


def test_append_extends_a_run_that_is_there(photo, tmp_path):
    begun = ["--images", str(photo), "--chains", "jpeg-ldpc", "--workers", "1", "--quiet"]
    begun += ["--out", str(tmp_path / "run")]
    assert main([*begun, "--snr", "20"]) == 0
    assert main([*begun, "--snr", "30", "--append"]) == 0
    assert [row.snr_db for row in read_rows(tmp_path / "run")] == [20.0, 30.0]


def test_quietly_nothing_is_printed_and_everything_written(photo, tmp_path):
    arguments = ["--snr", "20", "--images", photo, "--chains", "jpeg-ldpc", "--workers", "1"]
    done = run(*arguments, "--out", tmp_path / "run", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "run" / "curves.png").exists()


def test_a_log_has_short_lines(photo, tmp_path):
    chains = ",".join(name for name in chain_names() if name.startswith("random-"))
    arguments = ["--snr", "20", "--chains", chains, "--min-errors", "1", "--max-bits", "1"]
    done = run(*arguments, "--workers", "1", "--out", tmp_path / "run")
    lines = done.stderr.splitlines()
    assert done.returncode == 0 and lines[0].startswith("moclink: 0 of ")
    assert lines[-1].startswith("moclink: ") and "(100%)" in lines[-1]
    assert "\r" not in done.stderr and max(map(len, lines)) <= 80


def test_a_pipe_that_closes_is_no_error(tmp_path):
    command = f"{sys.executable} -m moclink.simulate --list-chains | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stdout.startswith("moc-rvq-l1") and done.stderr == ""


def test_error_rates_of_random_bits_lie_on_theory(tmp_path):
    plan = Plan((17.78,), ("random-64qam",), min_errors=4000)
    sweep(tmp_path / "a", [], plan)
    (row,) = read_rows(tmp_path / "a")
    # 4,000 errors: a deviation of at most sqrt(3 / 4000) = 2.7 %.
    assert row.ber == pytest.approx(0.0265, rel=4 * 0.027)
    assert row.image == "random-bits" and row.height is None and row.cbr is None


def test_iterations_of_random_codewords_are_their_mean(tmp_path):
    plan = Plan((5.0, 30.0), ("random-ldpc", "random-64qam"), min_errors=100)
    sweep(tmp_path / "a", [], plan)
    rows = {(row.chain, row.snr_db): row for row in read_rows(tmp_path / "a")}
    assert rows["random-ldpc", 5.0].iterations == 20
    assert 1 <= rows["random-ldpc", 30.0].iterations < 4
    assert rows["random-64qam", 5.0].iterations is None


def test_the_envelope_of_several_schemes_is_drawn(photo, tmp_path):
    picture = Picture("crop", read_image(photo / "crop.png"))
    names = ("jpeg-ldpc-qpsk-r12", "jpeg-ldpc", "random-16qam")
    sweep(tmp_path, [picture], Plan((0.0, 5.0, 20.0), names))
    paths = draw(tmp_path).files
    assert [p.name for p in paths] == ["curves.png", "gallery.png"]
    assert all(min(Image.open(p).size) > 300 for p in paths)


def test_the_command_that_is_suggested_can_be_pasted_into_a_shell(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "r #1?x=%41 é" / "a b"
    command = ["--chains", "random-qpsk", "--snr", "20", "--max-bits", "1000", "--workers", "1"]
    assert main([*command, "--out=~/r #1?x=%41 é/a b"]) == 0
    advice = next(x for x in capsys.readouterr().out.splitlines() if "moclink.tables" in x)
    words = shlex.split(advice.partition("python -m ")[2].removesuffix(", or"))
    assert words == ["moclink.tables", str(folder)]
    assert tables.main(words[1:]) == 0
    assert main([*command, "--append", "--out=~/r #1?x=%41 é/a b", "--quiet"]) == 0

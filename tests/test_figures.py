"""python -m moclink.figures."""

import os
import subprocess
import sys

import pytest

from moclink.figures import main
from moclink.results.store import ResultStore
from moclink.types import Row


@pytest.fixture
def folder(tmp_path):
    store = ResultStore(
        tmp_path / "run", {"chains": ["jpeg-ldpc", "jscc-96"], "images": [["x", ""]]}
    )
    ratios = {"jpeg-ldpc": 1 / 24, "jscc-96": 1 / 4}
    for chain, cbr in ratios.items():
        store.add([Row(chain, "x", 8, 8, s, 0, psnr_db=20.0, cbr=cbr) for s in (-5.0, 0.0, 5.0)])
    store.close()
    return tmp_path / "run"


def test_figures_go_where_they_are_asked_for(folder, tmp_path, capsys):
    arguments = [
        "--out",
        str(tmp_path / "out"),
        "--rate",
        "-5,5",
        "--snr",
        "-5:0",
        "--format",
        "png,svg",
    ]
    assert main([str(folder), *arguments]) == 0
    names = [line.rpartition("/")[2] for line in capsys.readouterr().out.splitlines()]
    assert names == [
        f"{n}.{f}" for n in ("curves", "rates--5dB", "rates-5dB") for f in ("png", "svg")
    ]
    assert not (folder / "curves.png").exists()


def test_a_figure_of_the_paper(folder, capsys):
    assert main([str(folder), "--paper", "fig3"]) == 0
    assert capsys.readouterr().out == f"{folder / 'fig3.png'}\n"
    assert main([str(folder), "--paper", "fig5"]) == 2
    assert "which fig5 shows" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["--chains", "jpeg"], "no results of 'jpeg'"),
        (["--chains", ""], "no chain is named"),
        (["--metrics", ""], "no metric is named"),
        (["--rate", ""], "--rate : not a number"),
        (["--snr", "x"], "--snr x: not a number"),
        (["--rate", "x"], "--rate x: not a number"),
        (["--rate", "3"], "nothing was sent at 3 dB"),
        (["--format", "gif"], "'gif': there are png, pdf, svg"),
        (["--metrics", "ssim"], "'ssim' was not measured"),
        (["--picture", "y"], "--picture y: received pictures were kept of no picture"),
        (["--out", "/dev/null/x"], "choose another --out"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(arguments, message, folder, capsys):
    assert main([str(folder), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("moclink: ") and message in line


@pytest.mark.parametrize(
    "backend", ["module://matplotlib_inline.backend_inline", "no-such-backend"]
)
def test_the_backend_of_a_notebook_is_no_matter(backend, folder):
    command = [sys.executable, "-m", "moclink.figures", str(folder)]
    done = subprocess.run(
        command, env=os.environ | {"MPLBACKEND": backend}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder / 'curves.png'}\n" and done.stderr == ""


def test_nothing_imports_pyplot(folder):
    code = "import sys; from moclink.figures import main; main(sys.argv[1:]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True)
    loaded = done.stdout.split()
    assert "matplotlib.figure" in loaded and "matplotlib.pyplot" not in loaded

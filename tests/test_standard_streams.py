"""Commands whose standard streams are closed, full or not read to their end."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from moclink import bpg
from moclink.results.store import ResultStore, read_rows

RUN = "-m moclink.simulate --snr 8,12 --chains random-qpsk --workers 1 --out run"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess:
    """Run a line of bash, where `python` is this one."""
    line = line.replace("python", sys.executable)
    command = ["bash", "-c", f"set -o pipefail; {line}"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("closing", ["2>&-", ">&-", ">&- 2>&- <&-"], ids=["err", "out", "all"])
def test_closed_streams_lose_nothing(closing, tmp_path):
    done = shell(f"python {RUN} {closing}", tmp_path)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert len(read_rows(tmp_path / "run")) == 2
    assert (tmp_path / "run" / "curves.png").stat().st_size > 1000


def test_nothing_is_written_into_files_in_place_of_a_closed_stream(tmp_path):
    program = (
        "import os, sys; from moclink.standard_streams import command\n"
        "def main():\n"
        "    with open('results', 'w') as file:\n"
        "        os.write(2, b'a note of a library')\n"
        "        print('and one of Python', file=sys.stderr)\n"
        "        file.write('42')\n"
        "    return 7\n"
        "sys.exit(command(main)())"
    )
    (tmp_path / "program.py").write_text(program)
    done = shell("python program.py 0<&- 2>&-", tmp_path)
    assert done.returncode == 7
    assert (tmp_path / "results").read_text() == "42"


@pytest.mark.parametrize(
    "command",
    [
        "python -m moclink.simulate --list-chains",
        "python -m moclink.simulate --help",
        "python -m moclink.train --help",
        f"python {RUN} 2>&1",
    ],
    ids=["list", "help", "train", "progress"],
)
def test_a_reader_that_stops_reading_is_no_error(command, tmp_path):
    done = shell(f"{command} | head -c 40", tmp_path)
    assert done.returncode == 0 and done.stderr == "" and len(done.stdout) == 40
    if "--out" in command:
        assert len(read_rows(tmp_path / "run")) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_characters_that_the_output_lacks_are_written_with_escapes(tmp_path):
    program = (
        "import sys; from moclink.standard_streams import command\n"
        "def main(argv=None):\n"
        "    print('0.5 \u00b1 0.1')\n"
        "    return 0\n"
        "sys.exit(command(main)())"
    )
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    done = shell("PYTHONIOENCODING=ascii python program.py", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0.5 \\xb1 0.1\n", "")


def test_output_that_cannot_be_written_is_one_line(tmp_path):
    done = shell("python -m moclink.simulate --list-chains > /dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "moclink: cannot write the output (No space left on device)"
    ]


@pytest.mark.parametrize(
    ("package", "line"),
    [
        ("matplotlib", "-m moclink.figures run"),
        ("av", "-m moclink.bpg decode a.bpg a.png"),
        ("av", "-m moclink.simulate --chains bpg-ldpc --workers 1 --snr 0 --out r"),
        ("numba", "-m moclink.simulate --chains random-ldpc --workers 1 --snr 0 --out r"),
    ],
)
def test_a_damaged_package_is_one_line(package, line, tmp_path):
    (tmp_path / "broken" / package).mkdir(parents=True)
    raising = f"raise ImportError('lib{package}.so.1: no such file', name={package!r})"
    (tmp_path / "broken" / package / "__init__.py").write_text(raising)
    (tmp_path / "a.bpg").write_bytes(
        bpg.encode(np.zeros((8, 8, 3), np.uint8), 40, preset="ultrafast")
    )
    store = ResultStore(tmp_path / "run", {"chains": ["a"], "images": []})
    store.close()
    done = shell(f"PYTHONPATH={tmp_path / 'broken'}:$PYTHONPATH python {line}", tmp_path)
    assert done.returncode == 2, done.stderr
    (said,) = done.stderr.splitlines()
    assert said.startswith("moclink: ") and f"lib{package}.so.1" in said
    assert "pip install --force-reinstall" in said and not (tmp_path / "r").exists()


@pytest.mark.parametrize("name", ["random.py", "random/__init__.py"])
def test_a_file_of_ones_own_that_is_taken_for_a_package_is_named(name, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("numbers = [4]")
    done = shell("python -m moclink.simulate --snr 0 --chains softcast --out r", tmp_path)
    assert done.returncode == 2, done.stderr
    (said,) = done.stderr.splitlines()
    own = tmp_path / name.partition("/")[0]
    assert said.startswith("moclink: the package random cannot be loaded (")
    assert said.endswith(f"; {own} is taken for it: rename that, or start from another folder")


@pytest.mark.parametrize("name", ["scipy", "sionna", "tensorflow"])
def test_a_file_of_ones_own_that_lacks_what_the_package_has_is_named(name, tmp_path):
    """Python then says that it is no package, or has no such attribute, and names no file."""
    (tmp_path / f"{name}.py").write_text("numbers = [4]")
    done = shell("python -m moclink.simulate --snr 0 --chains softcast --out r", tmp_path)
    assert done.returncode == 2, done.stderr
    said = done.stderr.splitlines()[-1]  # after the progress, if a worker finds it
    assert "Traceback" not in done.stderr
    assert said.startswith(f"moclink: the package {name} cannot be loaded (")
    assert f"; {tmp_path / name}.py is taken for it: rename that" in said

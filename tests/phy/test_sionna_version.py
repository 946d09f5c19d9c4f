"""Another Sionna than 1.2 is refused in one line that says what is needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from moclink.phy.sionna_version import WrongSionna, check_sionna


def test_the_installed_one_is_right():
    check_sionna()


@pytest.fixture
def other(tmp_path, monkeypatch):
    """Put another Sionna before the installed one."""

    def make(version):
        package = tmp_path / "sionna"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text(f'import torch\n\n__version__ = "{version}"\n')
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "sionna", raising=False)
        return tmp_path

    return make


@pytest.mark.parametrize("version", ["2.0.1", "0.19.2", "1.0.0", "3.0.0rc1"])
def test_other_versions_are_refused(other, version):
    other(version)
    with pytest.raises(WrongSionna, match=rf"Sionna {version} is installed.*pip install"):
        check_sionna()


@pytest.mark.parametrize("version", ["1.2.2", "1.2.3", "1.2.0+cluster"])
def test_versions_on_tensorflow_pass(other, version):
    other(version)
    check_sionna()


def test_the_ray_tracer_alone_and_none_at_all(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "sionna", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(WrongSionna, match="Sionna is not installed; pip install"):
        check_sionna()
    (tmp_path / "sionna" / "rt").mkdir(parents=True)
    sys.path_importer_cache.clear()
    with pytest.raises(WrongSionna, match=r"without sionna\.phy"):
        check_sionna()


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "moclink.simulate", "--snr", "10", "--chains", "random-qpsk", "--out", "run"],
        ["-m", "moclink.simulate", "--list-channels"],
        ["-c", "import moclink.link"],
        ["-c", "from moclink import SionnaLayer"],
    ],
    ids=["simulate", "list", "link", "layer"],
)
def test_commands_and_imports_say_it_in_one_line(other, arguments):
    folder = other("2.0.1")
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
    )
    assert "Sionna 2.0.1 is installed, and moclink needs Sionna 1.2" in done.stderr.splitlines()[-1]
    if arguments[0] == "-m":
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert not (folder / "run").exists()

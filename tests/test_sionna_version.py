"""Which engine there is; what is neither is refused in one line that says what is needed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from moclink.sionna_version import WrongSionna, check_sionna


def test_the_installed_one_is_right():
    import sionna.phy

    on_torch = hasattr(sionna.phy.config, "torch_rng")
    assert check_sionna() == ("torch" if on_torch else "tensorflow")


@pytest.fixture
def installed(monkeypatch):
    """Say which frameworks are installed."""

    def make(*frameworks):
        find = importlib.util.find_spec
        there = importlib.machinery.ModuleSpec("there", None)

        def found(name, *args):
            if name in ("tensorflow", "torch"):
                return there if name in frameworks else None
            return find(name, *args)

        monkeypatch.setattr(importlib.util, "find_spec", found)

    return make


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


@pytest.fixture(autouse=True)
def no_wish(monkeypatch):
    """No engine is asked for."""
    monkeypatch.delenv("MOCLINK_ENGINE", raising=False)


@pytest.mark.parametrize("version", ["2.0.1", "0.19.2", "1.0.0", "3.0.0rc1"])
def test_other_versions_are_refused(other, version):
    other(version)
    with pytest.raises(WrongSionna, match=rf"Sionna {version} is installed.*pip install"):
        check_sionna()


@pytest.mark.parametrize(
    ("version", "engine"),
    [
        ("1.2.2", "tensorflow"),
        ("1.2.3", "tensorflow"),
        ("1.2.0+cluster", "tensorflow"),
        ("2.2.0", "torch"),
        ("2.10.1", "torch"),
    ],
)
def test_the_version_decides_the_engine(other, installed, monkeypatch, version, engine):
    other(version)
    installed("tensorflow", "torch")
    assert check_sionna() == engine
    monkeypatch.setenv("MOCLINK_ENGINE", engine)
    assert check_sionna() == engine
    installed(engine)
    assert check_sionna() == engine


@pytest.mark.parametrize(
    ("version", "frameworks", "wish", "message"),
    [
        (
            "2.2.0",
            ["tensorflow"],
            "",
            r'without PyTorch, .*pip install "torch.*for the engine tens',
        ),
        (
            "1.2.2",
            ["torch"],
            "",
            r'without TensorFlow, .*install "tensorflow.*for the engine torch',
        ),
        ("2.2.0", ["torch"], "tensorflow", r'asked for, .*"sionna-no-rt>=1.2.2,<2" "tensorflow>'),
        (
            "1.2.2",
            ["tensorflow", "torch"],
            "torch",
            r'asked for, .*install "sionna-no-rt>=2.2,<3",',
        ),
        ("2.0.1", ["torch"], "torch", r'Sionna 2.0.1 .*pip install "sionna-no-rt>=2.2,<3"'),
        ("1.2.2", ["tensorflow"], "jax", "MOCLINK_ENGINE is 'jax'; there are: tensorflow, torch"),
    ],
)
def test_mixed_installs_get_one_line_with_the_remedy(
    other, installed, monkeypatch, version, frameworks, wish, message
):
    other(version)
    installed(*frameworks)
    monkeypatch.setenv("MOCLINK_ENGINE", wish)
    with pytest.raises(WrongSionna, match=message) as caught:
        check_sionna()
    assert "\n" not in str(caught.value)


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
        ["-m", "moclink.simulate", "--list-chains", "--engine", "torch"],
        ["-c", "import moclink.link"],
        ["-c", "from moclink import SionnaLayer"],
    ],
    ids=["simulate", "list", "engine", "link", "layer"],
)
def test_commands_and_imports_say_it_in_one_line(other, arguments):
    folder = other("2.0.1")
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{Path(__file__).parents[1]}"},
        capture_output=True,
        text=True,
    )
    assert "Sionna 2.0.1 is installed, and moclink needs Sionna 1.2" in done.stderr.splitlines()[-1]
    if arguments[0] == "-m":
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert not (folder / "run").exists()

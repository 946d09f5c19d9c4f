"""What is wrong with an installation or its settings is one line."""

import importlib.util
import json
import os
import resource
import subprocess
import sys

import pytest

from moclink.arguments import read_folder
from moclink.environment import (
    check_address_space,
    check_backend,
    check_environment,
    use_backend_of_engine,
)
from moclink.simulate import main
from moclink.sionna_version import check_sionna


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Write the user's keras.json."""
    monkeypatch.setenv("KERAS_BACKEND", "")  # what is set from here on is taken back
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def write(text):
        (tmp_path / "keras.json").write_text(text)

    return write


@pytest.mark.parametrize("text", ["", "{broken", "[]", "{}", '{"backend": "tensorflow"}'])
def test_what_keras_takes_passes(settings, monkeypatch, text):
    settings(text)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    use_backend_of_engine()
    check_environment()


@pytest.mark.parametrize(
    ("engine", "text", "backend"),
    [
        ("torch", "{}", "torch"),
        ("torch", '{"backend": "tensorflow"}', "torch"),  # which Keras writes by itself
        ("torch", '{"backend": "jax"}', None),
        ("tensorflow", "{}", None),
    ],
)
def test_keras_runs_where_sionna_does(settings, monkeypatch, engine, text, backend):
    settings(text)
    monkeypatch.setattr("moclink.environment.check_sionna", lambda: engine)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    use_backend_of_engine()
    assert os.environ.get("KERAS_BACKEND") == backend
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    use_backend_of_engine()
    assert os.environ["KERAS_BACKEND"] == "jax"


def test_an_engine_that_is_not_installed_ends_the_command(monkeypatch, capsys):
    monkeypatch.setenv("MOCLINK_ENGINE", "")  # what is set from here on is taken back
    other = "torch" if check_sionna() == "tensorflow" else "tensorflow"
    assert main(["--engine", other, "--list-chains"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"moclink: the engine {other} was asked for, and Sionna ")
    monkeypatch.setenv("MOCLINK_ENGINE", "")
    assert main(["--engine", check_sionna(), "--list-chains"]) == 0


def test_a_backend_that_is_not_installed_is_named(settings, monkeypatch):
    installed = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "jax" else installed(name)
    )
    settings(json.dumps({"backend": "jax"}))
    with pytest.raises(ValueError, match=r"keras\.json is 'jax', which is not installed; inst"):
        check_backend()
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(ValueError, match="KERAS_BACKEND is 'jax', which is not installed"):
        check_backend()


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("NUMBA_NUM_THREADS", "0", "import moclink.environment as e; e.check_environment()"),
        ("LOKY_MAX_CPU_COUNT", "many", "import moclink.sweep.workers as w; w.cpus()"),
    ],
)
def test_a_wrong_variable_is_named(name, value, code):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
    )
    assert done.stderr.splitlines()[-1].startswith(f"ValueError: {name} is '{value}': ")


def test_a_run_says_it_before_it_begins(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflo")
    assert main(["--snr", "9", "--chains", "random-qpsk", "--out", str(tmp_path / "run")]) == 2
    line = "moclink: KERAS_BACKEND is 'tensorflo'; Keras has tensorflow, jax, torch"
    assert capsys.readouterr().err.splitlines() == [line]
    assert not (tmp_path / "run").exists()


def own_path() -> dict[str, str]:
    """The environment, with this copy of the package on Python's path."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}


@pytest.mark.parametrize("module", ["simulate", "train"])
def test_a_working_folder_that_was_deleted_is_named(tmp_path, module):
    (tmp_path / "gone").mkdir()
    stage = ["patches", str(tmp_path), "--out", str(tmp_path / "out")]
    arguments = {"simulate": ["--snr", "9", "--chains", "random-qpsk"], "train": stage}[module]
    code = (
        f"import os, sys; os.chdir({str(tmp_path / 'gone')!r}); os.rmdir(os.getcwd()); "
        f"from moclink.{module} import main; sys.exit(main({arguments!r}))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=own_path(), capture_output=True, text=True)
    assert done.returncode == 2
    assert "the working folder cannot be used (No such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_space_too_small_is_named(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1536 * 2**20, -1))
    with pytest.raises(ValueError, match=r"limited to 1\.5G \(ulimit -v\), too little to load"):
        check_address_space()
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, -1))
    check_address_space()


@pytest.mark.tensorflow_only("Keras's own default is TensorFlow")
def test_without_a_home_the_backend_is_the_default(monkeypatch):
    """A user that a container does not know, and no HOME: "~" stays as it is."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    check_backend()
    assert read_folder("out", "~/run").parts == ("~", "run")


@pytest.mark.parametrize(
    ("name", "named"),
    [("matplotlibrc", False), ("stylelib/mine.mplstyle", True)],
    ids=["rc", "style"],
)
def test_settings_of_matplotlib_that_are_not_utf_8(tmp_path, name, named):
    """A matplotlibrc is no matter; style files are all read, so one is named."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"font.family: Caf\xe9\n")
    code = "from moclink.figures import main; import sys; sys.exit(main(['nowhere']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**own_path(), "MPLCONFIGDIR": str(tmp_path), "MPLBACKEND": "no such backend"},
        capture_output=True,
        text=True,
    )
    line = done.stderr.splitlines()[-1]
    wanted = "cannot read a style file of yours" if named else "nowhere holds no results.sqlite"
    assert done.returncode == 2 and line.startswith("moclink: ") and wanted in line

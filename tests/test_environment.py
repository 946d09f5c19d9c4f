"""What is wrong with an installation or its settings is one line."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from moclink.environment import check_backend, check_environment
from moclink.simulate import main


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Write the user's keras.json."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def write(text):
        (tmp_path / "keras.json").write_text(text)

    return write


@pytest.mark.parametrize("text", ["", "{broken", "[]", "{}", '{"backend": "tensorflow"}'])
def test_what_keras_takes_passes(settings, text):
    settings(text)
    check_environment()


def test_a_backend_that_is_not_installed_is_named(settings, monkeypatch):
    installed = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else installed(name)
    )
    settings(json.dumps({"backend": "torch"}))
    with pytest.raises(ValueError, match=r"keras\.json is 'torch', which is not installed; inst"):
        check_backend()
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(ValueError, match="KERAS_BACKEND is 'torch', which is not installed"):
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

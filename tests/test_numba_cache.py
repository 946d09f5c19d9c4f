"""Compiled code is kept where that is possible, and failures of the cache stop nothing."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest
from numba.core import caching

from moclink import numba_cache

SOURCE = """
from moclink.numba_cache import compiled, inlined

@inlined
def half(x):
    return x / 2

@compiled(nogil=True)
def one(x):
    return half(x) + 1

@compiled()
def two(x):
    return half(x) + 2
"""


@pytest.fixture
def functions(tmp_path):
    """Load two compiled functions again, as a new process does."""
    path = tmp_path / "functions.py"
    path.write_text(SOURCE)

    def load():
        spec = importlib.util.spec_from_file_location("functions", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def no_usual_folder(tmp_path, monkeypatch):
    """No folder for Numba's cache, as with a read-only installation and an unwritable home."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [caching.UserProvidedCacheLocator])
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.setenv("MOCLINK_CACHE_NOTE", "")
    return tmp_path / "temporary"


def test_a_folder_for_temporary_files_comes_next(functions, no_usual_folder, capsys):
    module = functions()
    assert (module.one(4.0), module.two(4.0)) == (3.0, 4.0)
    (folder,) = no_usual_folder.iterdir()
    assert len(list(folder.rglob("*.nbc"))) == 2
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder)  # for processes that are started from here
    assert capsys.readouterr().err.splitlines() == [
        f"moclink: compiled code is kept in {folder}; NUMBA_CACHE_DIR names another folder"
    ]
    again = functions()
    assert again.one(4.0) == 3.0 and sum(again.one.stats.cache_hits.values()) == 1
    assert not capsys.readouterr().err


def test_without_any_folder_functions_are_compiled(functions, no_usual_folder, monkeypatch, capsys):
    monkeypatch.setattr("tempfile.tempdir", str(no_usual_folder / "missing"))
    module = functions()
    assert (module.one(4.0), module.two(4.0)) == (3.0, 4.0)
    (line,) = capsys.readouterr().err.splitlines()
    assert "compiled in every process" in line


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX")
def test_a_folder_of_another_user_is_not_read(functions, no_usual_folder, monkeypatch, capsys):
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    assert functions().one(4.0) == 3.0
    assert "compiled in every process" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("kept", [0, 9, 60, 300])
def test_a_damaged_file_is_written_anew(functions, suffix, kept, capsys):
    first = functions()
    assert first.one(4.0) == 3.0
    (path,) = (p for p in Path(first.__file__).parent.rglob(f"*one*{suffix}"))
    whole = path.read_bytes()
    path.write_bytes(whole[:kept])
    assert functions().one(4.0) == 3.0
    again = functions()
    assert again.one(4.0) == 3.0 and sum(again.one.stats.cache_hits.values()) == 1
    assert not capsys.readouterr().err


def test_a_cache_that_cannot_be_written_is_said_once(functions, monkeypatch, capsys):
    def full(self, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("MOCLINK_CACHE_NOTE", "")
    monkeypatch.setattr(caching.IndexDataCacheFile, "_open_for_write", full)
    module = functions()
    assert (module.one(4.0), module.two(4.0), module.two(4)) == (3.0, 4.0, 4.0)
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be kept" in line and "No space left" in line


def test_disabled_compilation_is_one_line(tmp_path):
    arguments = ["--snr", "10", "--chains", "random-qpsk", "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "moclink.simulate", *arguments],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("moclink: NUMBA_DISABLE_JIT is set") and "unset it" in line


def test_disabled_compilation_is_said_by_each_function(functions, monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    with pytest.raises(ValueError, match="NUMBA_DISABLE_JIT is set"):
        functions().one(4.0)
    with pytest.raises(ValueError, match="NUMBA_DISABLE_JIT is set"):
        numba_cache.check_compiler()


def test_code_of_another_file_that_is_called_makes_it_old(functions, monkeypatch):
    """Numba looks at the function's own file alone: the callee's change would not be noticed."""

    def hits():
        module = functions()
        module.one(1.0)
        return sum(module.one.stats.cache_hits.values())

    assert [hits(), hits()] == [0, 1]
    monkeypatch.setattr(numba_cache, "sources_digest", lambda folder: "of changed sources")
    assert [hits(), hits()] == [0, 1]


def test_the_digest_is_of_the_modules_that_compile(tmp_path):
    def digest(name, text):
        (tmp_path / name).write_text(text)
        numba_cache.sources_digest.cache_clear()
        return numba_cache.sources_digest(tmp_path)

    first = digest("a.py", "from moclink.numba_cache import compiled")
    assert digest("b.py", "import numpy") == first
    assert digest("a.py", "from moclink.numba_cache import inlined") != first

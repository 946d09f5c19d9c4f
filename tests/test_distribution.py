"""What is handed on: the source distribution holds all that is needed to work on it, and commands."""

import configparser
import importlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TREES = ("benchmarks", "docs", "examples", "moclink", "notebooks", "tests")


def test_the_source_distribution_is_full(tmp_path):
    pytest.importorskip("setuptools")
    leave = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "runs", "build", "dist")
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=leave)
    code = "from setuptools import build_meta; build_meta.build_sdist('dist')"
    subprocess.run([sys.executable, "-c", code], cwd=copy, check=True, capture_output=True)
    (archive,) = (copy / "dist").glob("moclink-*.tar.gz")
    with tarfile.open(archive) as tar:
        held = {name.partition("/")[2] for name in tar.getnames()}
    there = {
        str(path.relative_to(copy))
        for tree in TREES
        for path in (copy / tree).rglob("*")
        if path.is_file() and ".egg-info" not in str(path)
    }
    there |= {path.name for path in copy.iterdir() if path.is_file()} - {"MANIFEST.in"}
    assert there - held == set() and "moclink/weights/moc-rvq-small.weights.h5" in held


def test_every_script_has_its_function():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    scripts = config["options.entry_points"]["console_scripts"].split("\n")
    places = dict(line.split(" = ") for line in scripts if line)
    assert {"moclink-simulate", "moclink-train", "moclink-figures", "moclink-tables"} <= set(places)
    for place in places.values():
        module, _, function = place.partition(":")
        assert callable(getattr(importlib.import_module(module), function))

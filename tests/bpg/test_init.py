import ast
from pathlib import Path

from moclink import bpg

ALLOWED = {
    "__future__",
    "argparse",
    "collections",
    "dataclasses",
    "fractions",
    "pathlib",
    "sys",
    "warnings",
    "av",
    "numpy",
    "PIL",
}


def test_the_package_stands_alone():
    """It imports itself (relatively), NumPy, PyAV and Pillow: a copy of the folder works under any name."""
    for path in Path(bpg.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            else:
                continue
            assert {name.split(".")[0] for name in names} <= ALLOWED, path.name


def test_every_name_is_there():
    assert all(hasattr(bpg, name) for name in bpg.__all__)
    assert issubclass(bpg.CorruptBpgError, bpg.BpgError) and issubclass(bpg.UnsupportedBpgError, bpg.BpgError)
    assert issubclass(bpg.BpgError, ValueError)

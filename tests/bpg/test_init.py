import ast
from pathlib import Path

from moclink import bpg

ALLOWED = {
    "__future__",
    "argparse",
    "collections",
    "dataclasses",
    "fractions",
    "io",
    "numbers",
    "os",
    "pathlib",
    "sys",
    "tempfile",
    "typing",
    "warnings",
    "av",
    "numpy",
}
# What the command line shares with those of the whole of moclink.
COMMAND_LINE = ("moclink.images", "moclink.standard_streams", "moclink.atomic_files", "PIL")


def test_the_package_stands_alone():
    """It imports itself (relatively), NumPy and PyAV: a copy of the folder works under any name.

    Its command line alone reads pictures and writes files as the whole of moclink does.
    """
    for path in Path(bpg.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            else:
                continue
            if path.name == "__main__.py":
                names = [name for name in names if name not in COMMAND_LINE]
            assert {name.split(".")[0] for name in names} <= ALLOWED, path.name


def test_every_name_is_there():
    assert all(hasattr(bpg, name) for name in bpg.__all__)

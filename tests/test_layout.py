"""Tests mirror the package, module by module; no file and no function is longer than it should be."""

import ast
from pathlib import Path

PACKAGE, TESTS = Path(__file__).parent.parent / "moclink", Path(__file__).parent
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 300, 60
# Constants, errors and interfaces, which the tests of their users hold; two modules of the training
# of the link, whose tests share tiles and a process on JAX: training/test_link.py, test_link_gpu.py.
WITHOUT = {"constants.py", "errors.py", "protocols.py"}
WITHOUT |= {"training/link_stage.py", "training/link_device.py"}
# Held by training/test_channel_stage.py.
WITHOUT |= {"training/command_channel.py", "training/channel_options.py"}
# Tests of what several modules do together, or of the repository.
TOGETHER = {
    "phy/test_redundancy_versions.py",
    "examples/test_numpy_codec.py",
    "examples/test_torch_jscc.py",
    "user_codec/test_runs.py",
    "sweep/test_chains_over_channels.py",
    "codec/test_layers_alone.py",
    "test_distribution.py",
    "test_engines_agree.py",
    "test_imports.py",
    "test_interrupted_runs.py",
    "test_layout.py",
    "test_link_as_model.py",
    "test_link_training.py",
    "test_notebooks.py",
    "test_weights.py",
    "training/test_link.py",
}


def names(folder: Path, pattern: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(pattern))


def module_of(test: str) -> list[str]:
    """The module that a test file is named for: `test_main.py` and `test_init.py` mean dunder names."""
    folder, _, name = test.rpartition("/")
    plain = name.removeprefix("test_")
    dunder = f"__{plain.removesuffix('.py')}__.py"
    return [f"{folder}/{file}".lstrip("/") for file in (plain, dunder)]


MODULES, FILES = names(PACKAGE, "*.py"), names(TESTS, "test_*.py")
TESTED = {module for test in FILES for module in module_of(test)}


def test_every_module_has_the_tests_of_its_name():
    modules = [m for m in MODULES if m not in WITHOUT and not m.endswith("__init__.py")]
    assert [module for module in modules if module not in TESTED] == []


def test_every_test_file_is_named_for_a_module_or_listed_here():
    tests = [test for test in FILES if test not in TOGETHER]
    assert [test for test in tests if not set(module_of(test)) & set(MODULES)] == []


def long_functions(source: str) -> list[str]:
    """Functions whose bodies, docstrings aside, have too many lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = node.end_lineno - body[0].lineno + 1 if body else 0
            found += [f"{node.name}: {lines}"] if lines > MOST_LINES_OF_A_FUNCTION else []
    return found


def test_no_file_and_no_function_is_too_long():
    texts = {module: (PACKAGE / module).read_text(encoding="utf-8") for module in MODULES}
    assert [name for name, text in texts.items() if text.count("\n") > MOST_LINES] == []
    long = {name: found for name, text in texts.items() if (found := long_functions(text))}
    assert long == {}


def test_a_docstring_does_not_make_a_function_long():
    lines = "    x = 1\n" * MOST_LINES_OF_A_FUNCTION
    docstring = '    """Summary.\n\n    More.\n    """\n'
    assert long_functions(f"def short():\n{docstring}{lines}") == []
    assert long_functions(f"async def long():\n{lines}    y = 2\n") == ["long: 61"]

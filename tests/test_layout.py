"""Tests mirror the package: a module has the test file of its name, a test file its module."""

from pathlib import Path

PACKAGE, TESTS = Path(__file__).parent.parent / "moclink", Path(__file__).parent
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

"""Which package may import what, and what loads without a framework."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "moclink"
FRAMEWORKS = {"keras", "tensorflow", "torch", "jax", "sionna", "numba", "av", "PIL", "matplotlib"}
PACKAGES = {
    "bpg",
    "codec",
    "perceptual",
    "training",
    "phy",
    "sources",
    "sweep",
    "results",
    "chain_factory",
    "presets",
    "semantic_chains",
    "simulate",
    "figures",
    "linear",
    "link",
    "tables",
    "user_codec",
}

# package or module -> what it may import of the frameworks and of the packages, itself and records
# aside
MAY = {
    "bpg": {"av", "PIL"},
    "codec": {"keras", "numba_cache"},
    "torch_device": {"torch"},
    "perceptual": {"keras", "numba_cache"},
    "linear": {"keras", "codec"},
    "training": {"keras", "codec", "linear", "perceptual", "PIL"},
    "train": {"keras", "codec", "perceptual", "training", "PIL", "sweep"},
    "phy": {"sionna", "tensorflow", "torch", "numba", "keras", "codec"},
    "sources": {"PIL", "bpg", "codec", "linear"},
    "types": set(),
    "snr": set(),
    "protocols": set(),
    "constants": set(),
    "chain": set(),
    "power": set(),
    "chain_inputs": set(),
    "budgets": {"sources"},
    "error_rates": set(),
    "link": {"sionna", "keras", "codec", "phy"},
    "link_inputs": {"keras", "codec", "phy"},
    "metrics": {"perceptual"},
    "device_metrics": {"torch"},
    "structural_similarity": {"numba", "numba_cache"},
    "squared_errors": {"numba_cache"},
    "numba_cache": {"numba"},
    "elementary": {"numba_cache"},
    "winograd": {"numba_cache"},
    "reused_memory": set(),
    "thread_shares": {"numba"},
    "host_functions": {"tensorflow"},
    "matrix_products": {"torch"},
    "keras_device": {"keras", "torch"},
    "standard_streams": set(),
    "environment": {"phy", "matplotlib"},
    "sionna_version": set(),
    "atomic_files": set(),
    "images": {"PIL", "bpg"},
    "image_arguments": {"PIL"},
    "picture_folders": set(),
    "pillow_settings": {"PIL"},
    "arguments": set(),
    "option_parser": set(),
    "image_modes": {"PIL"},
    "file_kinds": {"PIL"},
    "file_locks": set(),
    "presets": {"user_codec"},
    "idle_options": {"presets"},
    "import_path": set(),
    "bandwidth_ratio": set(),
    "codeword_length": set(),
    "errors": set(),
    "harq": set(),
    "single_transmission": set(),
    "wrapped_chain": set(),
    "outages": set(),
    "user_codec": {"phy", "presets"},
    "chain_factory": {
        "codec",
        "linear_chains",
        "phy",
        "presets",
        "semantic_chains",
        "sources",
        "user_codec",
    },
    "semantic_names": set(),
    "linear_names": set(),
    "linear_chains": {"linear", "sources"},
    "semantic_chains": {"codec", "phy", "presets", "sources"},
    "sweep": {"PIL", "phy", "presets", "chain_factory"},
    "results": {"matplotlib", "PIL"},
    "figures": {"results"},
    "tables": {"results"},
    "simulate": {"phy", "presets", "sweep", "results", "user_codec"},
    "run_arguments": {"phy", "presets", "sweep"},
    "object_parts": set(),
    "run_folders": {"phy", "results"},
    "runs": {"phy", "presets", "sweep", "results", "user_codec"},
    "__main__": set(),
    "__init__": {"codec", "link", "phy", "results", "sweep"},
}


def imports(path: Path) -> set[str]:
    """Frameworks and packages that a file imports, at the top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif (
            isinstance(node, ast.ImportFrom) and not node.level
        ):  # relative imports stay in their package
            module = node.module or ""
            names = [f"{module}.{a.name}" for a in node.names] if module == "moclink" else [module]
        for name in names:
            parts = name.split(".")
            found.add(parts[1] if parts[0] == "moclink" and len(parts) > 1 else parts[0])
    return found & (FRAMEWORKS | PACKAGES)


JAX = {"training/link_device.py", "training/link_gpu.py"}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_a_package_imports_only_what_it_may(path):
    place = path.relative_to(PACKAGE)
    package = place.parts[0].removesuffix(".py")
    assert package in MAY, f"{place} is in a package that the table does not know"
    # The training on a GPU keeps its steps on the device, for which Keras has no words of its own.
    also = {"jax"} if str(place) in JAX else set()
    assert imports(path) <= MAY[package] | {package} | also


def test_sweep_and_results_do_not_import_each_other():
    for one, other in (("sweep", "results"), ("results", "sweep")):
        for path in (PACKAGE / one).rglob("*.py"):
            assert other not in imports(path), path


def test_keras_in_phy_stays_in_the_layer_files():
    allowed = {"layer.py", "qam_link.py"}
    users = {path.name for path in (PACKAGE / "phy").rglob("*.py") if "keras" in imports(path)}
    assert users <= allowed


def test_the_framework_in_phy_stays_in_the_files_of_the_engine():
    allowed = {"engine.py", "tensors.py", "device_decoder.py", "device_receiver.py", "fused.py"}
    for path in (PACKAGE / "phy").rglob("*.py"):
        assert path.name in allowed or not imports(path) & {"tensorflow", "torch"}, path


def test_codec_among_sources_stays_in_the_semantic_ones():
    users = {path.name for path in (PACKAGE / "sources").rglob("*.py") if "codec" in imports(path)}
    assert users <= {"semantic.py", "channel_optimized_source.py", "semantic_files.py"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "import moclink"],
        ["-m", "moclink.simulate", "--help"],
        ["-m", "moclink.simulate", "--list-chains"],
        ["-m", "moclink.simulate", "--list-channels"],
        ["-m", "moclink.figures", "--help"],
        ["-m", "moclink.tables", "--help"],
        ["-m", "moclink.results", "--help"],
        ["-c", "import moclink.results.comparison_tables, moclink.results.table_formats"],
    ],
    ids=["import", "help", "chains", "channels", "figures", "tables", "results", "comparison"],
)
def test_answers_come_without_loading_a_framework(arguments):
    """No framework among the modules loaded: that is what makes it quick, on any machine."""
    probe = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True
    )
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in probe.stderr.splitlines()}
    assert not loaded & {"tensorflow", "keras", "sionna", "numba", "matplotlib", "jax", "torch"}


def test_bad_arguments_are_answered_without_loading_a_framework():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "moclink.simulate", "--snr", "5:-5"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "| tensorflow" not in done.stderr

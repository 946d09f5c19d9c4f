"""The contract of every layer on TensorFlow and JAX, and their outputs against a stored reference."""

import importlib.util
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("layer_contract.py")
GOLDEN = Path(__file__).parents[1] / "refs" / "codec" / "layers.npz"
# Compiled quickly rather than for speed: each layer runs a few times only.
JAX = {
    "KERAS_BACKEND": "jax",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_backend_optimization_level=0",
}
CONTRACT = runpy.run_path(str(SCRIPT))


def compare(name, outputs, reference):
    for i, value in enumerate(outputs):
        np.testing.assert_allclose(value, reference[f"{name}/{i}"], atol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", CONTRACT["CASES"])
def test_layer_is_rebuilt_from_its_config_and_gives_the_stored_output(name):
    with np.load(GOLDEN) as reference:
        compare(name, CONTRACT["check_config"](name), reference)


def test_layers_save_load_and_train_as_parts_of_a_model(tmp_path):
    CONTRACT["check_as_parts_of_a_model"](tmp_path)


def test_layers_do_all_this_on_jax(tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed (pip install moclink[jax])")
    out = tmp_path / "jax.npz"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(out)],
        env={**os.environ, **JAX, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(out) as outputs, np.load(GOLDEN) as reference:
        assert sorted(outputs) == sorted(reference)
        for name in CONTRACT["CASES"]:
            compare(
                name,
                [outputs[key] for key in sorted(outputs) if key.startswith(f"{name}/")],
                reference,
            )

"""What tests on both engines need: marks of what one of them lacks, and gradients.

`@pytest.mark.tensorflow_only("why")` and `torch_only` skip a test on the other engine.
"""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from moclink.file_locks import TRAINING_LOCK
from moclink.sionna_version import check_sionna

# isort: split
import keras  # on the backend that moclink has chosen
from keras import ops

TESTS = Path(__file__).parent


def pytest_configure(config):
    for engine in ("tensorflow", "torch"):
        line = f"{engine}_only(reason): this cannot be asked of Sionna on the other framework"
        config.addinivalue_line("markers", line)


# Files that take longest, longest first: with --no-loadscope-reorder the processes start with them,
# and none is left alone with one of them at the end.
LONGEST = (
    "training/test_command_all.py",
    "training/test_link_gpu.py",
    "training/test_commands.py",
    "test_interrupted_runs.py",
    "training/test_stage1.py",
    "sweep/test_run_sweep.py",
    "training/test_link.py",
    "codec/test_network.py",
    "test_link_as_model.py",
    "test_weights.py",
    "test_simulate.py",
    "test_link.py",
    "test_notebooks.py",
    "phy/test_channels.py",
    "phy/test_transport_block.py",
    "phy/test_early_stopping.py",
    "phy/test_ldpc.py",
    "bpg/test_codec.py",
    "sweep/test_chains_over_channels.py",
)


def pytest_collection_modifyitems(config, items):
    """In processes that share the files the longest files come first."""
    if hasattr(config, "workerinput"):
        rank = {TESTS / name: place for place, name in enumerate(LONGEST)}
        items.sort(key=lambda item: rank.get(item.path, len(rank)))


def pytest_runtest_setup(item):
    """Skip a test of the other engine, with its reason: it is listed, and not lost."""
    for engine in ("tensorflow", "torch"):
        mark = item.get_closest_marker(f"{engine}_only")
        if mark is not None and check_sionna() != engine:
            pytest.skip(f"of {engine} only: {mark.args[0]}")


def gradients_of(function, *values):
    """Gradients of a scalar, whatever Keras runs on.

    Args:
        function: From tensors, one for each array among the values, to a scalar.
        *values: Arrays, and Keras variables, which the function knows itself.

    Returns:
        For each value its gradient as an array, or None where there is no way to it.
    """
    arrays = [ops.convert_to_tensor(v) for v in values if isinstance(v, np.ndarray)]
    if keras.backend.backend() == "torch":
        import torch

        arrays = [array.clone().requires_grad_() for array in arrays]
        total = function(*arrays)
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(arrays)
            total = function(*arrays)
    left = iter(arrays)
    sources = [next(left) if isinstance(v, np.ndarray) else v.value for v in values]
    if keras.backend.backend() == "torch":
        found = torch.autograd.grad(total, sources, allow_unused=True)
    else:
        found = [
            None if g is None else tf.convert_to_tensor(g) for g in tape.gradient(total, sources)
        ]
    return [None if gradient is None else ops.convert_to_numpy(gradient) for gradient in found]


@pytest.fixture(scope="session", name="gradients_of")
def _gradients_of():
    return gradients_of


@contextmanager
def held_by_another_process(folder, name=TRAINING_LOCK):
    """Hold a folder as a training does, in a process that is killed at the end."""
    program = (
        "import sys; from pathlib import Path; from moclink.file_locks import hold_folder\n"
        "with hold_folder(Path(sys.argv[1]), name=sys.argv[2]):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(folder), name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            holder.kill()


@pytest.fixture(scope="session", name="held_by_another_process")
def _held_by_another_process():
    return held_by_another_process


def smooth_pictures(count: int, height: int = 37, width: int = 50) -> np.ndarray:
    """Smooth random pictures, float32 [count, height, width, 3]; of odd size if none is given."""
    coarse = np.random.default_rng(5).uniform(size=(count, 6, 8, 3)).astype(np.float32)
    return np.clip(ops.convert_to_numpy(ops.image.resize(coarse, (height, width))), 0, 1)


@pytest.fixture(scope="session")
def pictures():
    """`smooth_pictures`."""
    return smooth_pictures


@pytest.fixture(scope="module")
def fitted_toy_codec():
    """An untrained codec whose codebooks fit its latents and whose NRB does something."""
    from moclink.codec.codebook_initialization import initialize_codebooks
    from moclink.codec.codebooks import record_priors
    from moclink.codec.semantic_codec import SemanticCodec

    keras.utils.set_random_seed(7)
    made = SemanticCodec.from_size("toy")
    latents = ops.convert_to_numpy(made.encoder(smooth_pictures(8)))
    initialize_codebooks(made.quantizer, latents, seed=1)
    for weight in made.nrb.trainable_variables:
        if weight.path.endswith("exit/kernel"):
            weight.assign(0.01 * keras.random.normal(weight.shape, seed=3))
    record_priors(made.quantizer, np.random.default_rng(4).integers(50, 500, made.priors.shape))
    return made


@pytest.fixture
def link_codec(fitted_toy_codec):
    """That codec, given back as it was."""
    before = fitted_toy_codec.network.get_weights()
    yield fitted_toy_codec
    fitted_toy_codec.network.set_weights(before)

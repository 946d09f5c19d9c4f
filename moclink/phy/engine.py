"""What differs between Sionna 1.2 on TensorFlow and Sionna 2 on PyTorch.

Blocks and functions of both have the same names, arguments and results; what moclink's own blocks
need around them is here, and the operations on their tensors in `moclink.phy.tensors`. Nothing else
in this package imports TensorFlow; PyTorch besides what runs on its devices: `device_decoder`,
`device_receiver` and `fused`.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from sionna.phy import Block, config

from moclink.sionna_version import TORCH, check_sionna

ENGINE = check_sionna()
ON_TORCH = ENGINE == TORCH
if ON_TORCH:
    import torch
else:
    import tensorflow as tf

GENERATOR = "torch_rng()" if ON_TORCH else "tf_rng"  # of `sionna.phy.config`
# Axis of the codewords in the messages of a decoder: [B, edges] in Sionna 2, [edges, B] in 1.2.
CODEWORD_AXIS = 0 if ON_TORCH else 1
# Sionna 2 has newer tables too (TDL-A differs); both engines compute with those of Sionna 1.2.
PROFILES_OF = {"spec_version": "16.1"} if ON_TORCH else {}


def is_gpu_there() -> bool:
    """Whether the framework sees a GPU."""
    return torch.cuda.is_available() if ON_TORCH else bool(tf.config.list_physical_devices("GPU"))


def takes_tensors(block: Any) -> bool:
    """Whether a channel block is called on tensors: blocks of Sionna, layers, PyTorch's modules."""
    kinds = (Block, torch.nn.Module) if ON_TORCH else Block
    return isinstance(block, kinds) or hasattr(block, "get_config")  # a Keras layer


def real_dtype(block: Block) -> Any:
    """The framework's real type in a block's precision."""
    return block.dtype if ON_TORCH else block.rdtype


def compiled(function: Callable, signature: Sequence[tuple[tuple, str]] | None = None) -> Callable:
    """A function of tensors, as a graph of TensorFlow; PyTorch runs it as it is, without gradients.

    Args:
        function: From tensors to tensors.
        signature: Shape and type of each argument, for a graph that XLA compiles once.
    """
    if ON_TORCH:

        def run(*tensors: Any) -> Any:
            with torch.no_grad():
                return function(*tensors)

        return run
    if signature is None:
        return tf.function(function)
    specs = [tf.TensorSpec(shape, dtype) for shape, dtype in signature]
    return tf.function(function, jit_compile=True, input_signature=specs)


def without_autograph(function: Callable) -> Callable:
    """A method that decides nothing by the values of tensors, traced by TensorFlow as it is written.

    AutoGraph would first rewrite the source of all that it calls: of a trace through a channel model
    of Sionna that is the larger part.
    """
    return function if ON_TORCH else tf.autograph.experimental.do_not_convert(function)


def traces(function: Any) -> int:
    """How often a function of `compiled` was traced; PyTorch traces nothing."""
    return 0 if ON_TORCH else function.experimental_get_tracing_count()


def without_gradients() -> contextlib.AbstractContextManager:
    """Where PyTorch keeps nothing for gradients; TensorFlow does so by itself."""
    return torch.no_grad() if ON_TORCH else contextlib.nullcontext()


@contextlib.contextmanager
def seeded(seed: int, everything: bool = False) -> Iterator[None]:
    """Seed Sionna's random generators for a while, then let them continue where they were.

    Args:
        seed: The seed.
        everything: Whether the global generators of Python, NumPy and the framework are seeded too;
            TensorFlow's stays so.
    """
    arrays, python = config.np_rng, config.py_rng
    before = arrays.bit_generator.state, python.getstate()
    globally = np.random.get_state(), random.getstate()  # noqa: NPY002
    with _seeded_tensors(seed, everything):
        try:
            arrays.bit_generator.state = np.random.default_rng(seed).bit_generator.state
            python.seed(seed)
            if everything:
                np.random.seed(seed % 2**32)  # noqa: NPY002
                random.seed(seed)
            yield
        finally:
            arrays.bit_generator.state = before[0]
            python.setstate(before[1])
            np.random.set_state(globally[0])  # noqa: NPY002
            random.setstate(globally[1])


@contextlib.contextmanager
def _seeded_tensors(seed: int, everything: bool) -> Iterator[None]:
    """`seeded`, for the generators of tensors."""
    if not ON_TORCH:
        generator = config.tf_rng
        state = generator.state.numpy()
        try:
            generator.reset_from_seed(seed)
            if everything:
                tf.random.set_seed(seed)
            yield
        finally:
            generator.state.assign(state)
        return
    generators = [config.torch_rng(device) for device in config.available_devices]
    states = [generator.get_state() for generator in generators]
    with torch.random.fork_rng(enabled=everything):
        try:
            for generator in generators:
                generator.manual_seed(seed)
            if everything:
                torch.manual_seed(seed)
            yield
        finally:
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)


def generators_kept() -> contextlib.AbstractContextManager:
    """Where PyTorch's random numbers are the same each time, and leave the generators as they were.

    On PyTorch, Keras finds shapes by computing, and Sionna draws pilots when a grid is made.
    """
    return seeded(0) if ON_TORCH else contextlib.nullcontext()


def make_generators() -> None:
    """Make Sionna's generators now: made on first use inside a graph of TensorFlow, they were lost."""
    _ = config.torch_rng() if ON_TORCH else config.tf_rng


def set_untracked(layer: Any, **values: Any) -> None:
    """Set attributes of a Keras layer that Keras does not look into.

    On PyTorch, Keras would wrap Sionna's blocks, which are modules there, and save their state.
    """
    for name, value in values.items():
        object.__setattr__(layer, name, value)

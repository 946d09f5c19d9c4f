"""Calls of a user's codec that change no array of ours and draw the same random numbers each time."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from moclink.errors import ChainError

METHODS = ("encode", "decode", "encode_file", "decode_file", "transmit", "receive")


class GuardedCodec:
    """A user's codec, its methods called with copies and with seeded random generators.

    An `encode` that computes in place would change the picture that is compared with. The global
    generators of Python, NumPy, PyTorch and TensorFlow are seeded by the run's seed and by what the
    method is given, so that a row depends on neither the order nor the number of workers; those of
    Python, NumPy and PyTorch continue afterwards as if nothing had been drawn.

    Args:
        chain: Name of the chain, for messages.
        codec: The codec.
        seed: Seed of the run.
    """

    def __init__(self, chain: str, codec: Any, seed: int) -> None:
        self._chain, self._codec, self._seed = chain, codec, seed

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._codec, name)
        return self._guarded(name, value) if name in METHODS and callable(value) else value

    def _guarded(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)  # whose parameters are looked at
        def call(*values: Any, **named: Any) -> Any:
            given = [_copied(value) for value in values]
            known = {key: _copied(value) for key, value in named.items()}
            with _seeded(_seed(self._seed, name, given)) as has_drawn:
                returned = method(*given, **known)
                if name == "decode" and has_drawn() and len(values[0]) > 1:
                    # Seen by `decoded_rows`, which then decodes each row by itself.
                    raise ChainError(self._chain, "decode draws random numbers for a whole batch")
            return returned

        return call


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _seed(seed: int, name: str, values: list[Any]) -> int:
    """A seed below 2^32 for a method and what it is given."""
    state = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=4)
    for value in values:
        if isinstance(value, np.ndarray):
            state.update(np.ascontiguousarray(value).data)
    return int.from_bytes(state.digest(), "little")


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[Callable[[], bool]]:
    """Seed the global generators of what is loaded; yields a function that tells whether one has drawn."""
    torch, tensorflow = sys.modules.get("torch"), sys.modules.get("tensorflow")
    arrays, python = np.random.get_state(), random.getstate()  # noqa: NPY002
    tensors = torch.random.get_rng_state() if torch is not None else None

    def positions() -> list[Any]:
        found: list[Any] = [repr(np.random.get_state(legacy=False)), random.getstate()]  # noqa: NPY002
        return found + ([torch.random.get_rng_state().numpy().tobytes()] if torch else [])

    try:
        np.random.seed(seed)  # noqa: NPY002
        random.seed(seed)
        if torch is not None:
            torch.manual_seed(seed)
        if tensorflow is not None:
            tensorflow.random.set_seed(seed)
        before = positions()
        yield lambda: positions() != before
    finally:
        np.random.set_state(arrays)  # noqa: NPY002
        random.setstate(python)
        if torch is not None:
            torch.random.set_rng_state(tensors)

"""A channel block of Sionna, of Keras or of the user as a channel of the simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.phy import engine, tensors
from moclink.phy.block_output import RETURNS, equalized
from moclink.phy.noise import ChannelOutput, Key, stream
from moclink.phy.user_block import describe_error


class BlockChannel:
    """Calls a block transmission by transmission, each with random numbers of its own.

    The block is called as block(x, no) on x, complex64 [1, S], with no, float32 [1]: Sionna blocks
    and Keras layers get tensors, plain functions NumPy arrays. What it returns is read as
    `moclink.phy.block_output` says, and checked. Two attributes of the block are honoured if it has
    them:

    - `returns`: "y", "gains" or "equalized", see there.
    - `symbols_per_call`: the block is then called on so many symbols at a time, the last ones
      filled up with zeros, each call with random numbers of its own. On TensorFlow the call is compiled
      once. A longer transmission begins with what a shorter one undergoes.

    Random numbers that Sionna's `config` hands out (`np_rng`, `py_rng`; `tf_rng` on TensorFlow,
    `torch_rng()` on PyTorch) depend on the key alone; afterwards these generators continue as if
    nothing had been drawn. With `check`, so do those of Python's `random`, `numpy.random`, the
    framework and a Keras layer's seed generators; the first call is repeated, and an error tells if
    the key does not decide all. (`tf.random` cannot be set back.)

    Args:
        block: Function or block.
        name: What messages call it.
        returns: "auto" (by the block's attribute, or by the types returned), "y", "gains",
            "equalized".
        vectors: K if the block takes vectors of K symbols, [S / K, K], and `no` as a scalar, as
            Sionna's `FlatFadingChannel` does; 0 for rows of symbols.
        check: Whether the block is user-defined, so that randomness is checked.

    Raises:
        ValueError: In each call, if the block fails or returns what cannot be read; the message
            names the block.
    """

    def __init__(
        self,
        block: Callable[..., Any],
        name: str,
        returns: str = "auto",
        vectors: int = 0,
        check: bool = True,
    ) -> None:
        if returns == "auto":
            returns = getattr(
                getattr(block, "func", block), "returns", "auto"
            )  # of what a partial calls
        if returns not in RETURNS:
            raise ValueError(
                f"channel {name}: returns is {returns!r}; there are: {', '.join(RETURNS)}"
            )
        self._name = name
        self._returns = returns
        self._vectors = vectors
        self._seed_all = self._unchecked = check
        self._length = getattr(block, "symbols_per_call", None)
        self._wants_tensors = engine.takes_tensors(block)
        engine.make_generators()
        self._block = engine.compiled(block) if self._length else block
        self._variables = lambda: getattr(block, "variables", ())

    def __call__(
        self, symbols: NDArray[np.complex64], no: NDArray[np.float32], keys: Sequence[Key]
    ) -> ChannelOutput:
        """Send symbols complex64 [1, S] or [B, S] with noise variances float32 [B]."""
        received = np.empty((len(keys), symbols.shape[1]), np.complex64)
        variances = np.ones(received.shape, np.float32)
        for row, key in enumerate(keys):
            sent = symbols[row if len(symbols) > 1 else 0]
            length = self._length or max(sent.size, 1)
            for number, start in enumerate(range(0, sent.size, length)):
                part = slice(start, start + length)
                call_key = (*key, "call", number) if self._length else key
                received[row, part], variances[row, part] = self._send(
                    sent[part], float(no[row]), call_key
                )
        return ChannelOutput(received, variances)

    def _send(self, sent: NDArray[np.complex64], no: float, key: Key) -> tuple[NDArray, NDArray]:
        """One call."""
        multiple = self._length or self._vectors or 1
        filled = np.pad(sent, (0, -sent.size % multiple))
        try:
            if self._unchecked:
                first = self._call(filled, no, key)
            x_hat, no_eff = self._call(filled, no, key)
            if self._unchecked:
                again = self._call(filled, no, key)
                self._unchecked = False
                # A Keras layer may make its seed generators in the first call, a graph its operations;
                # a function that remembers its last input differs there alone.
                others = [again] if self._wants_tensors else [again, first]
                if not all(
                    np.array_equal(x_hat, other[0]) and np.array_equal(no_eff, other[1])
                    for other in others
                ):
                    raise ValueError(
                        "two calls with the same key gave different results; take random numbers from "
                        f"sionna.phy.config.np_rng or {engine.GENERATOR}, or write a function "
                        "(symbols, no, keys) that takes them from moclink.phy.channels.stream(key)"
                    )
        except (Exception, SystemExit) as error:  # whatever goes wrong in somebody else's code
            raise ValueError(
                f"channel {self._name}, called on {filled.size} symbols: {describe_error(error)}"
            ) from error
        return x_hat[: sent.size], no_eff[: sent.size]

    def _call(self, sent: NDArray[np.complex64], no: float, key: Key) -> tuple[NDArray, NDArray]:
        own = sent.copy()  # a function may compute in place
        x: Any = own.reshape(-1, self._vectors) if self._vectors else own[None]
        variance: Any = np.full([] if self._vectors else [1], no, np.float32)
        if self._wants_tensors:
            x, variance = tensors.tensor(x), tensors.tensor(variance)
        seed = int(stream((*key, "sionna")).integers(2**62))
        with engine.without_gradients(), engine.seeded(seed, self._seed_all):
            for variable in self._variables():
                if getattr(variable, "name", "") == "seed_generator_state":
                    variable.assign(stream((*key, "keras")).integers(2**31, size=2))
            output = self._block(x, variance)
        return equalized(output, sent, no, self._returns, self._vectors)

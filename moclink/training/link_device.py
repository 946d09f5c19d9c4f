"""Training of the restoration network on one device: tiles, steps and averages stay on it (JAX)."""

from __future__ import annotations

import threading
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from moclink.atomic_files import atomic_write
from moclink.linear import restoration
from moclink.training.link_objective import INPUTS, Distance, LinkObjective
from moclink.training.link_sending import BLOCK, PARTS, TILE
from moclink.training.link_stream import TileStream
from moclink.training.link_tiles import SHIFTS, network_inputs

CHUNK = 256  # tiles that are sent to the device together
SIDE = TILE // BLOCK
FIELDS = {  # of a tile on the device: shape and type; see `draw`
    "images": ((TILE, TILE, 3), jnp.float16),
    "originals": ((TILE, TILE, 3), jnp.uint8),
    "errors": ((SIDE, SIDE, 6), jnp.float32),
    "condition": ((2,), jnp.float32),
    "scale": ((1,), jnp.float32),
    "before": ((), jnp.float32),
    "snr_db": ((), jnp.float32),
}
TURNED = ("images", "originals", "errors")
BETAS, EPSILON, MOST_NORM = (0.9, 0.99), 1e-7, 1.0


class TileBuffer:
    """The newest tiles, on the device.

    Args:
        capacity: Tiles that are kept, a multiple of CHUNK.
    """

    def __init__(self, capacity: int) -> None:
        self.arrays = {
            n: jnp.zeros((capacity, *shape), kind) for n, (shape, kind) in FIELDS.items()
        }
        self.capacity, self.filled, self.seen = capacity, 0, 0
        self._write = jax.jit(self._put, donate_argnums=0)

    @staticmethod
    def _put(arrays: dict, chunk: dict, start: Any) -> dict:
        return {
            n: jax.lax.dynamic_update_slice_in_dim(arrays[n], chunk[n], start, 0) for n in arrays
        }

    def add(self, chunk: dict[str, np.ndarray]) -> None:
        """Write CHUNK tiles, arrays as `Sent.tiles` gives them, over the oldest."""
        found = network_inputs(chunk["rec"], chunk["map"], chunk["con"])
        found |= {"originals": chunk["org"], "snr_db": chunk["con"][:, 0]}
        found |= {"before": 10 ** chunk["con"][:, 1]}
        self.arrays = self._write(self.arrays, found, self.seen % self.capacity)
        self.seen += CHUNK
        self.filled = min(self.seen, self.capacity)

    def add_all(self, chunks: list[dict[str, np.ndarray]]) -> None:
        """Write several chunks."""
        for chunk in chunks:
            self.add(chunk)


class ChunkReader(threading.Thread):
    """Collects what a stream has made into chunks."""

    def __init__(self, stream: TileStream) -> None:
        super().__init__(daemon=True)
        self._stream, self._lock = stream, threading.Lock()
        self._chunks: list[dict[str, np.ndarray]] = []
        self.failed: BaseException | None = None

    def run(self) -> None:
        """Read until the process ends."""
        rest: dict[str, np.ndarray] | None = None
        try:
            while True:
                for tiles in self._stream.take():
                    rest = (
                        tiles
                        if rest is None
                        else {n: np.concatenate([rest[n], tiles[n]]) for n in PARTS}
                    )
                    while len(rest["con"]) >= CHUNK:
                        with self._lock:
                            self._chunks.append({n: rest[n][:CHUNK] for n in PARTS})
                        rest = {n: rest[n][CHUNK:] for n in PARTS}
                time.sleep(0.05)
        except Exception as error:
            self.failed = error

    def pop(self) -> list[dict[str, np.ndarray]]:
        """All whole chunks, each once."""
        if self.failed is not None:
            raise self.failed
        with self._lock:
            found, self._chunks = self._chunks, []
        return found


def draw(arrays: dict, filled: Any, key: Any, batch: int) -> dict[str, Any]:
    """A batch of the buffer, each tile turned and mirrored at random.

    Args:
        arrays: Of a `TileBuffer`.
        filled: How many of its tiles there are.
        key: Of JAX's random numbers.
        batch: Tiles to draw, with repetition.

    Returns:
        What `TileFeeder` returns.
    """
    keys = jax.random.split(key, 5)
    index = jax.random.randint(keys[0], (batch,), 0, filled)
    parts = {n: array[index] for n, array in arrays.items()}
    turn, rows, columns = (jax.random.bernoulli(k, 0.5, (batch, 1, 1, 1)) for k in keys[1:4])
    for n in TURNED:
        value = parts[n]
        value = jnp.where(turn, value.transpose(0, 2, 1, 3), value)
        value = jnp.where(rows, value[:, ::-1], value)
        parts[n] = jnp.where(columns, value[:, :, ::-1], value)
    return parts | {
        "images": parts["images"].astype(jnp.float32),
        "originals": parts["originals"].astype(jnp.float32) / 255,
        "shift": jax.random.randint(keys[4], (2,), 0, SHIFTS),
    }


class Trainer:
    """Adam and moving averages around an objective, many steps in one compiled call.

    Args:
        objective: See `LinkObjective`.
        batch: Tiles in a step.
        keep: Share that a moving average keeps in a step.
    """

    def __init__(self, objective: LinkObjective, batch: int, keep: float) -> None:
        self._objective, self._batch, self._keep = objective, batch, keep
        self._variables = objective.network.trainable_variables
        self._fixed = [w for term in objective.distances.values() for w in term.layer.weights]
        self._fixed_values = [v.value for v in self._fixed]
        self._kept = [np.asarray(v.value) for v in self._variables]
        self.state = self._fresh([jnp.asarray(v) for v in self._kept])
        self.many = jax.jit(self._many, donate_argnums=0)

    @staticmethod
    def _fresh(weights: list) -> dict[str, Any]:
        """State at the start; every buffer its own, since a call gives them away."""
        return {
            "weights": [jnp.array(w, copy=True) for w in weights],
            "average": [jnp.array(w, copy=True) for w in weights],
            "first": [jnp.zeros_like(w) for w in weights],
            "second": [jnp.zeros_like(w) for w in weights],
            "step": jnp.zeros((), jnp.int32),
        }

    def _loss(self, weights: list, fixed: list, batch: dict) -> tuple[Any, dict]:
        mapping: list[Any] = [*zip(self._variables, weights, strict=True)]
        mapping += [*zip(self._fixed, fixed, strict=True)]
        with keras.StatelessScope(state_mapping=mapping):
            found = self._objective(batch)
        return found["loss"], found

    def _step(self, state: dict, given: tuple, arrays: dict, filled: Any, fixed: list) -> tuple:
        key, rate = given
        batch = draw(arrays, filled, key, self._batch)
        grads, found = jax.grad(self._loss, has_aux=True)(state["weights"], fixed, batch)
        norm = jnp.sqrt(sum(jnp.sum(jnp.square(g)) for g in grads))
        grads = [g * jnp.minimum(1.0, MOST_NORM / (norm + 1e-12)) for g in grads]
        step = state["step"] + 1
        first = [
            BETAS[0] * m + (1 - BETAS[0]) * g for m, g in zip(state["first"], grads, strict=True)
        ]
        second = [
            BETAS[1] * v + (1 - BETAS[1]) * g * g
            for v, g in zip(state["second"], grads, strict=True)
        ]
        unbias = jnp.sqrt(1 - BETAS[1] ** step) / (1 - BETAS[0] ** step)
        weights = [
            w - rate * unbias * m / (jnp.sqrt(v) + EPSILON)
            for w, m, v in zip(state["weights"], first, second, strict=True)
        ]
        keep = jnp.minimum(self._keep, (1 + step) / (10 + step))
        average = [
            keep * a + (1 - keep) * w for a, w in zip(state["average"], weights, strict=True)
        ]
        new = dict(weights=weights, average=average, first=first, second=second, step=step)
        return new, found | {"norm": norm}

    def _many(self, state: dict, arrays: dict, filled: Any, keys: Any, rates: Any, fixed: list):
        def body(state: dict, given: tuple) -> tuple:
            return self._step(state, given, arrays, filled, fixed)

        found: dict[str, Any]
        state, found = jax.lax.scan(body, state, (keys, rates))
        return state, {n: jnp.mean(v) for n, v in found.items()}

    def run(self, buffer: TileBuffer, key: Any, rates: np.ndarray) -> dict[str, float]:
        """Do len(rates) steps and return the means of their losses."""
        keys = jax.random.split(key, len(rates))
        self.state, found = self.many(
            self.state, buffer.arrays, buffer.filled, keys, jnp.asarray(rates), self._fixed_values
        )
        return {n: float(v) for n, v in found.items()}

    def averaged(self, config: dict[str, Any]) -> keras.Model:
        """A float32 network with the averages."""
        network = restoration.build(config, "float32")
        for variable, value in zip(network.trainable_variables, self.state["average"], strict=True):
            variable.assign(np.asarray(value))
        return network

    def save(self, path: Path) -> None:
        """Write the averages, which `load` starts from."""
        arrays: dict[str, Any] = {
            f"{i:04d}": np.asarray(v) for i, v in enumerate(self.state["average"])
        }
        with atomic_write(path) as part, open(part, "wb") as sink:
            np.savez(sink, **arrays)

    def load(self, path: Path) -> None:
        """Take the averages of a file that `save` wrote as weights."""
        shapes = [tuple(v.shape) for v in self._variables]
        try:
            with np.load(path, allow_pickle=False) as arrays:
                kept = [arrays[name] for name in sorted(arrays.files)]
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} cannot be read as an average.npz: {error}") from error
        if [value.shape for value in kept] != shapes:
            raise ValueError(f"{path} is of another network; name its --network")
        self._kept = kept
        self.restart()

    def keep_average(self) -> None:
        """Note the averages, for `restart`."""
        self._kept = [np.asarray(v) for v in self.state["average"]]

    def restart(self) -> None:
        """Go back to the averages that were noted last; moments are reset, the step count continues."""
        step = self.state["step"]
        self.state = self._fresh([jnp.asarray(v) for v in self._kept]) | {"step": step}


def validate(
    network: keras.Model, data: dict[str, np.ndarray], distances: Mapping[str, Distance]
) -> dict[str, float]:
    """Mean gain in dB of the held-out pictures by label, and distances after the network."""

    @jax.jit
    def restore(inputs: list) -> Any:
        with keras.StatelessScope():
            return network(inputs)

    figures: dict[str, list[float]] = {}
    for i, label in enumerate(data["label"].tolist()):
        before = data["rec"][i : i + 1].astype(np.float32)
        truth = data["org"][i : i + 1].astype(np.float32) / np.float32(255)
        inputs = network_inputs(before, data["map"][i : i + 1], data["con"][i : i + 1])
        after = np.clip(np.asarray(restore([inputs[name] for name in INPUTS])), 0, 1)
        ratio = np.mean((before - truth) ** 2) / np.mean((after - truth) ** 2)
        figures.setdefault(f"{label} gain", []).append(10 * float(np.log10(ratio)))
        for name, term in distances.items():
            found = float(np.asarray(term.layer(jnp.asarray(after), jnp.asarray(truth)))[0])
            figures.setdefault(f"{label} {name}", []).append(found)
    return {label: round(float(np.mean(found)), 4) for label, found in figures.items()}

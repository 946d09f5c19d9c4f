"""Train the restoration network of `moclink.linear`: python -m moclink.training.link.

Tiles come from `moclink.training.link_data`. The loss is each tile's squared error over the mean
squared error of its picture before the network, so that every SNR counts alike, as it does in a
mean of PSNRs. A checkpoint keeps weights, their moving averages and the optimiser; a run that is
started again goes on from it.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from moclink.codec.weights import write_weights
from moclink.linear import restoration


class Tiles:
    """Tiles of all passes in a folder, read from disk as they are needed."""

    def __init__(self, folder: Path, prefix: str) -> None:
        found = sorted(folder.glob(f"{prefix}*_con.npy"))  # the file that is written last
        if not found:
            raise ValueError(
                f"{folder} holds no {prefix}*_con.npy; run moclink.training.link_data first"
            )
        names = [str(path)[: -len("con.npy")] for path in found]
        self.passes = [
            [np.load(name + part + ".npy", mmap_mode="r") for part in ("rec", "org", "map", "con")]
            for name in names
        ]

    def batch(self, size: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
        """Random tiles, turned and mirrored at random: (estimates, originals, maps, conditions)."""
        columns: list[list[NDArray[np.float32]]] = [[], [], [], []]
        for _ in range(size):
            one = self.passes[rng.integers(len(self.passes))]
            i = rng.integers(len(one[3]))
            turn, mirror = rng.random() < 0.5, rng.random() < 0.5
            for column, part in zip(columns[:3], one, strict=False):
                value = part[i].transpose(1, 0, 2) if turn else part[i]
                column.append(value[:, ::-1] if mirror else value)
            columns[3].append(one[3][i])
        estimates, originals, maps, told = (
            np.stack(column).astype(np.float32) for column in columns
        )
        return estimates, originals / np.float32(255), maps, told


class Trainer:
    """The network, its optimiser, its averages and its checkpoint."""

    def __init__(self, config: dict, rate: float, checkpoint: Path) -> None:
        self.config = config
        self.network = restoration.build(config, keras.config.dtype_policy().name)
        self.optimizer = keras.optimizers.Adam(rate, beta_2=0.99, clipnorm=1.0)
        self.network.compile(self.optimizer, loss="mse", jit_compile=False)
        self.optimizer.build(self.network.trainable_variables)
        self.checkpoint = checkpoint
        self.averages = [
            v.numpy() if hasattr(v, "numpy") else np.array(v)
            for v in self.network.trainable_variables
        ]
        self.steps = 0
        if checkpoint.is_file():
            self._resume()

    def _variables(self) -> list:
        return [*self.network.variables, *self.optimizer.variables]

    def _resume(self) -> None:
        with np.load(self.checkpoint, allow_pickle=False) as data:
            for i, variable in enumerate(self._variables()):
                variable.assign(data[f"v{i}"])
            self.averages = [data[f"a{i}"] for i in range(len(self.averages))]
            self.steps = int(data["steps"])

    def save(self) -> None:
        """Write the checkpoint."""
        values = {f"v{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(self._variables())}
        values |= {f"a{i}": average for i, average in enumerate(self.averages)}
        partial = self.checkpoint.with_suffix(".part.npz")
        np.savez(partial, steps=self.steps, **values)
        os.replace(partial, self.checkpoint)

    def step(self, tiles: Tiles, size: int, rng: np.random.Generator) -> float:
        """One step; returns the loss, 1 for the codec without the network."""
        estimates, originals, maps, told = tiles.batch(size, rng)
        spread, condition, scale = restoration.conditions(maps, told[:, 0])
        condition[:, 1], scale = told[:, 3], told[:, 2:3]  # of the whole picture, not of the tile
        weight = np.broadcast_to(10 ** -told[:, 1, None, None], originals.shape[:3])
        loss = self.network.train_on_batch(
            [estimates, spread, condition, scale], originals, sample_weight=weight
        )
        self.steps += 1
        if self.steps % 5 == 0:
            keep = min(0.998, (1 + self.steps / 5) / (10 + self.steps / 5))
            for average, variable in zip(
                self.averages, self.network.trainable_variables, strict=True
            ):
                average *= keep
                average += (1 - keep) * keras.ops.convert_to_numpy(variable)
        return float(loss)

    def averaged(self) -> keras.Model:
        """A float32 twin of the network with the averaged weights."""
        twin = restoration.build(self.config, "float32")
        for variable, average in zip(twin.trainable_variables, self.averages, strict=True):
            variable.assign(average)
        return twin


def validate(network: keras.Model, folder: Path) -> dict[str, tuple[float, float]]:
    """PSNR in dB of the held-out pictures before the network and its gain, by bandwidth and SNR.

    Args:
        network: The network.
        folder: Holds validation.npz of `moclink.training.link_data`.
    """
    with np.load(folder / "validation.npz", allow_pickle=False) as data:
        estimates, originals, maps, told, labels = (
            data[k] for k in ("rec", "org", "map", "con", "label")
        )
    gains: dict[str, list[tuple[float, float]]] = {}
    for i, label in enumerate(labels):
        spread, _, _ = restoration.conditions(maps[i : i + 1], told[i : i + 1, 0])
        condition = np.array([[told[i, 0] / 10 - 1, told[i, 3]]], np.float32)
        estimate, original = estimates[i].astype(np.float32), originals[i] / 255
        output = network([estimate[None], spread, condition, told[i : i + 1, 2:3]], training=False)
        output = np.clip(keras.ops.convert_to_numpy(output)[0], 0, 1)
        before = -10 * np.log10(np.mean((estimate - original) ** 2))
        gains.setdefault(str(label), []).append(
            (before, -10 * np.log10(np.mean((output - original) ** 2)) - before)
        )
    return {label: tuple(np.mean(found, 0).round(2).tolist()) for label, found in gains.items()}


def run(options: argparse.Namespace) -> None:
    """Train for a time, with a validation now and then."""
    rng = np.random.default_rng()
    config = restoration.DEFAULT
    trainer = Trainer(config, options.rate, options.checkpoint)
    tiles = Tiles(options.data, options.prefix)
    start, told, losses = time.monotonic(), time.monotonic(), []
    while (elapsed := time.monotonic() - start) < options.seconds:
        remaining = 1 - elapsed / options.seconds
        trainer.optimizer.learning_rate.assign(
            options.rate * min(1.0, max(remaining / options.decay, 0.01))
        )
        losses.append(trainer.step(tiles, options.batch, rng))
        if time.monotonic() - told > options.interval:
            told = time.monotonic()
            trainer.save()
            tiles = Tiles(options.data, options.prefix)
            print(
                f"step {trainer.steps}, {elapsed:.0f} s, loss {np.mean(losses[-1000:]):.4f}",
                flush=True,
            )
            print("  ", validate(trainer.averaged(), options.data), flush=True)
    trainer.save()
    network = trainer.averaged()
    found = validate(network, options.data)
    print("end", trainer.steps, found, flush=True)
    notes = {"steps": trainer.steps, "validation": {k: list(v) for k, v in found.items()}}
    write_weights(options.out, restoration.KIND, config, network, restoration.build, notes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of tiles and of validation.npz"
    )
    parser.add_argument("--prefix", default="pass")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument(
        "--out", type=Path, required=True, help="where to write the weights at the end"
    )
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--interval", type=float, default=300.0, help="seconds between validations")
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument(
        "--decay", type=float, default=0.3, help="share of the time over which the rate falls to 0"
    )
    parser.add_argument(
        "--bfloat16", action="store_true", help="mixed precision (fast on CPUs with AMX, on GPUs)"
    )
    options = parser.parse_args(arguments)
    if options.bfloat16:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    run(options)


if __name__ == "__main__":
    main()

"""The training stage of the restoration network, for `loop.run`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.linear import restoration
from moclink.training.fit import Fit
from moclink.training.link_objective import INPUTS, Distance, LinkObjective
from moclink.training.link_tiles import Prefetcher, TileFeeder, network_inputs
from moclink.training.validation import picture_psnr, side_by_side

_AVERAGE_EVERY = 5  # steps
_LONGEST = 0.998  # share that an average keeps, at most
_JUDGED = 6  # pictures of each bandwidth and SNR that are validated on, at most
_SEEN = 4  # of these that are shown, at most
SHOWN = ("octonary 1/24 0 dB", "octonary 1/24 5 dB", "octonary 1/24 10 dB")  # as pictures
SCORED = ("octonary 1/24 0 dB", "octonary 1/24 10 dB")  # by distances, which are costly


class LinkStage:
    """Trains the restoration network, and keeps running averages of its weights.

    Args:
        config: Of the network, see `restoration.CONFIGS`.
        feeder: Tiles by step.
        validation: validation.npz of `moclink.training.link_data`.
        distances: Perceptual terms by name; none for squared error alone.
        slope: See `LinkObjective`.
        pattern: The same.
        start: A trained network of the same config whose weights to begin with.
        dtype: Precision policy of the step; weights are float32 in any case.
        jit: Whether steps are compiled by XLA.
    """

    def __init__(
        self,
        config: dict[str, Any],
        feeder: TileFeeder,
        validation: Path,
        distances: Mapping[str, Distance] | None = None,
        slope: float = 1.5,
        pattern: float = 0.0,
        start: keras.Model | None = None,
        dtype: str = "float32",
        jit: bool = True,
    ) -> None:
        self._network_config, self._feeder, self._validation = config, feeder, validation
        self._distances = dict(distances or {})
        self._slope, self._pattern = slope, pattern
        network = restoration.build(config, dtype)
        if start is not None:
            network.set_weights(start.get_weights())
        self._objective = LinkObjective(network, self._distances, slope, pattern)
        self._prefetcher = Prefetcher(feeder)
        self._fit = Fit(self._objective, feeder(0), jit)
        self._network = network
        # What is validated and written: a float32 twin with averaged weights.
        self.averaged = restoration.build(config, "float32")
        self.averaged.set_weights(network.get_weights())

    @property
    def config(self) -> dict[str, Any]:
        """Options that a checkpoint must agree on."""
        terms = {name: [term.weight, term.tiles] for name, term in self._distances.items()}
        return {
            "network": self._network_config,
            "distances": terms,
            "slope": self._slope,
            "pattern": self._pattern,
            "batch": self._feeder.batch,
            "seed": self._feeder.seed,
            "tiles": self._feeder.tiles,
        }

    def variables(self) -> dict[str, Any]:
        """All weights, moments and averages."""
        averages = {f"average/{i:04d}": v for i, v in enumerate(self.averaged.weights)}
        return {**self._fit.variables("restoration"), **averages}

    def train(self, step: int, learning_rate: float) -> dict[str, float]:
        """Do one step."""
        found = self._fit.step(self._prefetcher(step), learning_rate)
        if (step + 1) % _AVERAGE_EVERY == 0:
            count = (step + 1) // _AVERAGE_EVERY
            keep = min(_LONGEST, (1 + count) / (10 + count))  # short at first, to forget the start
            for average, weight in zip(self.averaged.weights, self._network.weights, strict=True):
                average.assign(keep * average + (1 - keep) * ops.cast(weight, "float32"))
        return found

    def validate(self) -> tuple[dict[str, float], dict[str, NDArray[np.uint8]]]:
        """Gain of PSNR in dB and distances by codec, bandwidth and SNR; three pictures to look at."""
        with np.load(self._validation, allow_pickle=False) as data:
            images, originals, maps, statistics, labels = (
                data[name] for name in ("rec", "org", "map", "con", "label")
            )
        figures: dict[str, float] = {}
        pictures: dict[str, NDArray[np.uint8]] = {}
        for label in dict.fromkeys(labels.tolist()):
            chosen = np.flatnonzero(labels == label)[:_JUDGED]
            before = images[chosen].astype(np.float32)
            truth = originals[chosen].astype(np.float32) / np.float32(255)
            inputs = network_inputs(before, maps[chosen], statistics[chosen])
            after = self.averaged.predict_on_batch([inputs[name] for name in INPUTS])
            after = np.clip(np.asarray(after), 0, 1)
            rows = list(zip(before, after, truth, strict=True))
            gains = [picture_psnr(new, true) - picture_psnr(old, true) for old, new, true in rows]
            figures[f"{label} gain"] = float(np.mean(gains))
            if label in SCORED:
                for name, term in self._distances.items():
                    found = [float(term.layer(a[None], b[None])[0]) for _, a, b in rows]
                    figures[f"{label} {name}"] = float(np.mean(found))
            if label in SHOWN:
                pictures[label.replace("/", "-")] = side_by_side(
                    [np.concatenate(row) for row in rows[:_SEEN]]
                )
        return figures, pictures

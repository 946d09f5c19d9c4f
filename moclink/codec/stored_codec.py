"""Base class of codecs: a network that is made from a config and stored in weight files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from moclink.codec import weights as weight_files
from moclink.codec.network import Network
from moclink.codec.tiling import DEFAULT_POSITION_LIMIT, PositionLimit


class StoredCodec:
    """Base class of `SemanticCodec` and `AnalogCodec`.

    Args:
        config: Constructor arguments of the parts (see `sizes`).
        position_limit: How much is worked on at a time; bounds the memory.
        dtype: "float32" whatever Keras is set to, or a policy such as "mixed_bfloat16" to train on
            a GPU.

    Attributes:
        network: The parts as one Keras model.
        encoder: E.
        decoder: G.
        notes: What its file says of the weights.
    """

    kind: ClassVar[str]  # of the weights, as their description says
    shipped: ClassVar[str]  # name of shipped weights, with {} for the preset's
    make_network: ClassVar[staticmethod[..., Network]]
    config_of_size: ClassVar[staticmethod[..., dict[str, Any]]]

    def __init__(
        self,
        config: dict[str, Any],
        position_limit: PositionLimit = DEFAULT_POSITION_LIMIT,
        dtype: str = "float32",
    ):
        parts = ["encoder", "decoder", *(["quantizer", "nrb"] if self.kind == "semantic" else [])]
        if not isinstance(config, dict) or not set(parts) <= config.keys():
            raise ValueError(
                f"config is {config!r}; give the arguments of its parts ({', '.join(parts)}), or make "
                f"the codec by {type(self).__name__}.from_preset(...) or from_size(...)"
            )
        self.config = config
        self.position_limit = position_limit
        self.notes: dict[str, Any] = {}
        self.network = type(self).make_network(config, dtype)
        self.encoder = self.network.encoder
        self.decoder = self.network.decoder

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled and copied as config and weights, which Keras's own way has no words for."""
        policy = self.network.dtype_policy.name
        return _made, (
            type(self),
            self.config,
            self.position_limit,
            policy,
            self.weights(),
            self.notes,
        )

    def weights(self) -> list[NDArray[Any]]:
        """Weights of the network, in the order of Keras's `get_weights`."""
        return [np.asarray(value) for value in self.network.get_weights()]

    @classmethod
    def from_size(
        cls,
        name: str,
        position_limit: PositionLimit = DEFAULT_POSITION_LIMIT,
        dtype: str = "float32",
    ) -> Self:
        """An untrained codec of size "paper", "small" or "toy"; ValueError for another."""
        return cls(cls.config_of_size(name), position_limit, dtype)

    @classmethod
    def from_preset(
        cls,
        preset: str | Path,
        position_limit: PositionLimit = DEFAULT_POSITION_LIMIT,
        dtype: str = "float32",
    ) -> Self:
        """Load trained weights.

        Args:
            preset: Name of weights shipped with the package ("small", and for the semantic codec
                "small-perceptual"), or a path that `save` wrote, with or without its ending.
            position_limit: See the class.
            dtype: See the class.

        Raises:
            ValueError: If there are no such weights, or they are damaged.
        """
        description, weights = weight_files.find(preset, cls.shipped, cls.kind)
        codec = weight_files.build(
            cls, description["config"], weights, position_limit=position_limit, dtype=dtype
        )
        codec.notes = description["notes"]
        return codec

    def save(self, path: str | Path, notes: dict[str, Any] | None = None) -> Path:
        """Write PATH.json and PATH.weights.h5 (float16).

        Args:
            path: Where to write, with or without an ending.
            notes: What to say of the weights, in JSON types; None keeps what was loaded.

        Returns:
            Path of the JSON file.

        Raises:
            ValueError: If the path is none, or notes are no dict of JSON values.
        """
        notes = self.notes if notes is None else notes
        make = type(self).make_network
        return weight_files.write_weights(path, self.kind, self.config, self.network, make, notes)


def _made(
    kind: type[StoredCodec],
    config: dict[str, Any],
    position_limit: PositionLimit,
    dtype: str,
    weights: list[NDArray[Any]],
    notes: dict[str, Any],
) -> StoredCodec:
    """A codec of what `StoredCodec.__reduce__` has taken it apart into."""
    codec = kind(config, position_limit, dtype)
    codec.network.set_weights(weights)
    codec.notes = notes
    return codec

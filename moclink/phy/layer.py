"""Sionna blocks as Keras layers."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from sionna.phy import Block

from moclink.phy import engine
from moclink.phy.channel_spec import nearest

TRUSTED = ("sionna", "moclink")  # packages that a saved model may name classes of


@keras.saving.register_keras_serializable(package="moclink")
class SionnaLayer(keras.layers.Layer):
    """Any Sionna block inside a Keras model, functional or subclassed.

    A Sionna block cannot be called on Keras's symbolic tensors; this layer can, and hands on what
    it is called with. It computes in float32 under mixed precision too. The variables of a Sionna
    block (a trainable constellation, say) are its framework's and not Keras's: they are neither
    trained by `fit` nor saved. Noise follows `sionna.phy.config.seed`, not Keras's seed.

    `keras.saving.load_model` finds this layer only after `import moclink.phy.layer`: of the modules
    that a saved model names, Keras imports none but its own.

    Args:
        block: A Sionna block; or, for a model that is to be saved and loaded, the block's class or
            its import path ("sionna.phy.channel.AWGN").
        arguments: Keyword arguments of the class: plain values, or, for blocks that take another block,
            a `SionnaLayer` of that one. Only with a class or a path.
        supports_jit: Whether XLA may compile the block. False keeps a model that contains it in
            graph mode. On PyTorch blocks run eagerly.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        Those of the block, as positional or keyword arguments: float or complex tensors or arrays,
        or Python numbers.

    Returns:
        What the block returns.

    Raises:
        ValueError: If `block` is none of the above, or Keras runs on another backend than Sionna.

    Example:
        >>> bits = keras.Input((600,))
        >>> no = keras.Input((1,))
        >>> x = SionnaLayer("sionna.phy.mapping.Mapper",
        ...                 {"constellation_type": "qam", "num_bits_per_symbol": 6})(bits)
        >>> y = SionnaLayer("sionna.phy.channel.AWGN")(x, no)
        >>> model = keras.Model([bits, no], y)
        >>> encoder = SionnaLayer("sionna.phy.fec.ldpc.LDPC5GEncoder", {"k": 324, "n": 648})
        >>> decoder = SionnaLayer("sionna.phy.fec.ldpc.LDPC5GDecoder", {"encoder": encoder})
        >>> y = SionnaLayer(AWGN())(np.zeros((2, 8), np.complex64), 0.1)    # on values, no model around
    """

    def __init__(
        self,
        block: Block | type[Block] | str,
        arguments: dict[str, Any] | None = None,
        supports_jit: bool = True,
        **kwargs: Any,
    ) -> None:
        require_engine_backend("Sionna blocks")
        options = {"name", "dtype", "trainable", "activity_regularizer", "autocast"}
        if unknown := sorted(set(kwargs) - options):
            given = {name: kwargs[name] for name in unknown}
            raise ValueError(
                f"arguments of a block are given as one dict: SionnaLayer(block, {given})"
            )
        if arguments is not None and not isinstance(arguments, Mapping):
            raise ValueError(
                f"arguments of a block are {arguments!r}; they are given as one dict by their names, "
                'such as {"constellation_type": "qam", "num_bits_per_symbol": 6}'
            )
        if not isinstance(supports_jit, bool | np.bool_):
            raise ValueError(
                f"supports_jit is {supports_jit!r}; it is True or False, and arguments of a block are "
                "given as one dict"
            )
        super().__init__(**{"dtype": "float32", **kwargs})
        engine.make_generators()
        if isinstance(block, Block) and arguments:
            raise ValueError(
                "arguments go with a block's class or path; a made block has had its own"
            )
        self.arguments = dict(arguments or {})
        self.block_path = _path(block)
        if isinstance(block, str):
            block = _find(block)
        if not isinstance(block, Block):
            made = {
                name: value.block if isinstance(value, SionnaLayer) else value
                for name, value in self.arguments.items()
            }
            block = _make(block, made)
        engine.set_untracked(self, block=block)
        self.supports_jit = supports_jit
        self.built = True  # a Sionna block builds itself, from the shapes of its first call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer; Keras takes no Python numbers as positional arguments, so they become arrays."""
        return super().__call__(*(_as_array(argument) for argument in args), **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the block."""
        return self.block(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Shapes and types of what the block returns."""
        try:
            with engine.generators_kept():
                return super().compute_output_spec(*args, **kwargs)
        except TypeError as error:  # for which Sequential would blame the signature of the layer
            reason = str(error).rpartition("Error encountered:")[2].strip().splitlines()[0]
            raise ValueError(
                f"{type(self.block).__name__} cannot be called so: {reason}; give all of its inputs (of "
                "more than one in a functional model), and lengths that are known"
            ) from error

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving.

        Raises:
            ValueError: If the layer was given a block instance, whose arguments are unknown, or a
                class from outside Sionna, which a saved file may not name; or an argument is a block
                instance.
        """
        if self.block_path is None:
            name = type(self.block).__name__
            raise ValueError(
                f"a layer around a made {name} cannot be saved: give SionnaLayer the class and its "
                f"arguments instead, SionnaLayer({name}, {{...}})"
            )
        for name, value in self.arguments.items():
            if isinstance(value, Block):
                kind = type(value).__name__
                raise ValueError(
                    f"the argument {name} is a made {kind}, which cannot be saved: give "
                    f"{{{name!r}: SionnaLayer({kind}, {{...}})}} instead"
                )
        own = {
            "block": self.block_path,
            "arguments": {
                name: keras.saving.serialize_keras_object(value)
                if isinstance(value, SionnaLayer)
                else value
                for name, value in self.arguments.items()
            },
            "supports_jit": self.supports_jit,
        }
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SionnaLayer:
        """Make the layer of a configuration."""
        arguments = {
            name: keras.saving.deserialize_keras_object(value)
            if isinstance(value, dict) and value.get("class_name") == cls.__name__
            else value
            for name, value in config["arguments"].items()
        }
        return cls(**{**config, "arguments": arguments})


def require_engine_backend(what: str) -> None:
    """Check that Keras runs on the framework of Sionna.

    Args:
        what: What needs it, for the message.

    Raises:
        ValueError: If it does not.
    """
    backend = keras.backend.backend()
    if backend != engine.ENGINE:
        name = "PyTorch" if engine.ON_TORCH else "TensorFlow"
        raise ValueError(
            f"{what} run on {name}, but Keras runs on {backend}; set KERAS_BACKEND={engine.ENGINE}"
        )


def _as_array(argument: Any) -> Any:
    """A Python number as float32, complex64 or int32 array without axes; all else as it is."""
    for kind, dtype in (
        (bool, np.bool_),
        (int, np.int32),
        (float, np.float32),
        (complex, np.complex64),
    ):
        if isinstance(argument, kind):
            return np.asarray(argument, dtype)
    return argument


def _make(kind: type[Block], arguments: dict[str, Any]) -> Block:
    """A block of a class; an argument that it does not have is named, which Sionna does not always."""
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        known = {
            name
            for base in kind.__mro__
            if "__init__" in vars(base)
            for name in inspect.signature(vars(base)["__init__"]).parameters
        }
        for name in arguments:
            if name not in known:
                raise ValueError(
                    f"{kind.__name__} has no argument {name!r}{nearest(name, sorted(known))}"
                ) from error
        raise


def _path(block: Any) -> str | None:
    """Import path of a class that a saved file may name; None for block instances and user classes."""
    if isinstance(block, str):
        return block
    if isinstance(block, Block):
        return None
    if isinstance(block, type) and issubclass(block, Block):
        trusted = block.__module__.split(".")[0] in TRUSTED
        return f"{block.__module__}.{block.__qualname__}" if trusted else None
    raise ValueError(f"{block!r} is no Sionna block, nor the class or import path of one")


def _find(path: str) -> type[Block]:
    """Import a block by its path; only from Sionna and moclink, since paths come out of saved files."""
    module, _, name = path.rpartition(".")
    if module.split(".")[0] not in TRUSTED:
        raise ValueError(f"{path!r} is not a path into sionna, such as sionna.phy.channel.AWGN")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"there is no {path}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Block)):
        raise ValueError(f"{path} is no Sionna block")
    return found

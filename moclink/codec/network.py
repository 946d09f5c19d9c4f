"""The parts of a codec under one roof, made from their constructor arguments."""

from __future__ import annotations

from typing import Any

import keras

from moclink.codec.analog import AnalogReceiver
from moclink.codec.autoencoder import Decoder, Encoder
from moclink.codec.noise_reduction import NoiseReduction
from moclink.codec.quantizer import MOCRVQ


class Network(keras.Model):
    """Built parts as attributes, for saving and counting.

    Args:
        name: Name of the network.
        parts: The parts by name.
    """

    def __init__(self, name: str, **parts: keras.layers.Layer):
        super().__init__(name=name)
        for key, part in parts.items():
            setattr(self, key, part)
        self.built = True


def _ends(config: dict[str, Any], dtype: str | None) -> dict[str, keras.layers.Layer]:
    """Encoder and decoder."""
    encoder = Encoder(**config["encoder"], dtype=dtype, name="encoder")
    decoder = Decoder(**config["decoder"], dtype=dtype, name="decoder")
    encoder.build((None, None, None, 3))
    decoder.build((None, None, None, decoder.latent_channels))
    return {"encoder": encoder, "decoder": decoder}


def semantic_network(config: dict[str, Any], dtype: str | None = None) -> Network:
    """Parts `encoder`, `quantizer`, `nrb` and `decoder`.

    Args:
        config: Constructor arguments by part (see `sizes.size`).
        dtype: Precision of the weights; None for Keras's default.
    """
    quantizer = MOCRVQ(**config["quantizer"], dtype=dtype or "float32", name="quantizer")
    nrb = NoiseReduction(levels=quantizer.levels, **config["nrb"], dtype=dtype, name="nrb")
    nrb.build((None, None, None, nrb.latent_channels))
    return Network("semantic_codec", **_ends(config, dtype), quantizer=quantizer, nrb=nrb)


def analog_network(config: dict[str, Any], dtype: str | None = None) -> Network:
    """Parts `encoder`, `decoder`, and `receiver` if the configuration has one.

    Args:
        config: Constructor arguments by part (see `sizes.analog_size`).
        dtype: Precision of the weights; None for Keras's default.
    """
    parts = _ends(config, dtype)
    if "receiver" in config:
        parts["receiver"] = AnalogReceiver(**config["receiver"], dtype=dtype, name="receiver")
        parts["receiver"].build((None, None, None, parts["decoder"].latent_channels))
    return Network("analog_codec", **parts)

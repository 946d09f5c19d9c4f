"""The parts of a codec as one Keras model, made from their constructor arguments."""

from __future__ import annotations

from typing import Any

import keras

from moclink.codec.analog_receiver import AnalogReceiver
from moclink.codec.decoder import Decoder
from moclink.codec.encoder import Encoder
from moclink.codec.noise_reduction import NoiseReduction
from moclink.codec.quantizer import MOCRVQ


class Network(keras.Model):
    """Built parts as attributes, for saving and counting.

    Args:
        name: Name of the network.
        parts: The parts by name.
    """

    def __init__(self, name: str, **parts: keras.layers.Layer):
        super().__init__(name=name, dtype="float32")
        for key, part in parts.items():
            setattr(self, key, part)
        self.built = True


def _autoencoder(config: dict[str, Any], dtype: str) -> dict[str, keras.layers.Layer]:
    """Encoder and decoder."""
    encoder = Encoder(**config["encoder"], dtype=dtype, name="encoder")
    decoder = Decoder(**config["decoder"], dtype=dtype, name="decoder")
    encoder.build((None, None, None, 3))
    decoder.build((None, None, None, decoder.latent_channels))
    return {"encoder": encoder, "decoder": decoder}


def semantic_network(config: dict[str, Any], dtype: str = "float32") -> Network:
    """Parts `encoder`, `quantizer`, `nrb` and `decoder`.

    Args:
        config: Constructor arguments by part (see `sizes.size`).
        dtype: Precision: "float32" whatever Keras is set to, "float16", or a policy such as
            "mixed_bfloat16" (float32 weights, bfloat16 arithmetic).
    """
    # Distances between latents and code vectors need float32; halves are for files only.
    precision = "float16" if dtype == "float16" else "float32"
    quantizer = MOCRVQ(**config["quantizer"], dtype=precision, name="quantizer")
    sizes = {"levels": quantizer.levels, "states": quantizer.states, **config["nrb"]}
    nrb = NoiseReduction(**sizes, dtype=dtype, name="nrb")
    nrb.build((None, None, None, nrb.latent_channels))
    return Network("semantic_codec", **_autoencoder(config, dtype), quantizer=quantizer, nrb=nrb)


def analog_network(config: dict[str, Any], dtype: str = "float32") -> Network:
    """Parts `encoder`, `decoder`, and `receiver` if the configuration has one.

    Args:
        config: Constructor arguments by part (see `sizes.analog_size`).
        dtype: Precision: "float32" whatever Keras is set to, "float16", or a policy such as
            "mixed_bfloat16" (float32 weights, bfloat16 arithmetic).
    """
    parts = _autoencoder(config, dtype)
    if "receiver" in config:
        precision = "float16" if dtype == "float16" else "float32"
        parts["receiver"] = AnalogReceiver(**config["receiver"], dtype=precision, name="receiver")
        parts["receiver"].build((None, None, None, parts["decoder"].latent_channels))
    return Network("analog_codec", **parts)

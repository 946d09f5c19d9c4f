"""An untrained toy codec whose every part does something, and random pictures."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.codebook_initialization import initialize_codebooks
from moclink.codec.codebooks import record_priors
from moclink.codec.semantic_codec import SemanticCodec


def _pictures(batch, height, width, seed=1):
    return np.random.default_rng(seed).random((batch, height, width, 3)).astype(np.float32)


def _loud(codec, seed=0):
    """Give an untrained codec weights that do something everywhere, the NRB included."""
    rng = np.random.default_rng(seed)
    for weight in codec.network.weights:
        if weight.name not in ("priors", "codebook"):
            weight.assign(weight + 0.05 * rng.normal(size=weight.shape))
    if isinstance(codec, SemanticCodec):
        initialize_codebooks(
            codec.quantizer, ops.convert_to_numpy(codec.encoder(_pictures(4, 64, 64)))
        )
        record_priors(codec.quantizer, rng.integers(1, 50, size=codec.priors.shape))
    return codec


def _loud_layer(layer, shape):
    """Build a layer with weights large enough that every path shows."""
    layer.build(shape)
    rng = np.random.default_rng(3)
    for weight in layer.weights:
        weight.assign(0.3 * rng.normal(size=weight.shape))
    return layer


def _copy_of(codec, position_limit):
    twin = type(codec)(codec.config, position_limit)
    twin.network.set_weights(codec.network.get_weights())
    return twin


@pytest.fixture(scope="session")
def pictures():
    return _pictures


@pytest.fixture(scope="session")
def loud():
    return _loud


@pytest.fixture(scope="session")
def loud_layer():
    return _loud_layer


@pytest.fixture(scope="session")
def copy_of():
    return _copy_of


@pytest.fixture(scope="session")
def codec():
    return _loud(SemanticCodec.from_size("toy"))

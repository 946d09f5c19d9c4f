"""The semantic link in training: what is moved, by which gradients, and under XLA."""

import keras
import numpy as np
import pytest
from keras import ops
from sionna.phy import config

from moclink.codec.codebook_initialization import initialize_codebooks
from moclink.codec.codebooks import record_priors
from moclink.codec.index_channel import IndexChannel
from moclink.codec.semantic_codec import SemanticCodec
from moclink.link import SemanticLink
from moclink.phy.fading import RayleighFading
from moclink.phy.tensors import to_numpy

AWGN_PATH = "sionna.phy.channel.AWGN"


@pytest.fixture(scope="module")
def made() -> SemanticCodec:
    """An untrained codec whose codebooks fit its latents and whose NRB does something."""
    keras.utils.set_random_seed(7)
    made = SemanticCodec.from_size("toy")
    latents = keras.ops.convert_to_numpy(made.encoder(pictures(8)))
    initialize_codebooks(made.quantizer, latents, seed=1)
    for weight in made.nrb.trainable_variables:
        if weight.path.endswith("exit/kernel"):
            weight.assign(0.01 * keras.random.normal(weight.shape, seed=3))
    record_priors(made.quantizer, np.random.default_rng(4).integers(50, 500, made.priors.shape))
    return made


@pytest.fixture
def codec(made):
    """That codec, given back as it was."""
    before = made.network.get_weights()
    yield made
    made.network.set_weights(before)


def pictures(count: int, height: int = 37, width: int = 50) -> np.ndarray:
    """Smooth random pictures of odd size."""
    coarse = np.random.default_rng(5).uniform(size=(count, 6, 8, 3)).astype(np.float32)
    return np.clip(
        keras.ops.convert_to_numpy(keras.ops.image.resize(coarse, (height, width))), 0, 1
    )


def decibels(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def weights_of(codec: SemanticCodec) -> dict[str, list[np.ndarray]]:
    parts = {
        "encoder": codec.encoder,
        "quantizer": codec.quantizer,
        "nrb": codec.nrb,
        "decoder": codec.decoder,
    }
    return {name: part.get_weights() for name, part in parts.items()}


def changed(before: dict, after: dict) -> set[str]:
    return {
        name
        for name in before
        if any(not np.array_equal(*pair) for pair in zip(before[name], after[name], strict=True))
    }


@pytest.mark.parametrize(
    ("channel", "train"),
    [
        (RayleighFading(), ("nrb", "decoder")),
        (IndexChannel(8, seed=1), ("encoder", "quantizer", "decoder")),
    ],
    ids=["rayleigh", "training"],
)
def test_fit_trains_what_it_should_through_the_channel(codec, channel, train):
    config.seed = 13
    images, snr = pictures(8, 24, 24), np.full(8, 12, np.float32)
    link = SemanticLink(codec, channel, train=train)
    link.compile(keras.optimizers.Adam(2e-3), "mse", jit_compile=False)
    before = weights_of(codec)
    losses = link.fit([images, snr], images, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    assert changed(before, weights_of(codec)) == set(train)


def test_gradients_reach_every_part_and_the_encoder_straight_through(codec, gradients_of):
    config.seed = 14
    images, snr = pictures(2), decibels(20, 20)
    link = SemanticLink(codec, AWGN_PATH, train=("encoder", "quantizer", "nrb", "decoder"))
    names = [
        (name, variable)
        for name in ("encoder", "nrb", "decoder")
        for variable in getattr(link, name).trainable_variables
    ]

    def loss():
        return ops.mean((link((images, snr), training=True) - ops.convert_to_tensor(images)) ** 2)

    largest = {"encoder": 0.0, "nrb": 0.0, "decoder": 0.0}
    gradients = gradients_of(loss, *(variable for _, variable in names))
    for (name, _), gradient in zip(names, gradients, strict=True):
        assert np.all(np.isfinite(gradient)), name
        largest[name] = max(largest[name], np.abs(gradient).max())
    assert min(largest.values()) > 0
    assert len(link.losses) == 1


@pytest.mark.tensorflow_only("torch.compile takes minutes for it")
def test_xla_compiles_a_training_step_through_fading(codec):
    images, snr = pictures(2, 24, 24), decibels(60, 60)
    link = SemanticLink(codec, RayleighFading(coherence=8))
    expected = np.mean((to_numpy(link((images, snr), training=True)) - images) ** 2)
    link.compile(keras.optimizers.SGD(1e-3), "mse", jit_compile=True)
    assert np.isclose(link.train_on_batch([images, snr], images), expected, rtol=1e-3)

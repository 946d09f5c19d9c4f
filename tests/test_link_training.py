"""The semantic link in training: what is moved, by which gradients, and under XLA."""

import keras
import numpy as np
import pytest
from keras import ops
from sionna.phy import config

from moclink.codec.index_channel import IndexChannel
from moclink.codec.semantic_codec import SemanticCodec
from moclink.link import SemanticLink
from moclink.phy.fading import RayleighFading
from moclink.phy.tensors import to_numpy

AWGN_PATH = "sionna.phy.channel.AWGN"


@pytest.fixture
def codec(link_codec):
    return link_codec


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
def test_fit_trains_what_it_should_through_the_channel(codec, channel, train, pictures):
    config.seed = 13
    images, snr = pictures(8, 24, 24), np.full(8, 12, np.float32)
    link = SemanticLink(codec, channel, train=train)
    link.compile(keras.optimizers.Adam(2e-3), "mse", jit_compile=False)
    before = weights_of(codec)
    losses = link.fit([images, snr], images, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    assert changed(before, weights_of(codec)) == set(train)


def test_gradients_reach_every_part_and_the_encoder_straight_through(codec, gradients_of, pictures):
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
def test_xla_compiles_a_training_step_through_fading(codec, pictures):
    images, snr = pictures(2, 24, 24), decibels(60, 60)
    link = SemanticLink(codec, RayleighFading(coherence=8))
    expected = np.mean((to_numpy(link((images, snr), training=True)) - images) ** 2)
    link.compile(keras.optimizers.SGD(1e-3), "mse", jit_compile=True)
    assert np.isclose(link.train_on_batch([images, snr], images), expected, rtol=1e-3)

"""Training through the channel: what is sent, what comes back, and which gradients there are."""

import keras
import numpy as np
import pytest
from keras import ops

from moclink.codec.channel_optimized_codebooks import (
    ChannelCodebooks,
    expected_distortion,
    search,
    send,
)
from moclink.codec.codebook_initialization import initialize_codebooks
from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.snr_aware import SNRAwareAutoencoder
from moclink.images import read_image, sample_paths
from moclink.training.channel_objective import ChannelObjective, GridCodebooks

SNRS = (0.0, 15.0)
LEVELS = 4


@pytest.fixture(scope="module")
def images():
    return read_image(sample_paths()[1])[None, :96, :96].astype(np.float32) / 255


@pytest.fixture(scope="module")
def codec(images):
    keras.utils.set_random_seed(3)
    codec = SemanticCodec.from_size("toy")
    initialize_codebooks(codec.quantizer, codec.latents(images))
    return codec


def books(codec, snr_db):
    quantizer = codec.quantizer
    priors = np.full(quantizer.codebooks.shape[:3], 1 / quantizer.states, np.float32)
    return ChannelCodebooks(snr_db, quantizer.codebooks, priors)


def objective(codec, **options):
    network = SNRAwareAutoencoder(codec, SNRS)
    row = GridCodebooks([books(codec, snr) for snr in SNRS])
    return ChannelObjective(network.encoder, network.decoder, row, **options)


def noise(images, seed=0):
    shape = (len(images), *(side // 8 for side in images.shape[1:3]), LEVELS, 4)
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("place", [0, 1])
def test_codes_and_distortion_are_those_of_the_channel_optimised_search(codec, images, place):
    made, here = objective(codec), books(codec, SNRS[place])
    z, found, expected = made.send(images, np.array([place]), noise(images))
    codes = search(z, here)
    assert float(expected) == pytest.approx(
        float(ops.mean(ops.sum(expected_distortion(z, codes, here), axis=-1))), rel=1e-4
    )
    # Over the noise the squared error is that distortion, at the energy that is sent.
    codes = ops.convert_to_numpy(codes)
    energy = 2 * np.mean(here.amplitudes[codes].astype(np.float64) ** 2)
    known = send(codes, here, np.random.default_rng(1), SNRS[place] - 10 * np.log10(energy))
    retrieved = np.einsum("bhwdpn,dpnc->bhwpc", known, here.codebooks).reshape(z.shape)
    simulated = ((ops.convert_to_numpy(z) - retrieved) ** 2).sum(-1)
    one = ((ops.convert_to_numpy(z) - ops.convert_to_numpy(found)) ** 2).sum(-1)
    spread = np.hypot(simulated.std(), one.std()) / np.sqrt(one.size)
    assert abs(one.mean() - simulated.mean()) < 5 * spread


@pytest.mark.parametrize("gradient", ["straight-through", "expected-distortion"])
def test_gradients_reach_encoder_decoder_and_codebooks(codec, images, gradient):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken by TensorFlow here")
    import tensorflow as tf

    made = objective(codec, gradient=gradient)
    for head in (made.encoder.head.kernel, made.decoder.head.kernel):  # zeros have no slope behind
        head.assign(1e-3 * np.random.default_rng(2).standard_normal(head.shape))
    batch = {"images": images, "place": np.array([0]), "noise": noise(images)}
    wanted = [
        made.encoder.modulations[-1],
        made.encoder.head.kernel,
        made.decoder.head.kernel,
        made.codebooks.codebooks,
    ]
    with tf.GradientTape() as tape:
        tape.watch([weight.value for weight in wanted])
        loss = made(batch)["loss"]
    slopes = [
        np.abs(tf.convert_to_tensor(slope).numpy())
        for slope in tape.gradient(loss, [weight.value for weight in wanted])
    ]
    assert all(slope.max() > 0 for slope in slopes)
    vectors = slopes[-1]
    assert vectors[0].max() > 0 and vectors[1].max() == 0  # an SNR that was not drawn


def test_without_noise_the_loss_is_that_of_the_quantised_picture(codec, images):
    made = objective(codec, latent=0.0)
    silent = {"images": images, "place": np.array([1]), "noise": 0 * noise(images)}
    found = made(silent)
    z, retrieved, _ = made.send(images, np.array([1]), 0 * noise(images))
    decoded = ops.convert_to_numpy(made.decode(retrieved, np.array([1])))
    error = np.mean((decoded - images) ** 2)
    assert float(found["loss"]) == pytest.approx(np.log(error + 1e-4), rel=1e-4)


def test_an_unknown_gradient_is_named(codec):
    with pytest.raises(ValueError, match="'reinforce'; choose straight-through or expected-dist"):
        objective(codec, gradient="reinforce")

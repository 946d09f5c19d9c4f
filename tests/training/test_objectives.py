import itertools

import keras
import numpy as np
import pytest
from keras import ops

from moclink.codec.codebook_initialization import initialize_codebooks
from moclink.codec.codebooks import copy_codebooks
from moclink.codec.index_channel import IndexChannel
from moclink.codec.quantizer import MOCRVQ
from moclink.codec.semantic_codec import SemanticCodec
from moclink.training import losses
from moclink.training.objectives import (
    AnalogObjective,
    CriticObjective,
    Stage1LossWeights,
    Stage1Objective,
    Stage2LossWeights,
    Stage2Objective,
)

PLAIN = {"semantic": 0, "perceptual": 0, "adversarial": 0}


@pytest.fixture(scope="module")
def codec():
    keras.utils.set_random_seed(2)
    codec = SemanticCodec.from_size("toy")
    rng = np.random.default_rng(0)
    initialize_codebooks(codec.quantizer, rng.normal(size=(400, 16)).astype(np.float32) * 0.3)
    return codec


@pytest.fixture
def images():
    return np.random.default_rng(1).random((3, 24, 16, 3), dtype=np.float32)


def recount(codec, images, levels, search):
    """Squared distances to the codes of every count of levels, and the decoded images, in NumPy."""
    z = ops.convert_to_numpy(codec.encoder(images)).astype(np.float64).reshape(-1, 4, 4)
    books, distance, sums = codec.quantizer.codebooks.astype(np.float64), 0.0, []
    total = np.zeros_like(z)
    for n in range(1, 5):
        if search == "greedy":
            s = ((z - total)[:, :, None] - books[n - 1][None]) ** 2
            s = s.sum(-1).argmin(-1)
            total = total + np.stack([books[n - 1][p][s[:, p]] for p in range(4)], 1)
        else:
            grids = [np.array(list(itertools.product(*books[:n, p]))).sum(1) for p in range(4)]
            total = np.stack(
                [
                    grid[((z[:, p, None] - grid) ** 2).sum(-1).argmin(-1)]
                    for p, grid in enumerate(grids)
                ],
                1,
            )
        distance += 4 * ((z - total) ** 2).mean()
        sums.append(total.reshape(len(images), 3, 2, 16))
    latent = np.stack([sums[n - 1][i] for i, n in enumerate(levels)])
    return distance, ops.convert_to_numpy(codec.decoder(latent.astype(np.float32)))


@pytest.mark.parametrize("search", ["greedy", "joint"])
def test_stage_1_adds_up_what_numpy_adds_up(codec, images, search):
    weights = Stage1LossWeights("mse", pixel=7.0, codebook=3.0, commitment=0.5, **PLAIN)
    quantizer = MOCRVQ(16, search=search)
    copy_codebooks(codec.quantizer, quantizer)
    objective = Stage1Objective(codec.encoder, quantizer, codec.decoder, weights)
    levels = np.array([1, 4, 2], np.int32)
    found = {k: float(v) for k, v in objective({"images": images, "levels": levels}).items()}
    distance, decoded = recount(codec, images, levels, search)
    pixel = ((decoded - images) ** 2).mean()
    assert found["codebook"] == pytest.approx(distance, rel=1e-3)
    assert found["commitment"] == pytest.approx(distance, rel=1e-3)
    assert found["pixel"] == pytest.approx(pixel, rel=1e-3)
    assert found["loss"] == pytest.approx(7 * pixel + 3 * (1 + 0.5) * distance, rel=1e-3)


def test_the_log_loss_is_the_mean_over_images_of_their_log_errors(images):
    other = np.random.default_rng(3).random(images.shape, dtype=np.float32)
    expected = np.log(((images - other) ** 2).mean((1, 2, 3)) + 1e-4).mean()
    assert float(losses.log_mse(images, other)) == pytest.approx(expected, rel=1e-5)


def test_without_levels_the_latent_passes_as_it_is(codec, images):
    objective = Stage1Objective(
        codec.encoder, codec.quantizer, codec.decoder, Stage1LossWeights(**PLAIN)
    )
    batch = {"images": images, "levels": np.zeros(3, np.int32)}
    found = {k: float(v) for k, v in objective(batch).items()}
    decoded = ops.convert_to_numpy(codec.decoder(codec.encoder(images)))
    assert found["pixel"] == pytest.approx(np.abs(decoded - images).mean(), rel=1e-4)
    assert found["codebook"] == found["commitment"] == 0


def test_terms_of_other_networks_count_with_their_weight(codec, images):
    weights = Stage1LossWeights(
        pixel=0, codebook=0, semantic=2.0, perceptual=3.0, shift_tolerant=7.0, adversarial=5.0
    )
    guide = keras.layers.Conv2D(2, 1, kernel_initializer="zeros")
    objective = Stage1Objective(
        codec.encoder,
        codec.quantizer,
        codec.decoder,
        weights,
        features=lambda x: ops.ones((3, 3, 2, 2)) * 0.5,
        guide=guide,
        perceptual=lambda a, b: ops.convert_to_tensor(np.float32([0.1, 0.2, 0.3])),
        shift_tolerant=lambda a, b: ops.mean(b, axis=(1, 2, 3)) * 0.0 + 0.5,
        critic=lambda x: ops.ones((3, 24, 16, 1)) * 4.0,
    )
    batch = {"images": images, "levels": np.full(3, 4, np.int32)}
    assert float(objective(batch)["loss"]) == pytest.approx(
        2 * 1 + 3 * 0.2 + 7 * 0.5 - 5 * 4, rel=1e-4
    )


def test_critic_judges_both_sides():
    critic = CriticObjective(lambda x, training: x)
    batch = {"real": np.full((1, 2), 0.25, np.float32), "fake": np.full((1, 2), -0.5, np.float32)}
    assert float(critic(batch)["loss"]) == pytest.approx(0.75 + 0.5)


def stage2(codec):
    channel = IndexChannel(8, seed=0)
    parts = (codec.encoder, codec.quantizer, channel, codec.nrb, codec.decoder)
    return Stage2Objective(*parts, Stage2LossWeights())


def test_stage_2_without_noise_decodes_what_was_sent(codec, images):
    """An untrained NRB is the identity, and requantising code vectors of all levels finds them again."""
    objective, levels = stage2(codec), np.array([1, 4, 2], np.int32)
    indices = codec.quantizer.encode(codec.encoder(images))
    noise = np.zeros(indices.shape, np.float32)
    snr = np.full(3, 60.0, np.float32)
    np.testing.assert_allclose(
        ops.convert_to_numpy(objective.retrieve(indices, levels, snr, noise)),
        ops.convert_to_numpy(codec.quantizer.look_up(indices, levels)),
        atol=1e-5,
    )
    found = objective({"images": images, "levels": levels, "snr_db": snr, "noise": noise})
    assert float(found["style"]) < 1e-9 and float(found["feature"]) < 1e-9


def test_the_soft_receiver_gives_the_posterior_mean(codec, images):
    objective = stage2(codec)
    indices = ops.convert_to_numpy(codec.quantizer.encode(codec.encoder(images)))
    rng = np.random.default_rng(5)
    noise, snr = rng.normal(size=indices.shape).astype(np.float32), np.float32([3.0, 8.0, 12.0])
    found = ops.convert_to_numpy(objective.retrieve(indices, np.full(3, 4, np.int32), snr, noise))
    # Labels along the axis, from amplitude -7 to +7, as 3GPP has them.
    amplitude = np.empty(8)
    amplitude[[7, 6, 4, 5, 1, 0, 2, 3]] = np.arange(-7, 8, 2) / np.sqrt(42)
    no = (10 ** (-snr / 10))[:, None, None, None, None]
    received = amplitude[indices] + noise * np.sqrt(no / 2)
    p = np.exp(-((received[..., None] - amplitude) ** 2) / no[..., None])
    p /= p.sum(-1, keepdims=True)  # priors are equal as long as no use was measured
    expected = np.einsum("bhwdpn,dpnc->bhwpc", p, codec.quantizer.codebooks).reshape(found.shape)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_gradient_of_stage_2_reaches_the_nrb_through_requantisation(codec, images):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("uses TensorFlow's tape")
    objective = stage2(codec)
    indices = codec.quantizer.encode(codec.encoder(images))
    noise = np.random.default_rng(5).normal(size=indices.shape).astype(np.float32)
    args = (np.full(3, 4, np.int32), np.full(3, 5.0, np.float32), noise)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.abs(objective.receive(indices, *args)[1] - images))
    exit_kernel = codec.nrb.exit.kernel.value
    assert float(tf.reduce_max(tf.abs(tape.gradient(loss, exit_kernel)))) > 0


def test_the_analog_objective_is_the_mean_log_error(codec, images):
    objective = AnalogObjective(codec.encoder, codec.decoder, floor=0.0)
    noise = np.zeros((3, 3, 2, 16), np.float32)
    found = objective({"images": images, "snr_db": np.zeros(3, np.float32), "noise": noise})
    z = ops.convert_to_numpy(codec.encoder(images))
    sent = z / np.sqrt(2 * (z**2).mean((1, 2, 3), keepdims=True))
    error = ((ops.convert_to_numpy(codec.decoder(sent)) - images) ** 2).mean((1, 2, 3))
    assert float(found["loss"]) == pytest.approx(np.log(error).mean(), rel=1e-4)


@pytest.mark.parametrize(
    "wrong", [{"pixel_loss": "huber"}, {"pixel": -1.0}, {"pixel": float("nan")}]
)
@pytest.mark.parametrize("kind", [Stage1LossWeights, Stage2LossWeights])
def test_weights_out_of_range_are_refused(kind, wrong):
    with pytest.raises(ValueError, match="pixel loss|must be at least 0 and finite"):
        kind(**wrong)

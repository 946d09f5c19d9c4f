import keras
import numpy as np
import pytest

from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.analog_receiver import PILOT
from moclink.codec.decoder import Decoder
from moclink.codec.encoder import Encoder
from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.sizes import analog_size
from moclink.training import linear_initialization as start
from moclink.training.patches import CropFeeder, PatchPack


@pytest.fixture(scope="module")
def images(data):
    return CropFeeder(PatchPack(data), 32, 64)(0)


def mse(a, b):
    return float(np.mean((keras.ops.convert_to_numpy(a) - b) ** 2))


def test_components_equal_numpys_svd():
    samples = np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32) * np.arange(1, 7)
    found = start.principal_components(samples, 3)
    _, _, expected = np.linalg.svd(samples, full_matrices=False)
    np.testing.assert_allclose(np.abs(found.T @ expected[:3].T), np.eye(3), atol=1e-3)


def test_components_are_dealt_there_and_back():
    assert start.interleave_heads(16, 4).reshape(4, 4).tolist() == [
        [0, 7, 8, 15], [1, 6, 9, 14], [2, 5, 10, 13], [3, 4, 11, 12]
    ]  # fmt: skip


def error_beyond(images: np.ndarray, kept: int) -> float:
    """Mean squared error of 8x8 blocks in [0, 1] of which some principal components are kept."""
    side = images.shape[1] // 8
    blocks = (
        (2 * images - 1)
        .reshape(-1, side, 8, side, 8, 3)
        .transpose(0, 1, 3, 2, 4, 5)
        .reshape(-1, 192)
    )
    lost = np.linalg.svd(blocks, compute_uv=False)[kept:]
    return (lost.astype(np.float64) ** 2).sum() / blocks.size / 4


def test_the_start_keeps_what_16_components_of_a_block_keep(images):
    keras.utils.set_random_seed(1)
    codec = SemanticCodec.from_size("toy")
    start.initialize_linear_paths(codec.encoder, codec.decoder, images)
    expected = error_beyond(images, 16)
    assert mse(codec.decoder(codec.encoder(images)), images) == pytest.approx(expected, rel=1e-3)


def test_the_analog_start_is_the_projection_on_components_at_power_one(images):
    keras.utils.set_random_seed(1)
    codec = AnalogCodec(analog_size("toy", 16))
    power = start.initialize_analog_paths(codec.encoder, codec.decoder, images)
    z = keras.ops.convert_to_numpy(codec.encoder(images))
    assert (z**2).mean() == pytest.approx(0.5, rel=1e-3)
    np.testing.assert_allclose((z.astype(np.float64) ** 2).mean((0, 1, 2)), power, rtol=1e-3)
    np.testing.assert_allclose(z[..., -1], PILOT, rtol=1e-6)
    expected = error_beyond(images, 15)
    assert mse(codec.decoder(z), images) == pytest.approx(expected, rel=1e-3)


def test_networks_without_linear_paths_are_refused(images):
    encoder, decoder = (
        Encoder(16, (16, 32), (0, 1), patch=4),
        Decoder(16, (32, 16), (1, 0), patch=4),
    )
    with pytest.raises(ValueError, match="linear start"):
        start.initialize_linear_paths(encoder, decoder, images)

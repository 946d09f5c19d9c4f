"""The codec's layers in models of other people: inputs of other kinds, and plain `fit`."""

import keras
import numpy as np
import pytest
from keras import ops

from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.index_channel import IndexChannel
from moclink.codec.noise_reduction import NoiseReduction
from moclink.codec.quantizer import MOCRVQ

Z = np.random.default_rng(3).normal(size=(4, 6, 6, 16)).astype(np.float32)


@pytest.mark.parametrize("search", ["greedy", "joint"])
def test_codebooks_with_averages_move_in_fit_towards_the_latents(search):
    """They have no gradient: without the averages they would stay where they were for ever."""
    keras.utils.set_random_seed(1)
    quantizer = MOCRVQ(16, levels=2, ema_decay=0.9, search=search)
    latent = keras.Input((6, 6, 16))
    model = keras.Model(latent, quantizer(latent))
    before = quantizer.codebooks
    np.testing.assert_array_equal(model.predict(Z, verbose=0), model.predict(Z, verbose=0))
    np.testing.assert_array_equal(quantizer.codebooks, before)
    model.compile("adam", "mse")
    losses = model.fit(Z, Z, batch_size=4, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    fixed = quantizer.codebooks
    quantizer.trainable = False
    quantizer(Z, training=True)
    np.testing.assert_array_equal(quantizer.codebooks, fixed)


@pytest.mark.parametrize(
    "latent,levels,message",
    [
        (
            Z.reshape(4, 36, 16),
            None,
            r"shape \(4, 36, 16\); it must be \[B, h, w, 16\] \(of tokens",
        ),
        (Z[..., :12], None, r"it must be \[B, h, w, 16\]"),
        (Z, [1, 2], "levels is .* one for each of the 4 samples"),
        (Z, 1.0, "levels is 1.0; give whole numbers from 1 to 2"),
        (Z, np.array([1, 2, 3, 0]), "whole numbers from 1 to 2"),
    ],
)
def test_other_latents_and_levels_are_one_line(latent, levels, message):
    quantizer = MOCRVQ(16, levels=2)
    with pytest.raises(ValueError, match=message):
        quantizer.encode(latent, levels)
    with pytest.raises(ValueError, match=message):
        quantizer(latent, levels=levels)


@pytest.mark.parametrize("arguments", [{"heads": 0}, {"levels": "4"}, {"latent_channels": 16.0}])
def test_arguments_that_are_no_whole_numbers_are_refused(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} is .* whole number"):
        MOCRVQ(**{"latent_channels": 16, **arguments})


def test_the_noise_reduction_takes_python_numbers():
    block = NoiseReduction(16, width=16, groups=1, depth=2, heads=2, window=4, mlp_ratio=2.0)
    block(Z, np.full(4, 3), np.full(4, 10.0))
    weights = np.random.default_rng(4)
    block.exit.set_weights([weights.normal(size=w.shape) for w in block.exit.get_weights()])
    expected = ops.convert_to_numpy(block(Z, np.full(4, 3), np.full(4, 10.0, np.float32)))
    for levels, snr_db in ((3, 10.0), ([3], [10] * 4), (np.int64(3), np.float32(10))):
        np.testing.assert_allclose(
            ops.convert_to_numpy(block(Z, levels, snr_db)), expected, atol=1e-5
        )
    for levels in (0, 5, 2.5, [1, 2]):
        with pytest.raises(ValueError, match="levels is .* whole numbers from 1 to 4"):
            block(Z, levels, 10.0)


def test_the_index_channel_takes_a_python_number():
    indices = np.arange(8).reshape(2, 1, 1, 1, 4)
    one, all_ = IndexChannel(seed=1), IndexChannel(seed=1)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(one(indices, 10.0)),
        ops.convert_to_numpy(all_(indices, np.full(2, 10.0, np.float32))),
    )


def test_the_analog_codec_takes_reals_alone():
    """Of complex symbols the imaginary part was dropped, with half of the picture."""
    codec = AnalogCodec.from_size("toy")
    sent = codec.encode(np.full((1, 16, 16, 3), 0.3, np.float32))
    assert codec.decode(sent, snr_db=[20]).shape == (1, 16, 16, 3)
    with pytest.raises(ValueError, match="received is complex64 .*channels 2k and 2k"):
        codec.decode(sent * (1 + 1j))
    with pytest.raises(ValueError, match="received holds NaN"):
        codec.decode(sent * np.nan)
    with pytest.raises(ValueError, match="snr_db is nan"):
        codec.decode(sent, snr_db=np.nan)

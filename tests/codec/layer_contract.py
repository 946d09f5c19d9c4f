"""What every layer of the codec must do, on the backend that KERAS_BACKEND names.

    python tests/codec/layer_contract.py OUT.npz      check all layers, write their outputs

Weights and inputs are drawn by NumPy, so the outputs can be compared between backends.
"""

import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from moclink.codec.blocks import ResidualBlock
from moclink.codec.decoder import Decoder
from moclink.codec.encoder import Encoder
from moclink.codec.index_channel import IndexChannel
from moclink.codec.moc import MOC
from moclink.codec.noise_reduction import RSTB, NoiseReduction
from moclink.codec.quantizer import MOCRVQ
from moclink.codec.swin import SwinLayer, WindowAttention

RNG = np.random.default_rng(5)


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def integers(high, *shape):
    return RNG.integers(high, size=shape).astype(np.int32)


IMAGES = RNG.random((2, 19, 13, 3)).astype(np.float32)
# name -> (how to make it, its inputs, symbolic shapes that leave the map's size open)
CASES = {
    "residual-none": (lambda: ResidualBlock("none"), [floats(2, 5, 4, 8)], [(None, None, 8)]),
    "residual-rms": (lambda: ResidualBlock("rms"), [floats(2, 5, 4, 8)], [(None, None, 8)]),
    "residual-group": (lambda: ResidualBlock("group", 4), [floats(2, 5, 4, 8)], [(None, None, 8)]),
    "encoder-stem": (
        lambda: Encoder(4, (8, 8), (1, 1), patch=4, stem_kernel=3, normalization="none"),
        [IMAGES],
        [(None, None, 3)],
    ),
    "encoder-paper": (
        lambda: Encoder(4, (4, 8, 8, 8), (0, 1, 1, 1), groups=2),
        [IMAGES],
        [(None, None, 3)],
    ),
    "decoder-shuffle": (
        lambda: Decoder(4, (8, 8), (1, 1), patch=4, upsampling="shuffle", normalization="rms"),
        [floats(2, 3, 2, 4)],
        [(None, None, 4)],
    ),
    "decoder-paper": (
        lambda: Decoder(4, (8, 8, 8, 4), (0, 1, 1, 1), groups=2),
        [floats(2, 3, 2, 4)],
        [(None, None, 4)],
    ),
    "moc": (lambda: MOC(8, 4, 8), [floats(2, 3, 2, 8)], [(None, None, 8)]),
    "mocrvq": (
        lambda: MOCRVQ(8, 2, 3, 8, commitment=0.5),
        [floats(2, 3, 2, 8), np.array([1, 3], np.int32)],
        [(None, None, 8), ()],
    ),
    "window-attention": (
        lambda: WindowAttention(2, 3),
        [floats(4, 9, 8), integers(2, 2, 9)],
        [(9, 8), (9,)],
    ),
    "swin-shifted": (lambda: SwinLayer(2, 4, 2, 2.0), [floats(2, 5, 7, 8)], [(None, None, 8)]),
    "rstb": (lambda: RSTB(2, 2, 4, 2.0), [floats(2, 5, 7, 8)], [(None, None, 8)]),
    "nrb": (
        lambda: NoiseReduction(4, 3, 8, 1, 2, 2, 4, 2.0),
        [floats(2, 5, 7, 4), np.array([1, 3], np.int32), np.array([-3.0, 12.0], np.float32)],
        [(None, None, 4), (), ()],
    ),
    # At 60 dB the noise moves nothing, so the output does not hang on the backend's generator.
    "index-channel": (
        lambda: IndexChannel(8, "soft", seed=3),
        [integers(8, 2, 3, 2, 2, 2), np.array([60.0, 60.0], np.float32)],
        [(None, None, 2, 2), ()],
    ),
}


def fill(layer):
    """Give every weight values that NumPy draws, the same on every backend."""
    rng = np.random.default_rng(9)
    for weight in layer.weights:
        if keras.backend.is_int_dtype(weight.dtype):
            continue  # the state of a noise generator
        value = 0.3 * rng.normal(size=weight.shape)
        weight.assign(np.abs(value) + 0.1 if weight.name == "priors" else value)


def numpy_of(outputs):
    return [
        keras.ops.convert_to_numpy(x)
        for x in (outputs if isinstance(outputs, tuple | list) else [outputs])
    ]


def assert_equal(left, right, what):
    for a, b in zip(numpy_of(left), numpy_of(right), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5, err_msg=what)


def make_filled(name):
    """The layer of a case with drawn weights, and its eager outputs."""
    make, inputs, _ = CASES[name]
    layer = make()
    layer(*inputs)
    fill(layer)
    return layer, numpy_of(layer(*inputs))


def check_config(name):
    """A layer rebuilt from its configuration, with the same weights, does the same."""
    layer, eager = make_filled(name)
    config = layer.get_config()
    twin = type(layer).from_config(config)
    assert twin.get_config() == config, name
    inputs = CASES[name][1]
    twin(*inputs)
    twin.set_weights(layer.get_weights())
    assert_equal(twin(*inputs), eager, f"{name}: rebuilt from its config")
    return eager


def check_as_parts_of_a_model(folder):
    """All layers as branches of one model: symbolic call, saving, and a step of training.

    One model, because each trace takes seconds.
    """
    layers, eager, inputs, symbols, outputs = {}, {}, {}, {}, {}
    for name, (_, values, shapes) in CASES.items():
        if name == "window-attention":
            continue  # its two inputs differ in batch; the Swin layers bring it in
        layers[name], eager[name] = make_filled(name)
        branch = []
        for i, (shape, value) in enumerate(zip(shapes, values, strict=True)):
            key = f"{name}-{i}"
            inputs[key] = value
            symbols[key] = keras.Input(shape, dtype=str(value.dtype), name=key)
            branch.append(symbols[key])
        results = layers[name](*branch)
        results = list(results) if isinstance(results, tuple) else [results]
        for i, (symbol, value) in enumerate(zip(results, eager[name], strict=True)):
            assert len(symbol.shape) == value.ndim and symbol.shape[-1] == value.shape[-1], name
            assert str(symbol.dtype) == str(value.dtype), name
            outputs[f"{name}/{i}"] = symbol
    model = keras.Model(symbols, outputs)
    expected = {f"{name}/{i}": value for name in eager for i, value in enumerate(eager[name])}

    path = Path(folder) / "layers.keras"
    model.save(path)
    for which, found in (
        ("symbolic", model(inputs)),
        ("loaded", keras.saving.load_model(path)(inputs)),
    ):
        for key, value in expected.items():
            assert_equal(found[key], value, f"{key}: {which}")

    before = {
        name: [keras.ops.convert_to_numpy(weight).copy() for weight in layer.trainable_weights]
        for name, layer in layers.items()
    }
    losses = {key: "mse" for key, value in expected.items() if value.dtype == np.float32}
    # Tracing all branches takes TensorFlow a minute; test_network trains with graph and XLA.
    eagerly = keras.backend.backend() == "tensorflow"
    model.compile(keras.optimizers.SGD(1.0), losses, run_eagerly=eagerly)
    loss = model.train_on_batch(inputs, {key: np.zeros_like(expected[key]) for key in losses})
    assert np.isfinite(loss).all()
    for name, layer in layers.items():
        for weight, old in zip(layer.trainable_weights, before[name], strict=True):
            assert np.abs(keras.ops.convert_to_numpy(weight) - old).max() > 0, (
                f"{name}: {weight.path} did not move"
            )


def main(out):
    arrays = {}
    for name in CASES:
        for i, value in enumerate(check_config(name)):
            arrays[f"{name}/{i}"] = value
    with tempfile.TemporaryDirectory() as folder:
        check_as_parts_of_a_model(folder)
    np.savez_compressed(out, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])

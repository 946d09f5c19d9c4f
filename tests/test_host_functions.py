"""Where layers are computed by functions of arrays, and that networks are then the same."""

import keras
import numpy as np
import pytest

from moclink import host_functions as module
from moclink import metrics, reused_memory
from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.semantic_codec import SemanticCodec
from moclink.host_functions import host_functions, may_use_host_functions, on_host
from moclink.images import read_pictures, sample_paths, to_float

pytestmark = pytest.mark.tensorflow_only("host functions are for TensorFlow on a CPU")


def test_they_are_for_graphs_of_tensorflow_without_a_gpu_alone(monkeypatch):
    assert not may_use_host_functions()
    with host_functions():
        assert may_use_host_functions()
        with host_functions(False):
            assert not may_use_host_functions()
        monkeypatch.setattr(module, "_on_gpu", lambda: True)
        assert not may_use_host_functions()
    assert not may_use_host_functions()


def test_a_function_of_arrays_inside_a_graph():
    import tensorflow as tf

    @tf.function
    def graph(x, y):
        return on_host(lambda a, b: a * b, x.shape, x + 1.0, y)

    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = graph(x, np.full((2, 3), 2, np.float32))
    assert found.shape == (2, 3)
    np.testing.assert_array_equal(found, 2 * (x + 1))


def test_what_a_call_gave_stays_when_its_memory_could_be_used_again():
    import tensorflow as tf

    def shifted(x):
        out = reused_memory.empty(x.shape)
        np.add(x, 1, out=out)
        return out

    @tf.function
    def graph(x):
        return on_host(shifted, x.shape, on_host(shifted, x.shape, x))

    zeros = np.zeros((2, reused_memory.LEAST // 4), np.float32)
    tensor = graph(zeros)
    array = np.asarray(memoryview(graph(zeros + 5)))  # of the tensor's memory; the tensor is gone
    for _ in range(4):
        graph(zeros + 9)
    assert np.all(tensor.numpy() == 2) and np.all(array == 7)


@pytest.fixture
def image():
    return to_float(read_pictures(sample_paths()[:1])[0].pixels)[None, :136, :200]


def both_ways(monkeypatch, make, use):
    """What a new codec gives with and without host functions, and whether any was called."""
    used = []

    def counted(function, shape, *tensors):
        used.append(shape)
        return on_host(function, shape, *tensors)

    for name in ("blocks", "swin"):
        monkeypatch.setattr(f"moclink.codec.{name}.on_host", counted)
    with_them = use(make())
    assert used, "nothing was computed by functions of arrays"
    used.clear()
    for name in ("blocks", "swin"):
        monkeypatch.setattr(f"moclink.codec.{name}.may_use_host_functions", lambda: False)
    without = use(make())
    assert not used
    return with_them, without


def test_the_semantic_receiver_is_the_same_to_rounding(monkeypatch, image):
    def use(codec):
        indices = codec.encode(image)
        shaken = np.where(np.random.default_rng(0).random(indices.shape) < 0.1, 3, indices)
        height, width = image.shape[1:3]
        options = {"snr_db": 10.0, "height": height, "width": width, "requantize": False}
        return indices, codec.decode(shaken, **options)

    def make():
        return SemanticCodec.from_preset("small")

    (sent, found), (expected_sent, expected) = both_ways(monkeypatch, make, use)
    np.testing.assert_array_equal(sent, expected_sent)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    psnr = [metrics.psnr(pictures, image)[0] for pictures in (found, expected)]
    assert abs(psnr[0] - psnr[1]) < 1e-5


def test_the_analog_receiver_is_the_same_to_rounding(monkeypatch, image):
    def use(codec):
        return codec.decode(codec.encode(image), snr_db=20.0)

    found, expected = both_ways(monkeypatch, lambda: AnalogCodec.from_preset("small"), use)
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_training_does_not_use_them():
    from moclink.codec.blocks import ResidualBlock

    block = ResidualBlock()
    inputs = keras.Input((8, 8, 4))
    model = keras.Model(inputs, block(inputs))
    model.compile(optimizer="sgd", loss="mse")
    x = np.random.default_rng(0).random((2, 8, 8, 4)).astype(np.float32)
    before = [weight.numpy().copy() for weight in block.weights]
    model.fit(x, 0 * x, epochs=1, verbose=0)
    assert all(
        (weight.numpy() != old).any() for weight, old in zip(block.weights, before, strict=True)
    )

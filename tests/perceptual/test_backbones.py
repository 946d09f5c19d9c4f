"""Backbones: kernels and sizes as published, and low-pass filters where strides were."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.ndimage import correlate1d

from moclink import winograd
from moclink.host_functions import host_functions
from moclink.perceptual.backbones import (
    LARGEST_KERNEL,
    STAGES,
    Backbone,
    kernel_shapes,
    tap_channels,
)


@pytest.mark.parametrize(("net", "name"), [("vgg", "VGG16"), ("vgg19", "VGG19")])
def test_kernels_are_those_of_keras_applications(net, name):
    model = getattr(keras.applications, name)(include_top=False, weights=None)
    kernels = [weight.shape for weight in model.weights if weight.path.endswith("kernel")]
    assert kernel_shapes(net) == kernels


# Parameters of the whole networks as torchvision states them, and those of the classifiers.
ALEX_CLASSIFIER = 9216 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
PARAMETERS = {
    "alex": 61_100_840 - ALEX_CLASSIFIER,
    "squeeze": 1_235_496 - (512 * 1000 + 1000),
}


@pytest.mark.parametrize("net", PARAMETERS)
def test_parameters_are_as_many_as_in_torchvision(net):
    count = sum(np.prod(shape) + shape[-1] for shape in kernel_shapes(net))
    assert count == PARAMETERS[net]


# Sides of the taps of a square image by the formulas of PyTorch's Conv2d and MaxPool2d.
SIDES = [
    ("alex", 64, [15, 7, 3, 3, 3]),
    ("squeeze", 64, [31, 15, 7, 3, 3, 3, 3]),
    ("squeeze", 66, [32, 16, 8, 4, 4, 4, 4]),  # partial windows count
    ("vgg", 67, [67, 33, 16, 8, 4]),
]


@pytest.mark.parametrize(("net", "side", "sides"), SIDES)
def test_taps_have_their_channels_and_sizes_and_are_rectified(net, side, sides):
    images = np.random.default_rng(0).normal(size=(1, side, side, 3)).astype(np.float32)
    taps = [ops.convert_to_numpy(tap) for tap in Backbone(net)(images)]
    assert [tap.shape for tap in taps] == [
        (1, size, size, channels) for size, channels in zip(sides, tap_channels(net), strict=True)
    ]
    assert all(tap.min() == 0 < tap.max() for tap in taps)


def low_pass(features):
    """[1 2 1] / 4 on both axes of [H, W, C], reflected by 2 at the edges, every other sample."""
    x = np.pad(features, ((2, 2), (2, 2), (0, 0)), mode="reflect")
    for axis in (0, 1):
        x = correlate1d(x, [0.25, 0.5, 0.25], axis=axis)
    return x[1:-1:2, 1:-1:2]


@pytest.mark.parametrize(("height", "width"), [(40, 40), (41, 36), (38, 43)])
def test_a_shift_tolerant_stride_is_a_filter_behind_the_convolution(height, width):
    backbone = Backbone("alex", shift_tolerant=True, stages=2)
    rng = np.random.default_rng(1)
    for bias in backbone.biases:
        bias.assign(rng.normal(size=bias.shape))
    images = rng.normal(size=(1, height, width, 3)).astype(np.float32)
    first, second = (ops.convert_to_numpy(tap)[0] for tap in backbone(images))
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    kernels, biases = backbone.kernels, [ops.convert_to_numpy(bias) for bias in backbone.biases]
    plain = ops.convert_to_numpy(ops.conv(padded, kernels[0], padding="valid"))[0]
    np.testing.assert_allclose(first, np.maximum(low_pass(plain) + biases[0], 0), atol=1e-4)
    pooled = low_pass(ops.convert_to_numpy(ops.max_pool(first[None], 3, 1))[0])
    plain = ops.convert_to_numpy(ops.conv(pooled[None], kernels[1], padding="same"))[0]
    np.testing.assert_allclose(second, np.maximum(plain + biases[1], 0), atol=1e-3)


def test_fewer_stages_have_fewer_weights_and_the_same_taps():
    images = np.random.default_rng(2).normal(size=(1, 64, 64, 3)).astype(np.float32)
    whole, part = Backbone("squeeze"), Backbone("squeeze", stages=3)
    assert len(whole.weights) == 2 * len(kernel_shapes("squeeze"))
    assert not whole.trainable_variables and len(part.weights) == 2 * (1 + 6 + 6)
    part.set_weights(whole.get_weights()[: len(part.weights)])
    for a, b in zip(part(images), whole(images)[:3], strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))


def test_large_kernels_are_cut_into_parts_that_give_the_same(monkeypatch):
    """AlexNet's last ones are; here all, none, and those of the default."""
    images = np.random.default_rng(3).normal(size=(1, 80, 96, 3)).astype(np.float32)
    backbone = Backbone("alex")
    for variable in backbone.biases:
        variable.assign(np.linspace(-0.5, 0.5, variable.shape[0]))
    taps = []
    for largest in (LARGEST_KERNEL, 10_000, 2**30):
        monkeypatch.setattr("moclink.perceptual.backbones.LARGEST_KERNEL", largest)
        taps.append([ops.convert_to_numpy(tap) for tap in backbone(images)])
    for default, small, whole in zip(*taps, strict=True):
        np.testing.assert_allclose(default, whole, atol=1e-5 * whole.max())
        np.testing.assert_allclose(small, whole, atol=1e-5 * whole.max())


@pytest.mark.tensorflow_only("elsewhere they stay with the backend")
@pytest.mark.parametrize(
    ("net", "shift_tolerant"), [("alex", False), ("vgg", True), ("squeeze", False)]
)
def test_taps_by_functions_of_arrays_are_the_same_to_rounding(net, shift_tolerant, monkeypatch):
    images = np.random.default_rng(3).normal(size=(1, 70, 83, 3)).astype(np.float32)
    backbone = Backbone(net, shift_tolerant)
    for variable in backbone.biases:
        variable.assign(np.linspace(-0.5, 0.5, variable.shape[0]))
    expected = [ops.convert_to_numpy(tap) for tap in backbone(images)]
    kernels = []
    convolve = winograd.convolve

    def counted(x, kernel, *others):
        kernels.append(kernel.shape[0])
        return convolve(x, kernel, *others)

    monkeypatch.setattr(winograd, "convolve", counted)
    with host_functions():
        found = [ops.convert_to_numpy(tap) for tap in backbone(images)]
    assert set(kernels) == ({3, 5} if net == "alex" else {3})
    for tap, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(tap, other, atol=1e-5 * other.max())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet",), f"net must be one of {', '.join(STAGES)}; got 'resnet'"),
        (("squeeze", True), "a shift-tolerant net must be one of alex, vgg; got 'squeeze'"),
        (("vgg", False, 6), "stages of vgg must be 1 to 5, or None; got 6"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Backbone(*arguments)

"""LPIPS and ST-LPIPS against the figures of the PyTorch implementations (tests/refs/make_lpips.py)."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from moclink.metrics import lpips, st_lpips
from moclink.perceptual.backbones import kernel_shapes
from moclink.perceptual.lpips import LPIPS, DistanceScorer, load_lpips
from moclink.perceptual.pretrained import lpips_heads

ROOT = Path(__file__).parents[2]
REFS = json.loads((ROOT / "tests/refs/lpips.json").read_text())


def _installed(package):
    try:
        return bool(metadata.version(package))
    except metadata.PackageNotFoundError:
        return False


needs_stlpips = pytest.mark.skipif(
    not _installed("stlpips-pytorch"),
    reason="ST-LPIPS needs its weights: pip install 'moclink[stlpips]'",
)


def _pair(height, width):
    """A crop of the lake, and the same with noise."""
    picture = np.asarray(Image.open(ROOT / "moclink/samples/lake.png").convert("RGB"))
    crop = picture[40 : 40 + height, 60 : 60 + width] / 255
    noise = np.random.default_rng(height * 1000 + width).normal(0, 0.1, crop.shape)
    return crop.astype(np.float32)[None], np.clip(crop + noise, 0, 1).astype(np.float32)[None]


def _seeded(net):
    """LPIPS with its heads and the seeded kernels of the reference figures."""
    layer, rng, weights = LPIPS(net), np.random.default_rng(7), []
    for shape in kernel_shapes(net):
        weights.append(rng.normal(0, np.sqrt(2 / np.prod(shape[:3])), shape).astype(np.float32))
        weights.append(rng.normal(0, 0.1, shape[-1]).astype(np.float32))
    layer.embedding.backbone.set_weights(weights)
    for variable, head in zip(layer.embedding.heads, lpips_heads(net), strict=True):
        variable.assign(head)
    return layer


def _gradient(layer, images, reference):
    """Gradient of the summed distance with respect to the images, on the backend that runs."""
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.jit(jax.grad(lambda x: layer(x, reference).sum()))(images))
    if keras.backend.backend() == "torch":
        import torch

        x = torch.tensor(images, requires_grad=True)
        (gradient,) = torch.autograd.grad(layer(x, reference).sum(), x)
        return gradient.numpy()
    import tensorflow as tf

    x = tf.convert_to_tensor(images)
    with tf.GradientTape() as tape:
        tape.watch(x)
        distance = tf.reduce_sum(layer(x, reference))
    return tape.gradient(distance, x).numpy()


@pytest.mark.parametrize("case", REFS["lpips"], ids=lambda case: case.replace(" ", "-"))
def test_lpips_and_its_gradient_equal_torchs_with_equal_weights(case):
    net, height, width = case.split()[0], *map(int, case.split()[1:])
    layer, expected = _seeded(net), REFS["lpips"][case]
    original, noisy = _pair(height, width)
    assert DistanceScorer(layer)(noisy, original)[0] == pytest.approx(expected, rel=1e-5)
    assert np.asarray(layer(noisy, original))[0] == pytest.approx(expected, rel=1e-5)
    gradient = _gradient(layer, noisy, original)[0]
    norm, *middle = REFS["gradient"][case]
    assert np.linalg.norm(gradient) == pytest.approx(norm, rel=1e-3)
    np.testing.assert_allclose(gradient[height // 2, width // 2], middle, rtol=0, atol=1e-3 * norm)


@pytest.mark.torch_only("features stay on a GPU of PyTorch")
def test_on_a_gpu_features_stay_there(monkeypatch):
    """The GPU's way, here on a CPU."""
    rng = np.random.default_rng(8)
    original = rng.random((1, 48, 40, 3), np.float32)
    noisy = np.clip(original + 0.1 * rng.normal(size=(2, 48, 40, 3)), 0, 1).astype(np.float32)
    expected = DistanceScorer(_seeded("alex"))(noisy, original)
    monkeypatch.setattr("moclink.perceptual.lpips.on_torch_gpu", lambda: True)
    scorer = DistanceScorer(_seeded("alex"))
    np.testing.assert_allclose(scorer(noisy, original), expected, rtol=1e-5)
    assert not any(isinstance(features, np.ndarray) for features in scorer.kept[1])
    assert not any(features.requires_grad for features in scorer.kept[1])


def test_a_kept_reference_is_told_from_another():
    """Features of the last reference are kept; another one, or the same array changed, is embedded."""
    scorer = DistanceScorer(_seeded("alex"))
    original, noisy = _pair(64, 80)
    first = scorer(noisy, original)[0]
    assert scorer.kept is not None
    assert scorer(noisy, original)[0] == first
    other = original.copy()
    original[:] = 1 - original
    changed = scorer(noisy, original)[0]
    assert changed == DistanceScorer(_seeded("alex"))(noisy, original)[0] != first
    assert scorer(noisy, other)[0] == first


@needs_stlpips
@pytest.mark.parametrize("case", REFS["st_lpips"], ids=lambda case: case.replace(" ", "-"))
def test_st_lpips_equals_its_authors(case):
    original, noisy = _pair(*map(int, case.split()[1:]))
    assert st_lpips(noisy, original, case.split()[0])[0] == pytest.approx(
        REFS["st_lpips"][case], abs=1e-6
    )


@needs_stlpips
def test_st_lpips_of_a_batch_against_one_reference():
    original, noisy = _pair(48, 57)
    images = np.concatenate([noisy, original, 0.5 * noisy])
    figures = st_lpips(images, original)
    np.testing.assert_allclose(
        figures, st_lpips(images, np.repeat(original, 3, axis=0)), rtol=0, atol=1e-7
    )
    assert (
        figures[1] == 0
        and figures[0] > 0.05
        and figures.shape == (3,)
        and figures.dtype == np.float64
    )


@pytest.mark.parametrize("shift_tolerant", [False, True])
def test_gradients_are_finite_on_identical_and_on_flat_images(shift_tolerant):
    keras.utils.set_random_seed(0)
    layer = LPIPS("alex", shift_tolerant)
    for image in (_pair(40, 41)[0], np.zeros((1, 40, 41, 3), np.float32)):
        assert np.asarray(layer(image, image))[0] == 0
        assert np.all(np.isfinite(_gradient(layer, image, image)))
        assert np.all(np.isfinite(_gradient(layer, image, 1 - image)))


@pytest.mark.parametrize(
    ("net", "shift_tolerant"), [("alex", False), ("squeeze", False), ("alex", True)]
)
def test_layer_serialises_calls_symbolically_and_stays_frozen(net, shift_tolerant, tmp_path):
    keras.utils.set_random_seed(1)
    layer = LPIPS(net, shift_tolerant, name="distance")
    again = LPIPS.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert not layer.trainable_variables
    original, noisy = _pair(45, 38)
    inputs = keras.Input((None, None, 3)), keras.Input((None, None, 3))
    model = keras.Model(inputs, layer(*inputs))
    assert model.output_shape == (None,)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={"LPIPS": LPIPS})
    expected = np.asarray(layer(noisy, original))
    np.testing.assert_allclose(loaded.predict_on_batch([noisy, original]), expected, rtol=1e-5)


def test_float32_whatever_the_policy():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        original, noisy = _pair(40, 40)
        distance = LPIPS("alex")(noisy, original)
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(distance.dtype) == "float32"


def test_torchvisions_names_and_layout_give_lpips(tmp_path):
    layer = _seeded("squeeze")
    weights = layer.embedding.backbone.get_weights()
    names = ["features.0"]
    for i in (3, 4, 6, 7, 9, 10, 11, 12):
        names += [f"features.{i}.{part}" for part in ("squeeze", "expand1x1", "expand3x3")]
    arrays = {
        "classifier.1.weight": np.zeros((1000, 512, 1, 1)),
        "classifier.1.bias": np.zeros(1000),
    }
    for name, kernel, bias in zip(names, weights[::2], weights[1::2], strict=True):
        arrays |= {f"{name}.weight": kernel.transpose(3, 2, 0, 1), f"{name}.bias": bias}
    np.savez(tmp_path / "squeeze.npz", **arrays)
    original, noisy = _pair(64, 64)
    found = lpips(noisy, original, "squeeze", tmp_path / "squeeze.npz")[0]
    assert found == pytest.approx(REFS["lpips"]["squeeze 64 64"], rel=1e-5)
    with pytest.raises(ValueError, match="file of another network"):
        load_lpips("alex", tmp_path / "squeeze.npz")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LPIPS("vgg19"), "alex, squeeze, vgg; got 'vgg19'"),
        (lambda: LPIPS("squeeze", shift_tolerant=True), "alex, vgg; got 'squeeze'"),
        (lambda: st_lpips(np.zeros((1, 31, 40, 3)), np.zeros((1, 31, 40, 3))), "at least 32 x 32"),
        (lambda: lpips(np.zeros((1, 40, 40, 3)), np.zeros((1, 40, 41, 3))), "shape of images"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="this is the JAX run")
def test_the_same_figures_on_jax():
    pytest.importorskip("jax")
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    tests = "alex-64-64"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        str(Path(__file__)),
        "-k",
        tests,
    ]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]

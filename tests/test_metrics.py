"""PSNR and SSIM against scikit-image; what they refuse."""

import subprocess
import sys

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from moclink.metrics import psnr, ssim


def _smooth(rng, height, width):
    """A picture with structure: a random plane wave per channel, in [0, 1]."""
    rows, columns = np.mgrid[:height, :width]
    channels = [
        0.5 + 0.5 * np.sin(rows * rng.uniform(0, 0.6) + columns * rng.uniform(0, 0.6) + rng.uniform(0, 6))
        for _ in range(3)
    ]
    return np.stack(channels, axis=-1).astype(np.float32)


def _flat(value, height, width):
    return np.full((height, width, 3), value, np.float32)


def _cases():
    """Pairs (image, reference) of many sizes, contents and distortions."""
    rng = np.random.default_rng(20)
    for height, width in [(11, 11), (11, 40), (12, 27), (26, 26), (27, 58), (43, 91), (64, 64)]:
        for base in (_smooth(rng, height, width), rng.random((height, width, 3)).astype(np.float32)):
            for sigma in (0.002, 0.05, 0.4):
                noisy = base + rng.normal(0, sigma, base.shape).astype(np.float32)
                yield np.clip(noisy, 0, 1), base
    for bright in (0.0, 0.5, 0.98, 1.0):
        patch = _flat(bright, 30, 33)
        step = np.float32(1 / 255)
        speck = np.clip(patch + step * rng.integers(-1, 2, patch.shape), 0, 1).astype(np.float32)
        yield speck, patch
        yield _flat(abs(bright - 0.01), 30, 33), patch
        yield speck, np.clip(speck[::-1], 0, 1)


CASES = list(_cases())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_psnr_and_ssim_equal_scikit_image(dtype):
    for image, reference in CASES:
        image, reference = image.astype(dtype), reference.astype(dtype)
        x, y = image.astype(np.float64), reference.astype(np.float64)
        expected = structural_similarity(
            x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1, channel_axis=-1
        )
        assert ssim(image[None], reference[None])[0] == pytest.approx(expected, abs=1e-9)
        expected = peak_signal_noise_ratio(y, x, data_range=1)
        assert psnr(image[None], reference[None])[0] == pytest.approx(expected, abs=1e-9)


def test_a_batch_is_scored_image_by_image():
    rng = np.random.default_rng(3)
    images, references = rng.random((2, 5, 23, 38, 3)).astype(np.float32)
    for metric in (psnr, ssim):
        figures = metric(images, references)
        assert figures.shape == (5,) and figures.dtype == np.float64
        one_by_one = [metric(x[None], y[None])[0] for x, y in zip(images, references, strict=True)]
        np.testing.assert_allclose(figures, one_by_one, rtol=0, atol=1e-12)
        against_one = [metric(x[None], references[:1])[0] for x in images]
        np.testing.assert_allclose(metric(images, references[:1]), against_one, rtol=0, atol=1e-12)


def test_identical_images():
    image = _smooth(np.random.default_rng(5), 31, 20)[None]
    assert psnr(image, image)[0] == np.inf
    assert ssim(image, image)[0] == pytest.approx(1.0, abs=1e-12)


def test_psnr_of_a_known_error_and_of_tiny_images():
    black, grey = np.zeros((1, 1, 2, 3)), np.full((1, 1, 2, 3), 0.1)
    assert psnr(grey, black)[0] == pytest.approx(20.0, abs=1e-9)


@pytest.mark.parametrize("shape", [(1, 10, 11, 3), (1, 11, 10, 3), (2, 1, 1, 3)])
def test_ssim_below_its_window_is_refused_as_in_scikit_image(shape):
    image = np.zeros(shape)
    with pytest.raises(ValueError, match="at least 11 x 11"):
        ssim(image, image)


@pytest.mark.parametrize("metric", [psnr, ssim])
@pytest.mark.parametrize(
    ("images", "reference", "message"),
    [
        (np.zeros((16, 16, 3)), np.zeros((16, 16, 3)), r"\[B, H, W, 3\]"),
        (np.zeros((1, 16, 16, 1)), np.zeros((1, 16, 16, 1)), r"\[B, H, W, 3\]"),
        (np.zeros((2, 16, 16, 3)), np.zeros((2, 16, 17, 3)), "shape of images"),
        (np.zeros((4, 16, 16, 3)), np.zeros((2, 16, 16, 3)), "shape of images"),
        (np.zeros((1, 16, 16, 3), np.uint8), np.zeros((1, 16, 16, 3)), "uint8"),
        (np.full((1, 16, 16, 3), 255.0), np.zeros((1, 16, 16, 3)), "to 255"),
        (np.full((1, 16, 16, 3), np.nan), np.zeros((1, 16, 16, 3)), "nan"),
        (np.zeros((1, 16, 16, 3)), np.full((1, 16, 16, 3), -0.5), "reference must lie"),
    ],
)
def test_what_is_no_image_is_refused(metric, images, reference, message):
    with pytest.raises(ValueError, match=message):
        metric(images, reference)


def test_psnr_and_ssim_load_no_framework():
    script = (
        "import sys, numpy as np; from moclink.metrics import psnr, ssim; x = np.zeros((1, 12, 12, 3));"
        "psnr(x, x), ssim(x, x); sys.exit(bool({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0

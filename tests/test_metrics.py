"""PSNR and SSIM against scikit-image, MS-SSIM against TensorFlow's figures; what they refuse."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from moclink.images import read_image, sample_paths, to_float
from moclink.metrics import ms_ssim, ms_ssim_db, psnr, psnr_y, ssim


def _smooth(rng, height, width):
    """A picture with structure: a random plane wave per channel, in [0, 1]."""
    rows, columns = np.mgrid[:height, :width]
    channels = [
        0.5
        + 0.5
        * np.sin(rows * rng.uniform(0, 0.6) + columns * rng.uniform(0, 0.6) + rng.uniform(0, 6))
        for _ in range(3)
    ]
    return np.stack(channels, axis=-1).astype(np.float32)


def _flat(value, height, width):
    return np.full((height, width, 3), value, np.float32)


def _cases():
    """Pairs (image, reference) of many sizes, contents and distortions."""
    rng = np.random.default_rng(20)
    for height, width in [(11, 11), (11, 40), (12, 27), (26, 26), (27, 58), (43, 91), (64, 64)]:
        for base in (
            _smooth(rng, height, width),
            rng.random((height, width, 3)).astype(np.float32),
        ):
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
            x,
            y,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1,
            channel_axis=-1,
        )
        assert ssim(image[None], reference[None])[0] == pytest.approx(expected, abs=1e-9)
        expected = peak_signal_noise_ratio(y, x, data_range=1)
        assert psnr(image[None], reference[None])[0] == pytest.approx(expected, abs=1e-9)


def _reference_pair(height, width, deviation, kind):
    """A crop of a sample and what became of it, as in tests/refs/make_ms_ssim.py."""
    lake = next(path for path in sample_paths() if path.stem == "lake")
    original = to_float(read_image(lake)[40 : 40 + height, 30 : 30 + width])
    if kind == "grey":
        return np.full_like(original, 0.5), original
    if kind == "negative":
        return 1 - original, original
    if kind == "coarse":
        return np.rint(original * 7).astype(np.float32) / 7, original
    noise = np.random.default_rng(height).normal(0, deviation, original.shape)
    return np.clip(original + noise, 0, 1).astype(np.float32), original


MS_SSIM = json.loads((Path(__file__).parent / "refs" / "ms_ssim.json").read_text())["values"]


@pytest.mark.parametrize("stored", MS_SSIM, ids=lambda case: f"{case[0]}x{case[1]}-{case[3]}")
def test_ms_ssim_equals_tensorflow(stored):
    *case, expected = stored
    image, original = _reference_pair(*case)
    assert ms_ssim(image[None], original[None])[0] == pytest.approx(expected, abs=1e-4)


def test_ms_ssim_in_db_and_of_equal_images():
    image, original = _reference_pair(161, 202, 0.1, "noise")
    expected = -10 * np.log10(1 - ms_ssim(image[None], original[None])[0])
    assert ms_ssim_db(image[None], original[None])[0] == pytest.approx(expected, rel=1e-12)
    assert ms_ssim(original[None], original[None])[0] == pytest.approx(1, abs=1e-12)
    assert ms_ssim_db(original[None], original[None])[0] == np.inf
    batch = np.stack([image, original])
    figures = ms_ssim(batch, original[None])
    np.testing.assert_allclose(figures, ms_ssim(batch, np.stack([original, original])), atol=1e-12)
    assert figures[0] < figures[1]


@pytest.mark.parametrize("shape", [(1, 160, 300, 3), (1, 300, 160, 3)])
def test_ms_ssim_below_its_window_is_refused(shape):
    with pytest.raises(ValueError, match="MS-SSIM needs images of at least 161 x 161"):
        ms_ssim(np.zeros(shape), np.zeros(shape))


def test_psnr_of_luma_is_that_of_matlab_but_for_its_range():
    image, original = _reference_pair(161, 202, 0.1, "noise")
    # scikit-image's rgb2ycbcr is MATLAB's: Y from 16 to 235.
    luma = [rgb2ycbcr(x.astype(np.float64))[..., 0] for x in (image, original)]
    matlab = peak_signal_noise_ratio(*luma, data_range=255)
    expected = matlab - 20 * np.log10(255 / 219)
    # The matrix of rgb2ycbcr has three decimals.
    assert psnr_y(image[None], original[None])[0] == pytest.approx(expected, abs=1e-3)
    grey = (
        np.repeat(image[None, :, :, :1], 3, axis=3),
        np.repeat(original[None, :, :, :1], 3, axis=3),
    )
    assert psnr_y(*grey)[0] == pytest.approx(psnr(*grey)[0], abs=1e-9)
    assert psnr_y(original[None], original[None])[0] == np.inf


def test_a_batch_is_scored_image_by_image():
    rng = np.random.default_rng(3)
    images, references = rng.random((2, 5, 23, 38, 3)).astype(np.float32)
    for metric in (psnr, psnr_y, ssim):
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


@pytest.mark.parametrize("metric", [psnr, psnr_y, ssim, ms_ssim])
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
        (np.ma.zeros((1, 16, 16, 3)), np.zeros((1, 16, 16, 3)), "images is a masked array"),
        (np.zeros((1, 16, 16, 3)), np.ma.zeros((1, 16, 16, 3)), "reference is a masked array"),
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

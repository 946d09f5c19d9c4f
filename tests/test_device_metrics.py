"""Metrics on a device of PyTorch, here the CPU, against `moclink.metrics`."""

import numpy as np
import pytest

from moclink import metrics

pytest.importorskip("torch", reason="these metrics run on PyTorch")

from moclink import device_metrics
from moclink.device_metrics import functions


@pytest.fixture
def pairs():
    def make(batch, height, width, references=1, dtype=np.float32):
        rng = np.random.default_rng([batch, height, width])
        rows, columns = np.mgrid[:height, :width]
        smooth = 0.5 + 0.4 * np.sin(rows / 9)[..., None] * np.cos(columns / 7)[..., None]
        reference = np.clip(smooth + 0.05 * rng.normal(size=(references, height, width, 3)), 0, 1)
        noise = np.linspace(0.01, 0.2, batch)[:, None, None, None]
        images = reference + noise * rng.normal(size=(batch, height, width, 3))
        return np.clip(images, 0, 1).astype(dtype), reference.astype(dtype)

    return make


ON_CPU = {
    "psnr": metrics.psnr,
    "ssim": metrics.ssim,
    "ms-ssim": metrics.ms_ssim,
    "ms-ssim-db": metrics.ms_ssim_db,
}


@pytest.mark.parametrize("shape", [(3, 161, 170, 1), (2, 177, 163, 2)])
@pytest.mark.parametrize("name", ON_CPU)
def test_figures_are_those_of_the_cpu(name, shape, pairs):
    images, reference = pairs(*shape)
    found = functions("cpu")[name](images, reference)
    assert found.shape == (len(images),) and found.dtype == np.float64
    np.testing.assert_allclose(found, ON_CPU[name](images, reference), rtol=1e-10)


def test_small_pictures_and_double_precision(pairs):
    for shape in ((1, 11, 11), (2, 12, 30)):
        images, reference = pairs(*shape, dtype=np.float64)
        for name in ("psnr", "ssim"):
            found = functions("cpu")[name](images, reference)
            np.testing.assert_allclose(found, ON_CPU[name](images, reference), rtol=1e-10)


def test_identical_pictures(pairs):
    image = pairs(1, 180, 170)[1]
    found = {name: function(image, image)[0] for name, function in functions("cpu").items()}
    assert found["psnr"] == found["ms-ssim-db"] == np.inf
    assert found["ssim"] == pytest.approx(1, abs=1e-12)
    assert found["ms-ssim"] == pytest.approx(1, abs=1e-12)


def test_anticorrelated_pictures_have_no_negative_ms_ssim(pairs):
    image = pairs(1, 161, 161)[1]
    assert functions("cpu")["ms-ssim"](1 - image, image)[0] == metrics.ms_ssim(1 - image, image)[0]


def test_what_is_refused(pairs):
    images, reference = pairs(1, 160, 10)
    with pytest.raises(ValueError, match="SSIM needs images of at least 11 x 11"):
        functions("cpu")["ssim"](images, reference)
    with pytest.raises(ValueError, match="MS-SSIM needs images of at least 161 x 161"):
        functions("cpu")["ms-ssim"](images, reference)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        device_metrics.psnr(images + 1, reference, "cpu")

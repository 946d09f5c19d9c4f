"""Design of codebooks: known optima and bounds."""

import numpy as np
import pytest

from moclink.linear.codebook_design import design, distortion, source
from moclink.linear.codebooks import Codebook


def test_without_noise_one_level_is_the_quantiser_of_max():
    # J. Max, "Quantizing for minimum distortion", 1960: 8 levels, unit Gaussian, mean squared error
    # 0.03454.
    book, error = design(1, 1, 40.0, "gaussian", rounds=80)
    assert error == pytest.approx(0.03454, rel=0.01)
    np.testing.assert_allclose(
        np.sort(np.abs(book.codes.ravel()))[::2], [0.245, 0.756, 1.344, 2.152], atol=0.03
    )


@pytest.mark.parametrize("snr_db", [0.0, 5.0, 10.0])
def test_gaussian_optimum_of_the_channel(snr_db):
    # At L = 1 a linear code is optimal for a Gaussian: 1 / (1 + SNR) is the bound (OPTA). Eight
    # amplitudes cannot reach it, but come within 1.2 dB of it at 0 to 10 dB.
    _, error = design(1, 1, snr_db, "gaussian", rounds=40)
    bound = 1 / (1 + 10 ** (snr_db / 10))
    assert bound < error < bound * 10**0.17


def test_no_gaussian_codebook_is_below_opta():
    for size, levels, snr_db in ((1, 2, 5.0), (2, 1, 10.0)):
        _, error = design(size, levels, snr_db, "gaussian", rounds=6)
        assert error > (1 + 10 ** (snr_db / 10)) ** (-levels / size)


def test_distortion_of_an_open_channel():
    # Two useful amplitudes without noise: the sign, and its mean magnitude sqrt(2 / pi).
    codes = np.repeat([-1.0, 1.0], 4)[None, :, None] * np.sqrt(2 / np.pi)
    amplitudes = np.repeat([-1.0, 1.0], 4)[None] * np.sqrt(0.5)
    book = Codebook(codes, amplitudes, np.full((1, 8), 1 / 8), 0.0, 1e-9)
    error, energy = distortion(book, source("gaussian", 1))
    assert error == pytest.approx(1 - 2 / np.pi, rel=1e-4)
    assert energy == pytest.approx(0.5)


@pytest.mark.parametrize(("kind", "kurtosis"), [("gaussian", 3.0), ("laplacian", 6.0)])
def test_sources_have_unit_variance_and_their_kurtosis(kind, kurtosis):
    line = source(kind, 1)
    moments = [line.weights @ line.points[:, 0] ** power for power in (1, 2, 4)]
    assert moments == pytest.approx([0, 1, kurtosis], rel=1e-3, abs=1e-9)
    vectors = source(kind, 3)
    assert vectors.points.shape == (len(vectors.weights), 3)
    assert [vectors.points.mean(), vectors.points.var()] == pytest.approx([0, 1], abs=1e-9)
    with pytest.raises(ValueError, match="kind is 'uniform'; give gaussian or laplacian"):
        source("uniform", 1)

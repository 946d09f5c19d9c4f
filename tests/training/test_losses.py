import numpy as np
import pytest
from keras import ops

from moclink.training import losses


@pytest.fixture
def maps():
    rng = np.random.default_rng(3)
    return rng.normal(size=(2, 2, 5, 4, 3)).astype(np.float32)


def test_features_of_any_unit_have_unit_mean_square(maps):
    for scale in (1e-3, 1.0, 4e3):
        got = ops.convert_to_numpy(losses.unit_mean_square(scale * maps[0]))
        assert np.mean(np.square(got)) == pytest.approx(1, rel=1e-5)
        np.testing.assert_allclose(got, maps[0] / np.sqrt(np.mean(np.square(maps[0]))), rtol=1e-5)
    assert not ops.convert_to_numpy(losses.unit_mean_square(0.0 * maps[0])).any()


def test_gram_is_the_sum_of_outer_products(maps):
    f = maps[0].astype(np.float64)
    expected = np.zeros((2, 3, 3))
    for b in range(2):
        for i in range(5):
            for j in range(4):
                expected[b] += np.outer(f[b, i, j], f[b, i, j])
    np.testing.assert_allclose(
        ops.convert_to_numpy(losses.gram(maps[0])), expected / (5 * 4 * 3), rtol=1e-5
    )


def test_style_ignores_where_features_stand(maps):
    shuffled = (
        maps[0].reshape(2, 20, 3)[:, np.random.default_rng(0).permutation(20)].reshape(2, 5, 4, 3)
    )
    assert float(losses.style(maps[0], shuffled)) < 1e-10
    a, b = (np.einsum("bijc,bijd->bcd", m, m) / 60 for m in maps.astype(np.float64))
    expected = ((a - b) ** 2).sum((1, 2)).mean()
    assert float(losses.style(maps[0], maps[1])) == pytest.approx(expected, rel=1e-4)


def test_hinge_losses():
    real, fake = np.float32([[2.0, 0.5]]), np.float32([[-3.0, 0.25]])
    assert float(losses.hinge_discriminator(real, fake)) == pytest.approx(
        (0 + 0.5) / 2 + (0 + 1.25) / 2
    )
    assert float(losses.hinge_generator(fake)) == pytest.approx(2.75 / 2)


def test_psnr_clips_and_is_finite_for_equal_images():
    reference = np.ones((2, 4, 4, 3), np.float32)
    images = reference.copy()
    images[0] = 0.9
    images[1] = 1.5
    np.testing.assert_allclose(
        ops.convert_to_numpy(losses.psnr(images, reference)), [20.0, 100.0], atol=1e-3
    )


def test_feature_and_pixel_terms(maps):
    a, b = maps.astype(np.float64)
    assert float(losses.feature(maps[0], maps[1])) == pytest.approx(((a - b) ** 2).mean(), rel=1e-5)
    assert float(losses.mse(maps[0], maps[1])) == pytest.approx(((a - b) ** 2).mean(), rel=1e-5)
    assert float(losses.l1(maps[0], maps[1])) == pytest.approx(np.abs(a - b).mean(), rel=1e-5)

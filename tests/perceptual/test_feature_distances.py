"""The steps around LPIPS's network against the same in NumPy, in float64."""

import numpy as np
import pytest

from moclink.perceptual.feature_distances import embedded, mean_distance, standardized

LEAST = 1e-20


def _features(seed, shape=(6, 5, 24)):
    rng = np.random.default_rng(seed)
    features = np.maximum(rng.normal(size=shape), 0).astype(np.float32)
    features[2, 3] = 0  # as of a flat patch
    return features


def _expected(features, head):
    exact = features.astype(np.float64)
    norm = np.sqrt(np.maximum(np.square(exact).sum(axis=-1, keepdims=True), LEAST))
    return exact / norm * np.sqrt(head.astype(np.float64))


HEAD = np.random.default_rng(1).random(24).astype(np.float32)


def test_features_have_the_norm_that_the_heads_give_them():
    features = _features(2)
    found = embedded(features, HEAD, LEAST)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, _expected(features, HEAD), rtol=1e-5)
    assert not found[2, 3].any()


def test_the_distance_is_the_mean_over_positions():
    features, other = _features(3), _features(4)
    squares = np.square(_expected(features, HEAD) - _expected(other, HEAD)).sum(axis=-1)
    found = mean_distance(features, embedded(other, HEAD, LEAST), HEAD, LEAST)
    assert found == pytest.approx(squares.mean(), rel=1e-5)


def test_equal_features_are_at_no_distance():
    features = _features(5)
    assert mean_distance(features, embedded(features, HEAD, LEAST), HEAD, LEAST) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pixels_are_shifted_and_scaled_by_channel(dtype):
    image = np.random.default_rng(6).random((4, 7, 3)).astype(dtype)
    shift, scale = np.float32([-0.03, 0.1, 0.2]), np.float32([0.5, 0.4, 0.3])
    found = standardized(image[:, ::2], shift, scale)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, (2 * image[:, ::2] - 1 - shift) / scale, atol=1e-6)

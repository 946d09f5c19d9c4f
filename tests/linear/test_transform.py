"""Transforms: orthonormal, and inverted exactly for any size."""

import numpy as np
import pytest

from moclink.linear import transform


@pytest.mark.parametrize("overlap", [0, 4, 8, 16])
def test_lapped_block_dct_keeps_energy(overlap):
    planes = np.random.default_rng(1).standard_normal((3, 96, 64)).astype(np.float32)
    coefficients = transform.block_dct(planes, 32, overlap)
    assert coefficients.shape == (3, 3, 2, 32, 32)
    np.testing.assert_allclose(np.sum(coefficients**2), np.sum(planes**2), rtol=1e-5)


def test_lapped_block_dct_rows_are_orthonormal():
    basis = np.eye(128, dtype=np.float32).reshape(128, 1, 128)  # 128 pictures of one row, as planes
    matrix = np.stack(
        [transform.block_dct(np.repeat(one[None], 3, 0), 32, 8)[0, 0, :, 0] for one in basis]
    )
    # A row of one pixel is mirrored down to 32 equal rows, so its energy is in vertical frequency
    # 0.
    matrix = matrix.reshape(128, 128) / np.sqrt(32)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(128), atol=2e-6)


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (33, 64), (100, 129)])
@pytest.mark.parametrize("overlap", [0, 8])
def test_block_dct_is_inverted(shape, overlap):
    planes = np.random.default_rng(2).standard_normal((3, *shape)).astype(np.float32)
    found = transform.block_idct(transform.block_dct(planes, 32, overlap), overlap, *shape)
    np.testing.assert_allclose(found, planes, atol=2e-5)


def test_colours_are_orthonormal_and_inverted():
    np.testing.assert_allclose(transform.COLOURS @ transform.COLOURS.T, np.eye(3), atol=1e-12)
    image = np.random.default_rng(3).random((6, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(transform.to_rgb(transform.to_opponent(image)), image, atol=1e-6)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((1, 4, 4, 3), np.uint8),
        np.full((1, 4, 4, 3), 1.5, np.float32),
        np.full((1, 4, 4, 3), np.nan, np.float32),
    ],
)
def test_what_is_no_picture_is_refused(images):
    with pytest.raises(ValueError, match="images|image values"):
        transform.check_images(images)

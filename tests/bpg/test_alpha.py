import numpy as np
import pytest

from moclink.bpg.alpha import add_alpha, multiply_by_white


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_alpha_is_the_fourth_channel_at_8_bits(bit_depth):
    top = 2**bit_depth - 1
    rgb = np.random.default_rng(1).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    alpha = np.random.default_rng(2).integers(0, top + 1, (5, 7)).astype(np.uint16)
    rgba = add_alpha(rgb, alpha, bit_depth, premultiplied=False)
    np.testing.assert_array_equal(rgba[..., :3], rgb)
    np.testing.assert_array_equal(rgba[..., 3], np.floor(alpha * 255.0 / top + 0.5))


def test_premultiplied_colour_is_divided_by_alpha():
    """All 256 x 256 pairs, against the rounded quotient in integers; white where alpha is 0."""
    colour, alpha = (plane.astype(np.uint8) for plane in np.mgrid[:256, :256])
    rgba = add_alpha(np.repeat(colour[..., None], 3, 2), alpha, 8, premultiplied=True)
    c, a = colour.astype(np.int64), np.maximum(alpha, 1).astype(np.int64)
    wanted = np.where((alpha == 0) | (c >= a), 255, (2 * 255 * c + a) // (2 * a))
    np.testing.assert_array_equal(rgba[..., 0], wanted)
    np.testing.assert_array_equal(rgba[..., 3], alpha)


@pytest.mark.parametrize("bit_depth", [8, 12])
def test_white_multiplies_the_colour(bit_depth):
    rgb = np.full((1, 3, 3), 200, np.uint8)
    white = np.array([[0, 2 ** (bit_depth - 1), 2**bit_depth - 1]], np.uint16)
    brightest = int(200 * (1 - 2.0**-bit_depth) + 0.5)
    np.testing.assert_array_equal(
        multiply_by_white(rgb, white, bit_depth)[0, :, 1], [0, 100, brightest]
    )

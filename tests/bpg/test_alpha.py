import numpy as np
import pytest

from moclink import bpg
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


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("chroma", ["gray", "420", "444"])
def test_alpha_at_small_sizes(chroma, bits, lossless_files):
    for height, width in [(1, 1), (2, 3), (9, 16), (17, 5)]:
        planes = lossless_files.random_planes(height, width, chroma, bits, width)
        (alpha,) = lossless_files.random_planes(height, width, "gray", bits, width + 1)
        rgb = lossless_files.expected_rgb(planes, chroma, bits)
        for flags in (0, 4):  # 4: premultiplied
            image = bpg.decode(
                lossless_files.write_bpg([planes], chroma, bits, flags, alpha), strict=True
            )
            np.testing.assert_array_equal(
                image, add_alpha(rgb, alpha, bits, premultiplied=flags == 4)
            )


def test_cmyk(lossless_files):
    planes, (white,) = (
        lossless_files.random_planes(9, 12, "444", 8, 1),
        lossless_files.random_planes(9, 12, "gray", 8, 2),
    )
    image = bpg.decode(
        lossless_files.write_bpg([planes], "444", 8, 16, white, cmyk=True), strict=True
    )
    np.testing.assert_array_equal(
        image, multiply_by_white(lossless_files.expected_rgb(planes, "444", 8, "rgb"), white, 8)
    )

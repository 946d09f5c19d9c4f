import numpy as np
import pytest

from moclink.bpg import color

# (k_r, k_b) of ITU-R BT.601, BT.709 and BT.2020.
STANDARDS = {
    "ycbcr-bt601": (0.299, 0.114),
    "ycbcr-bt709": (0.2126, 0.0722),
    "ycbcr-bt2020": (0.2627, 0.0593),
}


def exact_rgb(ycc: np.ndarray, k_r: float, k_b: float) -> np.ndarray:
    """RGB from Y in 0..1 and Cb, Cr in -0.5..0.5, by the definition of YCbCr, in float64."""
    luma, cb, cr = np.moveaxis(ycc, -1, 0)
    red, blue = luma + 2 * (1 - k_r) * cr, luma + 2 * (1 - k_b) * cb
    green = (luma - k_r * red - k_b * blue) / (1 - k_r - k_b)
    return 255 * np.clip(np.stack([red, green, blue], -1), 0, 1)


@pytest.mark.parametrize("bit_depth", [8, 9, 10, 12])
@pytest.mark.parametrize("limited_range", [False, True])
@pytest.mark.parametrize("standard", STANDARDS)
def test_to_rgb_is_the_rounded_definition(standard, limited_range, bit_depth):
    one, top = 2 ** (bit_depth - 8), 2**bit_depth - 1
    samples = np.random.default_rng(1).integers(0, top + 1, (100, 300, 3)).astype(np.uint16)
    luma_step, chroma_step, black = (
        (219 * one, 224 * one, 16 * one) if limited_range else (top, top, 0)
    )
    scaled = (samples - np.array([black, 128 * one, 128 * one])) / [
        luma_step,
        chroma_step,
        chroma_step,
    ]
    exact = exact_rgb(scaled, *STANDARDS[standard])
    found = color.to_rgb(list(np.moveaxis(samples, -1, 0)), standard, limited_range, bit_depth)
    # Rounding alone is 0.5; each weight is half of 2^-22 wrong at most, times 3 samples.
    assert np.abs(found - exact).max() <= 0.5 + 3 * top * 2**-23


def test_to_rgb_of_ycgco_and_rgb():
    rgb = np.random.default_rng(2).integers(0, 64, (70, 20, 3)) * 4
    red, green, blue = np.moveaxis(rgb, -1, 0)
    # ITU-T H.273, matrix_coeffs 8: exact where all are multiples of 4.
    luma, cg, co = (
        (red + 2 * green + blue) // 4,
        (2 * green - red - blue) // 4 + 128,
        (red - blue) // 2 + 128,
    )
    planes = [plane.astype(np.uint8) for plane in (luma, cg, co)]
    np.testing.assert_array_equal(color.to_rgb(planes, "ycgco", False), rgb)
    planes = [plane.astype(np.uint8) for plane in (green, blue, red)]
    np.testing.assert_array_equal(color.to_rgb(planes, "rgb", False), rgb)


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_ycgco_of_limited_range_scales_chroma_as_luma(bit_depth):
    """The reference's reading of the format: 255 / 219 for all three planes."""
    one = 2 ** (bit_depth - 8)
    luma, cg, co = np.random.default_rng(3).integers(0, 256 * one, (3, 60, 40))
    first, second = cg - 128 * one, co - 128 * one
    exact = np.stack([luma - first + second, luma + first, luma - first - second], -1) - 16 * one
    exact = np.clip(exact * 255 / (219 * one), 0, 255)
    planes = [plane.astype(np.uint16) for plane in (luma, cg, co)]
    found = color.to_rgb(planes, "ycgco", True, bit_depth)
    assert np.abs(found - exact).max() <= 0.5 + 3 * 256 * one * 2**-23


def test_grey_and_limited_range():
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 256)
    np.testing.assert_array_equal(color.to_rgb([ramp], "ycbcr-bt601", False)[0, :, 1], ramp[0])
    limited = color.to_rgb([ramp], "ycbcr-bt601", True)[0, :, 0]
    exact = np.clip((np.arange(256) - 16) * 255 / 219, 0, 255)
    assert np.abs(limited - exact).max() <= 0.5 + 255 * 2**-22


def test_to_planes_is_bt601_rounded():
    rng = np.random.default_rng(3)
    corners = np.array([[r, g, b] for r in (0, 255) for g in (0, 255) for b in (0, 255)], np.uint8)
    image = np.concatenate([rng.integers(0, 256, (90, 8, 3), np.uint8), corners[None]])
    red, green, blue = np.moveaxis(image.astype(float), -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    exact = [luma, (blue - luma) / 1.772 + 128, (red - luma) / 1.402 + 128]
    for found, wanted in zip(color.to_planes(image, "444"), exact, strict=True):
        # 16-bit weights: three products of 8 bits, each half a unit wrong at most.
        assert np.abs(found - np.clip(wanted, 0, 255)).max() <= 0.5 + 3 * 255 * 2**-17
    np.testing.assert_array_equal(
        color.to_planes(image, "gray")[0], color.to_planes(image, "444")[0]
    )
    assert len(color.to_planes(image, "gray")) == 1


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (2, 2), (13, 300), (187, 250)])
def test_decimated_chroma_is_the_filter_and_keeps_flat_colour(height, width):
    flat = np.empty((height, width, 3), np.uint8)
    flat[:] = (200, 40, 90)
    for plane in color.to_planes(flat, "420")[1:]:
        assert plane.shape == ((height + 1) // 2, (width + 1) // 2)
        assert (plane == plane[0, 0]).all()
    image = np.random.default_rng(4).integers(60, 190, (height, width, 3), np.uint8)
    red, green, blue = np.moveaxis(image.astype(float), -1, 0)
    blueness = (blue - 0.299 * red - 0.587 * green - 0.114 * blue) / 1.772 + 128
    padded = np.pad(blueness, [(2, 2 + height % 2), (2, 2 + width % 2)], mode="edge")
    taps = np.array([-13, 14, 63, 63, 14, -13]) / 128
    for axis in (0, 1):
        padded = np.apply_along_axis(
            lambda line: np.convolve(line, taps, mode="valid")[::2], axis, padded
        )
    # Chroma is rounded to 1/64 before the filter, whose taps' magnitudes sum to 180/128 in each
    # direction.
    allowed = 0.5 + (1 / 128 + 3 * 255 * 2**-17) * (180 / 128) ** 2
    assert np.abs(color.to_planes(image, "420")[1] - padded).max() <= allowed

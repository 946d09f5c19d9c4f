import numpy as np
import pytest

from moclink.bpg import color

TAPS = [-1, 4, -10, 57, 18, -6, 2]  # / 64


def interpolated(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """The interpolation one sample at a time, as its definition reads."""
    rows, columns = plane.shape

    def weights(at: int, count: int) -> list[tuple[int, int]]:
        step = 1 if at % 2 else -1
        return [(min(max(at // 2 + step * (k - 3), 0), count - 1), tap) for k, tap in enumerate(TAPS)]

    out = np.empty((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            total = sum(
                down * across * int(plane[row, column])
                for row, down in weights(y, rows)
                for column, across in weights(x, columns)
            )
            out[y, x] = min(max((total + 2048) >> 12, 0), 255)
    return out


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 8), (2, 3), (7, 6), (15, 18), (131, 5)])
def test_upsample_is_the_seven_tap_filter(height, width):
    plane = np.random.default_rng(height).integers(0, 256, ((height + 1) // 2, (width + 1) // 2), np.uint8)
    np.testing.assert_array_equal(color.upsample(plane, height, width), interpolated(plane, height, width))


def test_down_taps_are_the_least_squares_ones():
    """The symmetric taps d that minimise E|x - U D x|^2 for an AR(1) signal of correlation 0.95."""
    n = 64
    up = np.zeros((2 * n, n))
    for i in range(n):
        for k, tap in enumerate(TAPS):
            up[2 * i + 1, (i + k - 3) % n] += tap / 64
            up[2 * i, (i - k + 3) % n] += tap / 64
    pairs = []
    for k in range(3):
        down = np.zeros((n, 2 * n))
        for i in range(n):
            down[i, (2 * i - k) % (2 * n)] += 1
            down[i, (2 * i + 1 + k) % (2 * n)] += 1
        pairs.append(up @ down)
    lag = np.abs(np.subtract.outer(np.arange(2 * n), np.arange(2 * n)))
    correlation = 0.95 ** np.minimum(lag, 2 * n - lag)
    normal = [[np.trace(one @ correlation @ other.T) for other in pairs] for one in pairs]
    half = np.linalg.solve(normal, [np.trace(one @ correlation) for one in pairs])
    taps = 128 * np.concatenate([half[::-1], half]) / (2 * half.sum())
    np.testing.assert_allclose(color._DOWN_TAPS, taps, atol=0.5)
    assert sum(color._DOWN_TAPS) == 128


# (k_r, k_b) of ITU-R BT.601, BT.709 and BT.2020.
STANDARDS = {"ycbcr-bt601": (0.299, 0.114), "ycbcr-bt709": (0.2126, 0.0722), "ycbcr-bt2020": (0.2627, 0.0593)}


def exact_rgb(ycc: np.ndarray, k_r: float, k_b: float) -> np.ndarray:
    """RGB from Y in 0..1 and Cb, Cr in -0.5..0.5, by the definition of YCbCr, in float64."""
    luma, cb, cr = np.moveaxis(ycc, -1, 0)
    red, blue = luma + 2 * (1 - k_r) * cr, luma + 2 * (1 - k_b) * cb
    green = (luma - k_r * red - k_b * blue) / (1 - k_r - k_b)
    return 255 * np.clip(np.stack([red, green, blue], -1), 0, 1)


@pytest.mark.parametrize("limited_range", [False, True])
@pytest.mark.parametrize("standard", STANDARDS)
def test_to_rgb_is_the_rounded_definition(standard, limited_range):
    samples = np.random.default_rng(1).integers(0, 256, (100, 300, 3), np.uint8)
    luma_step, chroma_step, black = (219, 224, 16) if limited_range else (255, 255, 0)
    scaled = (samples - np.array([black, 128, 128])) / [luma_step, chroma_step, chroma_step]
    exact = exact_rgb(scaled, *STANDARDS[standard])
    found = color.to_rgb(list(np.moveaxis(samples, -1, 0)), standard, limited_range)
    # Rounding alone is 0.5; the weights have 22 fraction bits, times at most 3 samples of 8 bits.
    assert np.abs(found - exact).max() <= 0.5 + 3 * 255 * 2**-22


def test_to_rgb_of_ycgco_and_rgb():
    rgb = np.random.default_rng(2).integers(0, 64, (70, 20, 3)) * 4
    red, green, blue = np.moveaxis(rgb, -1, 0)
    # ITU-T H.273, matrix_coeffs 8: exact where all are multiples of 4.
    luma, cg, co = (red + 2 * green + blue) // 4, (2 * green - red - blue) // 4 + 128, (red - blue) // 2 + 128
    planes = [plane.astype(np.uint8) for plane in (luma, cg, co)]
    np.testing.assert_array_equal(color.to_rgb(planes, "ycgco", False), rgb)
    planes = [plane.astype(np.uint8) for plane in (green, blue, red)]
    np.testing.assert_array_equal(color.to_rgb(planes, "rgb", False), rgb)


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
    np.testing.assert_array_equal(color.to_planes(image, "gray")[0], color.to_planes(image, "444")[0])
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
        padded = np.apply_along_axis(lambda line: np.convolve(line, taps, mode="valid")[::2], axis, padded)
    # Chroma is rounded to 1/64 before the filter, whose taps' magnitudes sum to 180/128 in each direction.
    allowed = 0.5 + (1 / 128 + 3 * 255 * 2**-17) * (180 / 128) ** 2
    assert np.abs(color.to_planes(image, "420")[1] - padded).max() <= allowed

import numpy as np
import pytest

from moclink import bpg
from moclink.bpg import chroma

TAPS = [-1, 4, -10, 57, 18, -6, 2]  # / 64
MIDDLE = [-1, 4, -11, 40, 40, -11, 4, -1]  # / 64


def interpolated(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """The interpolation one sample at a time, as its definition reads."""
    rows, columns = plane.shape

    def weights(at: int, count: int) -> list[tuple[int, int]]:
        step = 1 if at % 2 else -1
        return [
            (min(max(at // 2 + step * (k - 3), 0), count - 1), tap) for k, tap in enumerate(TAPS)
        ]

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


SIZES = [(1, 1), (1, 8), (2, 3), (7, 6), (15, 18), (131, 5)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_upsample_is_the_seven_tap_filter(height, width):
    plane = np.random.default_rng(height).integers(
        0, 256, ((height + 1) // 2, (width + 1) // 2), np.uint8
    )
    np.testing.assert_array_equal(
        chroma.upsample(plane, height, width), interpolated(plane, height, width)
    )


def taps_at(fraction: float) -> np.ndarray:
    """Taps of the output `fraction` of a sample behind the 4th of 8 inputs, as weights of these inputs."""
    return np.array({0: [0, 0, 0, 64, 0, 0, 0, 0], 0.25: [*TAPS, 0], 0.5: MIDDLE}[fraction])


def line(samples: np.ndarray, outputs: int, sited: bool) -> np.ndarray:
    """A line interpolated in exact numbers: two outputs for each input, 64 times too large."""
    padded = np.pad(samples.astype(np.int64), (4, 4), mode="edge")
    out = []
    for at in range(outputs):
        if sited:  # as in MPEG-2: at the input, then half way to the next
            taps, start = taps_at(0.5 if at % 2 else 0), 1 + at // 2
        elif at % 2:
            taps, start = taps_at(0.25), 1 + at // 2
        else:  # a quarter of a sample before the input: the mirror image
            taps, start = taps_at(0.25)[::-1], at // 2
        out.append(int(taps @ padded[start : start + 8]))
    return np.array(out)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("bit_depth", [8, 9, 10, 12])
@pytest.mark.parametrize("name", ["420", "422", "420-mpeg2", "422-mpeg2"])
def test_upsample_at_every_format_and_bit_depth(name, bit_depth, height, width):
    rows = (height + 1) // 2 if name.startswith("420") else height
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    top = 2**bit_depth - 1
    plane = (
        np.random.default_rng(width).integers(0, top + 1, (rows, (width + 1) // 2)).astype(dtype)
    )
    lines, scale = plane.astype(np.int64), 64
    if name.startswith("420"):
        # The reference keeps 14 bits between the passes.
        columns = [line(column, height, sited=False) for column in plane.T]
        lines = np.floor(np.stack(columns, 1) * 2.0 ** (8 - bit_depth) + 0.5).astype(np.int64)
        scale = 64 * 2 ** (14 - bit_depth)
    exact = np.stack([line(row, width, sited="mpeg2" in name) for row in lines]) / scale
    wanted = np.clip(np.floor(exact + 0.5), 0, top)
    found = chroma.upsample(plane, height, width, name, bit_depth)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, wanted)


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
    np.testing.assert_allclose(chroma.DOWN_TAPS, taps, atol=0.5)
    assert sum(chroma.DOWN_TAPS) == 128


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("name", ["gray", "420", "422", "444", "420-mpeg2", "422-mpeg2"])
def test_every_format_at_small_sizes(name, bits, lossless_files):
    for height, width in [
        (1, 1),
        (1, 2),
        (2, 1),
        (3, 5),
        (4, 4),
        (7, 16),
        (16, 9),
        (17, 17),
        (1, 40),
        (33, 3),
    ]:
        planes = lossless_files.random_planes(height, width, name, bits, 100 * height + width)
        image = bpg.decode(lossless_files.write_bpg([planes], name, bits), strict=True)
        np.testing.assert_array_equal(image, lossless_files.expected_rgb(planes, name, bits))

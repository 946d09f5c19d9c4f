"""Random reductions and crops: sizes, range, and what is drawn."""

import numpy as np
import pytest
from PIL import Image

from moclink.training.picture_crops import random_crop, read_rgb, reduced


@pytest.fixture
def ramp():
    """Red tells the row, green the column: where a crop lies can be read from it."""
    rows, columns = np.mgrid[:40, :90]
    return Image.fromarray(np.stack([rows, columns, 0 * rows], -1).astype(np.uint8))


def test_crops_lie_anywhere_in_the_picture_and_hold_its_pixels(ramp):
    rng, corners = np.random.default_rng(0), set()
    for _ in range(300):
        crop = random_crop(ramp, 38, rng)
        assert crop.shape == (38, 38, 3) and crop.dtype == np.float32
        top, left = np.rint(crop[0, 0, :2] * 255).astype(int)
        expected = np.asarray(ramp)[top : top + 38, left : left + 38] / np.float32(255)
        np.testing.assert_array_equal(crop, expected)
        corners.add((top, left))
    # Each end of either side is left out by chance with probability (1 - 1/53)^300 < 0.004.
    assert {top for top, _ in corners} == {0, 1, 2}
    assert {0, 52} <= {left for _, left in corners}


def test_a_smaller_picture_stays_whole(ramp):
    assert random_crop(ramp, 64, np.random.default_rng(0)).shape == (40, 64, 3)


def test_reductions_lie_within_their_factors(ramp):
    rng = np.random.default_rng(1)
    widths = [reduced(ramp, 0.4, 0.8, rng).width for _ in range(50)]
    assert 36 <= min(widths) < 45 and 60 < max(widths) <= 72
    assert reduced(ramp, 0.001, 0.001, rng).size == (1, 1)


def test_pictures_are_read_as_everywhere(tmp_path):
    path = tmp_path / "picture.png"
    for mode in ("L", "RGB", "P"):
        Image.new(mode, (5, 4)).save(path)
        assert read_rgb(path).mode == "RGB" and read_rgb(path).size == (5, 4)
    seen = Image.new("RGBA", (2, 1), (10, 10, 10, 0))
    seen.putpixel((1, 0), (10, 10, 10, 255))
    seen.save(path)
    assert np.asarray(read_rgb(path)).tolist() == [[[255] * 3, [10] * 3]]  # on white
    Image.fromarray(np.full((2, 2), 0x8000, np.uint16)).save(path)
    assert 127 <= np.asarray(read_rgb(path)).min() <= np.asarray(read_rgb(path)).max() <= 128
    upright = Image.new("RGB", (5, 4)).getexif()
    upright[0x0112] = 6  # EXIF: to be turned by a quarter
    Image.new("RGB", (5, 4)).save(tmp_path / "turned.jpg", exif=upright)
    assert read_rgb(tmp_path / "turned.jpg").size == (4, 5)
    with pytest.raises(ValueError, match="none.png"):
        read_rgb(tmp_path / "none.png")

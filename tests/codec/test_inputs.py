"""Images that are taken, and those that are refused with a reason."""

import numpy as np
import pytest

from moclink.codec.inputs import check_images

GOOD = np.full((1, 2, 3, 3), 0.5, np.float32)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (GOOD[0], r"images have shape \(2, 3, 3\); they must be \[B, H, W, 3\]"),
        (GOOD[..., :2], r"shape \(1, 2, 3, 2\)"),
        (GOOD[:, :0], r"shape \(1, 0, 3, 3\)"),
        (GOOD + 1, r"float32 in 1\.5\.\.1\.5; give floats in \[0, 1\]"),
        (GOOD * np.nan, r"float32 in nan\.\.nan"),
        (GOOD.astype(int), r"int64 in 0\.\.0; give floats"),
        ((255 * GOOD).astype(np.uint8), r"uint8 in 127\.\.127; give floats"),
    ],
)
def test_other_shapes_types_and_ranges_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        check_images(images)


def test_slack_and_integers_are_allowed_where_asked_for():
    check_images(GOOD + np.float32(0.6), slack=0.2)
    with pytest.raises(ValueError, match=r"float32 in 1\.1"):
        check_images(GOOD + np.float32(0.6), slack=0.05)
    check_images((255 * GOOD).astype(np.uint8), integers=True)
    with pytest.raises(ValueError, match=r"give floats in \[0, 1\], or uint8"):
        check_images(GOOD.astype(np.int32), integers=True)

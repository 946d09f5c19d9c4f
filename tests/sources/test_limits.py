"""Limits of formats: told before anything is encoded, with codec, size and reason."""

import pytest

from moclink.sources.limits import FileCodecError, side_problem


@pytest.mark.parametrize(("height", "width"), [(1, 16383), (16383, 1), (16383, 16383)])
def test_the_longest_side_is_within_the_limit(height, width):
    assert side_problem("webp", height, width, 16383) is None


@pytest.mark.parametrize(("height", "width"), [(1, 16384), (16384, 1)])
def test_a_longer_side_is_named_width_first(height, width):
    assert (
        side_problem("webp", height, width, 16383)
        == f"webp takes sides of at most 16383 pixels: the picture has {width} x {height}"
    )


def test_a_file_codecs_error_is_a_value_error():
    """So the command lines show it in one line, as all that is wrong with an input."""
    with pytest.raises(ValueError, match="jpeg cannot"):
        raise FileCodecError("jpeg cannot code 1 x 70000 pixels")

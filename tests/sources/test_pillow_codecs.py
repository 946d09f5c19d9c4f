"""Pillow's formats: which pictures they can hold, and that what is written is read again."""

import numpy as np
import pytest
from PIL import Image

from moclink.chain_factory import make_chain
from moclink.sources.limits import FileCodecError
from moclink.sources.pillow_codecs import AVIF, JPEG, JPEG2000, WEBP, PillowCodec

CODECS = [JPEG, WEBP, AVIF, JPEG2000]
LIMITED = [JPEG, WEBP, AVIF]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (3, 1), (5, 7), (1, 300)])
def test_small_pictures_come_back(codec, height, width):
    image = np.full((height, width, 3), 128, np.uint8)
    assert codec.limit_problem(height, width) is None
    decoded = codec.decode_file(codec.encode_file(image, codec.qualities[-1]), height * width)
    assert decoded.shape == image.shape
    assert np.abs(decoded.astype(int) - 128).max() <= 3


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("codec", LIMITED, ids=lambda codec: codec.name)
def test_the_longest_side_comes_back_and_the_next_is_refused(codec, upright):
    def image(side: int) -> np.ndarray:
        return np.zeros((side, 1, 3) if upright else (1, side, 3), np.uint8)

    longest = image(codec.longest_side)
    assert codec.limit_problem(*longest.shape[:2]) is None
    data = codec.encode_file(longest, codec.qualities[0])
    assert codec.decode_file(data, codec.longest_side).shape == longest.shape

    longer = image(codec.longest_side + 1)
    problem = codec.limit_problem(*longer.shape[:2])
    assert problem is not None
    assert f"{codec.name} takes sides of at most {codec.longest_side} pixels" in problem
    assert f"{longer.shape[1]} x {longer.shape[0]}" in problem
    with pytest.raises(FileCodecError) as caught:
        codec.encode_file(longer, codec.qualities[0])
    assert str(caught.value) == problem


def test_jpeg_2000_has_no_limit_that_a_picture_reaches():
    assert JPEG2000.limit_problem(200_000, 200_000) is None


def test_a_failing_encoder_is_named():
    """A limit that the table got wrong: Pillow's own message, with codec and size."""
    codec = PillowCodec("webp", "WEBP", 10**6)
    with pytest.raises(FileCodecError, match="webp cannot code 16384 x 1 pixels: .*16383"):
        codec.encode_file(np.zeros((1, 16384, 3), np.uint8), 10)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_a_pillow_without_a_format_is_said_before_a_run(codec, monkeypatch):
    codec.check_available()
    monkeypatch.delitem(Image.SAVE, codec.format)
    with pytest.raises(ValueError, match=f"without {codec.format} files; pip install"):
        make_chain(f"{codec.name}-ldpc")


@pytest.mark.parametrize("codec", [JPEG, WEBP, AVIF, JPEG2000], ids=lambda codec: codec.name)
def test_a_quality_that_there_is_not_is_named(codec):
    """Pillow takes -1 for its default of JPEG, NaN for the finest of WebP, 0 for no loss at all."""
    image = np.zeros((16, 16, 3), np.uint8)
    for quality in (-1, 10**6, float("nan"), "30", None, True):
        with pytest.raises(ValueError, match=r"quality is .*; a number from \d+ \(coarsest\) to"):
            codec.encode_file(image, quality)
    assert codec.encode_file(image, np.int64(codec.qualities[3]))

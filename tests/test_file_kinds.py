"""Files that are no pictures are named for what they are, and previews are not taken for pictures."""

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from moclink.images import ImageError, read_image

PIXELS = np.arange(24 * 32 * 3, dtype=np.uint32).reshape(24, 32, 3).astype(np.uint8)


def tiff(path, subfile):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254] = subfile
    Image.fromarray(PIXELS).save(path, "TIFF", tiffinfo=tags)
    return path


@pytest.mark.parametrize("name", ["photo.dng", "photo.nef", "photo.tif"])
def test_the_preview_of_a_raw_file_is_no_picture(tmp_path, name):
    with pytest.raises(
        ImageError, match="its first picture, 32x24, is a smaller version of another"
    ):
        read_image(tiff(tmp_path / name, 1))
    assert np.array_equal(read_image(tiff(tmp_path / "whole.tif", 0)), PIXELS)
    assert np.array_equal(read_image(tiff(tmp_path / "page.tif", 2)), PIXELS)  # one of many pages


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "it is HEIC, which is not read; convert it"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull fetches"),
        (b"\n<!DOCTYPE html><html>Not found", "it is a web page"),
        (b"abc", "not an image that can be read$"),
    ],
)
def test_what_a_file_is_that_cannot_be_read(tmp_path, content, said):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=f"photo.jpg: .*{said}"):
        read_image(path)

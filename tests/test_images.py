"""Reading of pictures: every mode that files come in, and files that are no pictures."""

import numpy as np
import pytest
from PIL import Image

from moclink import images
from moclink.images import ImageError, find_images, read_image, read_pictures


@pytest.fixture
def colours() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (9, 13, 3), np.uint8)


def test_rgb_is_read_as_it_is(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), colours)


def test_grey_and_palette_become_rgb(tmp_path, colours):
    Image.fromarray(colours[..., 0]).save(tmp_path / "grey.png")
    assert np.array_equal(read_image(tmp_path / "grey.png"), np.repeat(colours[..., :1], 3, 2))
    palette = Image.fromarray(colours).quantize(16)
    palette.save(tmp_path / "palette.png")
    assert np.array_equal(read_image(tmp_path / "palette.png"), np.asarray(palette.convert("RGB")))


def test_transparency_is_laid_on_white(tmp_path):
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[..., 3] = [[0, 255, 51], [0, 255, 51]]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png")[0, :, 0], [255, 0, 204])


def test_sixteen_bit_grey_is_scaled_by_257(tmp_path):
    grey = np.array([[0, 257, 65535, 128 * 257 + 100]], np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png")[0, :, 1], [0, 1, 255, 128])


def test_cmyk_jpeg_is_converted(tmp_path, colours):
    cmyk = Image.fromarray(colours).convert("CMYK")
    cmyk.save(tmp_path / "a.jpg", quality=100)
    assert read_image(tmp_path / "a.jpg").shape == (9, 13, 3)


def test_exif_orientation_turns_the_picture_upright(tmp_path, colours):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    Image.fromarray(colours).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png"), np.rot90(colours, -1))


def test_a_picture_too_large_is_refused_before_it_is_decoded(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="13x9 pixels, over 100"):
        read_image(tmp_path / "a.png", max_pixels=100)


def test_every_bad_file_is_named(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "good.png")
    (tmp_path / "text.png").write_text("no picture")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "short.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError) as caught:
        read_pictures(find_images([tmp_path]))
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert "short.png: unreadable or truncated" in lines[0]
    assert "text.png: not an image" in lines[1]


def test_empty_and_missing_inputs_are_named(tmp_path):
    with pytest.raises(ImageError, match=f"folder {tmp_path} holds no image"):
        find_images([tmp_path])
    with pytest.raises(ImageError, match="no such image or folder: .*nowhere"):
        find_images([tmp_path / "nowhere"])


def test_names_are_unique(tmp_path, colours):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        Image.fromarray(colours).save(tmp_path / folder / "a.png")
    names = [p.name for p in read_pictures(find_images([tmp_path / "one", tmp_path / "two"]))]
    assert names == ["one-a.png", "two-a.png"]


def test_uint8_and_float_are_inverse():
    grey = np.arange(256, dtype=np.uint8)
    assert np.array_equal(images.to_uint8(images.to_float(grey)), grey)
    assert np.array_equal(images.to_uint8(np.float32([-0.5, 2.0])), [0, 255])


def test_sample_photographs_ship():
    pictures = read_pictures(images.sample_paths())
    assert len(pictures) == 3
    assert all(max(p.pixels.shape) == 512 for p in pictures)

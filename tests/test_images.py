"""Reading of pictures: every mode that files come in, and files that are no pictures."""

import io
import os
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from moclink import bpg, images
from moclink.images import ImageError, Picture, find_images, read_image, read_pictures


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


def test_cmyk_jpeg_is_converted(tmp_path, colours):
    cmyk = Image.fromarray(colours).convert("CMYK")
    cmyk.save(tmp_path / "a.jpg", quality=100)
    assert read_image(tmp_path / "a.jpg").shape == (9, 13, 3)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(tmp_path, colours, orientation, suffix):
    """By the EXIF standard: where the stored first row and first column belong."""
    upright = {
        1: colours,
        2: colours[:, ::-1],
        3: colours[::-1, ::-1],
        4: colours[::-1],
        5: colours.swapaxes(0, 1),
        6: np.rot90(colours, -1),
        7: colours[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(colours),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(colours).save(tmp_path / f"a.{suffix}", exif=exif)
    assert np.array_equal(read_image(tmp_path / f"a.{suffix}"), upright[orientation])


def test_open_files_are_read_as_their_paths_are(tmp_path, colours):
    """By the headers that Pillow does not hand out too: bits of PNG samples, BPG."""
    wide = tmp_path / "wide.png"
    Image.fromarray(colours[..., 0].astype(np.uint16) * 257).save(wide)
    for path in (wide, Path(__file__).parent / "refs" / "bpg" / "coffee-alpha.bpg"):
        expected = read_image(path)
        with open(path, "rb") as file:
            assert np.array_equal(read_image(file), expected) and not file.closed
        assert np.array_equal(read_image(io.BytesIO(path.read_bytes())), expected)
    written = io.BytesIO()
    Image.fromarray(colours).save(written, "PNG")  # and left at its end, as Pillow takes it
    assert np.array_equal(read_image(written), colours)


def test_an_open_file_that_is_no_picture_is_named(tmp_path):
    with pytest.raises(
        ImageError, match=r"^open file: not an image that can be read \(it is empty"
    ):
        read_image(io.BytesIO())
    (tmp_path / "a.txt").write_text("words")
    with open(tmp_path / "a.txt") as file, pytest.raises(ImageError, match="a.txt: it gives str"):
        read_image(file)
    with pytest.raises(ImageError, match="^None: give the path of an image file, or an open file"):
        read_image(None)


@pytest.mark.parametrize("name", ["coffee-250x187-420-qp20", "coffee-alpha"])
def test_bpg_files_are_read(name):
    path = Path(__file__).parent / "refs" / "bpg" / f"{name}.bpg"
    pixels = bpg.decode(path.read_bytes()).astype(float)
    if pixels.shape[2] == 4:
        opacity = pixels[..., 3:] / 255
        pixels = pixels[..., :3] * opacity + 255 * (1 - opacity)
    assert np.abs(read_image(path) - pixels).max() <= 1


def test_a_truncated_bpg_file_is_refused(tmp_path):
    data = (Path(__file__).parent / "refs" / "bpg" / "coffee-250x187-420-qp20.bpg").read_bytes()
    (tmp_path / "a.bpg").write_bytes(data[:4000])
    with pytest.raises(
        ImageError, match="a.bpg: (file is truncated|the HEVC data cannot be decoded)"
    ):
        read_image(tmp_path / "a.bpg")
    with pytest.raises(ImageError, match="250x187 pixels, over 1000"):
        read_image(tmp_path / "a.bpg", max_pixels=1000)


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
    for folder, pixels in (("one", colours), ("two", colours[::-1])):
        (tmp_path / folder).mkdir()
        Image.fromarray(pixels).save(tmp_path / folder / "a.png")
    names = [p.name for p in read_pictures(find_images([tmp_path / "one", tmp_path / "two"]))]
    assert names == ["one-a.png", "two-a.png"]


def test_a_file_under_several_spellings_counts_once(tmp_path, colours, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(colours).save("a.png")
    Image.fromarray(colours[::-1]).save("b.png")
    Path("link.png").symlink_to("a.png")
    spellings = [
        "a.png",
        "./a.png",
        tmp_path / "a.png",
        f"../{tmp_path.name}/a.png",
        "link.png",
        "b.png",
    ]
    assert find_images(spellings) == [Path("a.png"), Path("b.png")]
    error = capsys.readouterr().err
    assert error.startswith("note: 4 of 6 images are files named before") and error.count("\n") == 1
    assert find_images(["a.png", "b.png"]) == [Path("a.png"), Path("b.png")]
    assert capsys.readouterr().err == ""


def test_a_copy_of_a_picture_is_left_out(tmp_path, colours, capsys):
    """Its name aside it is the same picture, and would get the same noise."""
    Image.fromarray(colours).save(tmp_path / "a.png")
    Image.fromarray(colours).save(tmp_path / "b.bmp")
    assert [picture.name for picture in read_pictures(find_images([tmp_path]))] == ["a"]
    error = capsys.readouterr().err
    assert "b.bmp is the same picture as" in error and error.count("\n") == 1


def test_names_can_be_stored_and_printed(tmp_path, colours):
    names = [
        b"\xff\xe9.png",
        b"new\nline.png",
        b"$x^2_$.png",
        b"_a, b: c.png",
        "\u00e4\u732b.png".encode(),
    ]
    for number, name in enumerate(names):
        Image.fromarray(np.roll(colours, number, 0)).save(tmp_path / "a.png")
        os.rename(bytes(tmp_path / "a.png"), bytes(tmp_path) + b"/" + name)
    found = {picture.name for picture in read_pictures(find_images([tmp_path]))}
    assert found == {"\\xff\\xe9", "new\\nline", "$x^2_$", "_a, b: c", "\u00e4\u732b"}
    assert all(name.isprintable() and name.encode() for name in found)


def test_a_bad_file_with_an_odd_name_is_one_printable_line(tmp_path):
    path = os.fsdecode(bytes(tmp_path) + b"/\xff\n.png")
    Path(path).write_text("no picture")
    with pytest.raises(ImageError) as caught:
        read_pictures([path])
    assert str(caught.value).isprintable() and str(caught.value).encode()


def test_a_picture_of_a_file_holds_no_pixels(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png")
    (picture,) = read_pictures([tmp_path / "a.png"])
    assert (picture.height, picture.width) == (9, 13)
    assert np.array_equal(picture.pixels, colours)
    assert picture.digest == Picture("other", colours).digest
    big = Picture("big", np.zeros((300, 300, 3), np.uint8))
    copy = pickle.loads(pickle.dumps(picture))
    assert len(pickle.dumps(picture)) < 1500 < 300 * 300 * 3 < len(pickle.dumps(big))
    assert (copy.name, copy.digest, copy.height, copy.width) == ("a", picture.digest, 9, 13)
    assert np.array_equal(copy.pixels, colours)
    assert np.array_equal(pickle.loads(pickle.dumps(big)).pixels, big.pixels)


def test_the_folder_of_a_run_is_read_one_picture_at_a_time(tmp_path):
    """The peak of memory does not grow with the number of pictures."""
    rng = np.random.default_rng(1)
    for number in range(12):
        Image.fromarray(rng.integers(0, 256, (256, 256, 3), np.uint8)).save(
            tmp_path / f"{number}.png"
        )
    paths = find_images([tmp_path])
    read_pictures(paths[:1])
    tracemalloc.start()
    pictures = read_pictures(paths)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = 256 * 256 * 3
    assert len(pictures) == 12 and kept < size and peak < 5 * size


def test_a_picture_can_be_loaded_for_machines_without_its_file(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png")
    (picture,) = read_pictures([tmp_path / "a.png"])
    loaded = picture.loaded()
    (tmp_path / "a.png").unlink()
    assert np.array_equal(loaded.pixels, colours) and loaded.digest == picture.digest
    with pytest.raises(ImageError, match="a.png: no such file"):
        picture.pixels  # noqa: B018


def test_a_file_that_has_changed_is_noticed(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png")
    (picture,) = read_pictures([tmp_path / "a.png"])
    Image.fromarray(colours[::-1]).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="has changed since"):
        picture.pixels  # noqa: B018


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_pixels_of_another_kind_are_refused(pixels):
    with pytest.raises(ValueError, match="they must be uint8"):
        Picture("a", pixels)


def test_uint8_and_float_are_inverse():
    grey = np.arange(256, dtype=np.uint8)
    assert np.array_equal(images.to_uint8(images.to_float(grey)), grey)
    assert np.array_equal(images.to_uint8(np.float32([-0.5, 2.0])), [0, 255])
    with pytest.raises(ValueError, match=r"images are uint8; give floats in \[0, 1\]"):
        images.to_uint8(grey)


def test_sample_photographs_ship():
    pictures = read_pictures(images.sample_paths())
    assert len(pictures) == 3
    assert all(max(p.pixels.shape) == 512 for p in pictures)


def test_a_text_too_long_is_named(tmp_path, colours):
    """Pillow refuses comments that unpack to more than a megabyte; the picture itself is whole."""
    text = PngInfo()
    text.add_text("Comment", "x" * 2_000_000, zip=True)
    Image.fromarray(colours).save(tmp_path / "long.png", pnginfo=text)
    with pytest.raises(ImageError, match=r"long\.png: its text is too long; remove its metadata"):
        read_image(tmp_path / "long.png")


def test_a_picture_that_is_transparent_throughout_is_refused(tmp_path):
    """Screen shots with an alpha of zeros would be white."""
    Image.new("RGBA", (4, 4), (9, 9, 9, 0)).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="a.png: every pixel of it is transparent"):
        read_image(tmp_path / "a.png")

"""Pictures of arrays and Pillow's images: what is taken, what it becomes, what is refused."""

import numpy as np
import pytest
from PIL import Image

from moclink.image_arguments import given_pictures
from moclink.image_modes import ImageError
from moclink.images import Picture, sample_paths

PIXELS = np.random.default_rng(1).integers(0, 256, (6, 9, 3)).astype(np.uint8)


def test_one_picture_or_several_are_taken_and_numbered():
    pictures = given_pictures([PIXELS, Picture("mine", PIXELS[::-1]), Image.fromarray(PIXELS[:3])])
    assert [picture.name for picture in pictures] == ["image-1", "mine", "image-3"]
    np.testing.assert_array_equal(pictures[0].pixels, PIXELS)
    np.testing.assert_array_equal(pictures[2].pixels, PIXELS[:3])
    for one in (PIXELS, Image.fromarray(PIXELS), Picture("mine", PIXELS)):
        (picture,) = given_pictures(one)
        np.testing.assert_array_equal(picture.pixels, PIXELS)
    batch = given_pictures(np.stack([PIXELS, PIXELS[::-1]]))  # [B, H, W, 3] is several
    np.testing.assert_array_equal(batch[1].pixels, PIXELS[::-1])
    assert len(given_pictures()) == len(sample_paths())


def test_transparency_is_laid_on_white():
    alpha = np.full((6, 9, 1), 0, np.uint8)
    alpha[:, 4:] = 255
    (picture,) = given_pictures(np.concatenate([PIXELS, alpha], axis=2))
    assert (picture.pixels[:, :4] == 255).all()
    np.testing.assert_array_equal(picture.pixels[:, 4:], PIXELS[:, 4:])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "images is empty; name at least one"),
        ({"a": PIXELS}, "give files or folders, uint8 arrays"),
        (7, "give files or folders, uint8 arrays"),
        ([PIXELS, PIXELS / 255], r"image 2 is float64 \(6, 9, 3\); give uint8"),
        (
            [np.ma.masked_less(PIXELS, 50)],
            "image 1 is a masked array; fill its masked pixels first",
        ),
        ([PIXELS[..., :2]], r"image 1 is uint8 \(6, 9, 2\)"),
        ([PIXELS[:0]], r"image 1 is uint8 \(0, 9, 3\)"),
        (Image.fromarray(np.zeros((2, 2), np.float32)), "mode F, whose range is not known"),
    ],
)
def test_what_is_no_picture_is_refused_with_what_would_be(images, message):
    with pytest.raises(ValueError, match=message):
        given_pictures(images)


def test_grey_pictures_of_every_form_are_one():
    grey = PIXELS[:, :, 0]
    forms = [grey, np.repeat(grey[:, :, None], 3, 2), Image.fromarray(grey), grey[:, :, None]]
    kept = [given_pictures(form)[0] for form in forms]
    assert len({picture.digest for picture in kept}) == 1
    pictures = given_pictures([PIXELS, "moclink/samples/lake.png"])
    assert [picture.name for picture in pictures] == ["lake", "image-1"]


def test_folders_within_folders_and_bad_files(tmp_path, capsys):
    (tmp_path / "a" / "b").mkdir(parents=True)
    Image.fromarray(PIXELS).save(tmp_path / "a" / "b" / "deep.png")
    Image.fromarray(PIXELS[::-1]).save(tmp_path / "top.png")
    (tmp_path / "a" / "bad.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="bad.png: not an image that can be read"):
        given_pictures(tmp_path, recursive=True)
    names = [picture.name for picture in given_pictures(tmp_path, recursive=True, skip_bad=True)]
    assert names == ["deep", "top"]
    assert "note: left out: " in capsys.readouterr().err
    assert [picture.name for picture in given_pictures(tmp_path)] == ["top"]
    with pytest.raises(ValueError, match="bad.png"):  # nothing is left
        given_pictures(tmp_path / "a" / "bad.png", skip_bad=True)


def test_a_copy_of_a_picture_is_left_out_whatever_form_it_has(tmp_path, capsys):
    """Its name aside it is the same picture, and an interval over both would be 0."""
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    forms = [PIXELS, PIXELS.copy(), Image.fromarray(PIXELS), tmp_path / "a.png", PIXELS[::-1]]
    assert [picture.name for picture in given_pictures(forms)] == ["a", "image-4"]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "note: image-1 is the same picture as a: left out" and len(lines) == 3


def test_a_home_that_is_not_known_leaves_the_path_as_it_is(monkeypatch):
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # no HOME, no such user
    with pytest.raises(ValueError, match="no such image or folder: ~/a.png"):
        given_pictures("~/a.png")


def test_addresses_and_open_files_are_answered_with_what_to_give(tmp_path):
    with pytest.raises(ValueError, match=r"https://a.b/c.png is an address; download the picture"):
        given_pictures("https://a.b/c.png")
    (tmp_path / "a.png").write_bytes(b"x")
    with open(tmp_path / "a.png", "rb") as file:
        with pytest.raises(ValueError, match="an open file; give its path, or a Pillow image"):
            given_pictures(file)
    for name in ("recursive", "skip_bad"):
        with pytest.raises(ValueError, match=f"{name} 'no': True or False is needed"):
            given_pictures(None, **{name: "no"})


def test_an_empty_name_is_not_the_folder_one_is_in():
    with pytest.raises(ImageError, match="the name of a picture is empty"):
        given_pictures([""])


def test_pictures_of_one_name_are_told_apart_or_refused(tmp_path):
    """Results are kept by name: the second picture would take the place of the first."""
    Image.fromarray(PIXELS[::-1]).save(tmp_path / "image-1.png")
    pictures = given_pictures([PIXELS, tmp_path / "image-1.png"])
    assert [picture.name for picture in pictures] == ["image-1", "image-1-array"]
    np.testing.assert_array_equal(pictures[1].pixels, PIXELS)
    with pytest.raises(ValueError, match="two pictures are called x"):
        given_pictures([Picture("x", PIXELS), Picture("x", PIXELS[::-1])])


@pytest.mark.parametrize("item", [(PIXELS, 3), {"image": PIXELS}, [PIXELS]])
def test_pairs_of_a_data_set_are_answered_with_what_to_give(item):
    with pytest.raises(ValueError, match="images hold .* pairs with labels or a list; give files"):
        given_pictures([item, PIXELS])

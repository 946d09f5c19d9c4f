"""Which files of a folder are pictures: hidden ones, links, suffixes, folders within folders."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moclink.images import ImageError, find_images, read_pictures
from moclink.picture_folders import is_picture, list_folder
from moclink.results.figures import draw
from moclink.results.store import ResultStore
from moclink.training.picture_lists import fingerprint, list_pictures
from moclink.types import Row


def save(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_what_macos_leaves_beside_a_picture_is_none(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "._a.png").write_bytes(b"\0\5\x16\7" + bytes(4092))  # an AppleDouble file
    save(tmp_path / ".thumbnails" / "b.png")
    for recursive in (False, True):
        assert list_folder(tmp_path, recursive) == [tmp_path / "a.png"]
    assert [picture.name for picture in read_pictures(find_images([tmp_path]))] == ["a"]
    assert list_pictures([tmp_path]) == [tmp_path / "a.png"]
    assert find_images([tmp_path / "._a.png"])  # one that is named is not left out


def test_a_link_whose_file_is_gone_is_named(tmp_path, capsys):
    """As in a data set of links that is not mounted."""
    save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "nowhere" / "b.png")
    with pytest.raises(ImageError, match="b.png: no such file"):
        read_pictures(find_images([tmp_path]))
    assert [p.name for p in read_pictures(find_images([tmp_path]), skip_bad=True)] == ["a"]
    assert "left out" in capsys.readouterr().err
    assert len(fingerprint(list_pictures([tmp_path]))) == 64


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "JPEG", "pnm", "pbm", "j2k"])
def test_other_suffixes_of_formats_that_are_read(tmp_path, suffix):
    save(tmp_path / "a.png")
    form = {"pnm": "PPM", "pbm": "PPM", "j2k": "JPEG2000"}.get(suffix, "JPEG")
    Image.new("RGB", (8, 8), "red").save(tmp_path / f"b.{suffix}", form)
    assert len(read_pictures(find_images([tmp_path]))) == 2


def test_a_stream_is_no_missing_file(tmp_path):
    with pytest.raises(ImageError, match="/dev/null is a stream or device; save the picture"):
        find_images(["/dev/null"])


def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    def walk(folder, onerror):
        onerror(PermissionError(13, "Permission denied", str(folder)))

    monkeypatch.setattr("os.walk", walk)
    with pytest.raises(ImageError, match=r"cannot be read \(Permission denied\)"):
        list_folder(tmp_path)


def test_a_folder_called_like_a_picture_is_none(tmp_path):
    (tmp_path / "a.png").mkdir()
    assert not is_picture(tmp_path / "a.png")


def test_pictures_that_are_not_taken_are_told(tmp_path, capsys):
    save(tmp_path / "a.png")
    for name in ("b.HEIC", "c.dng", "d.tga", "notes.txt", ".e.heic"):
        (tmp_path / name).write_bytes(b"x")
    assert list_folder(tmp_path) == [tmp_path / "a.png"]
    assert "3 files of " in (note := capsys.readouterr().err) and "(.HEIC, .dng, .tga)" in note


def test_a_pattern_that_no_shell_has_read_is_read(tmp_path):
    files = [
        save(tmp_path / name, seed) for seed, name in enumerate(("a.png", "b.png", "c[1].png"))
    ]
    assert find_images([tmp_path / "*.png"]) == files
    assert find_images([tmp_path / "c[1].png"]) == files[2:]  # a file of that name goes first
    with pytest.raises(ImageError, match="no such image or folder: .*z.*png"):
        find_images([tmp_path / "z*.png"])


def test_figures_of_moclink_are_no_pictures(tmp_path, capsys, monkeypatch):
    """Those of runs below the folder, and those that were drawn into it."""
    Image.new("RGB", (8, 8)).save(tmp_path / "gallery.png")  # a user's own
    run = tmp_path / "runs" / "a"
    store = ResultStore(run, {"chains": ["a"], "images": [["x", ""]]})
    store.add([Row("a", "x", 8, 8, 0.0, 0, psnr_db=10.0)])
    store.close()
    draw(run, out=tmp_path)
    Image.new("RGB", (8, 8)).save(run / "gallery.png")  # of an earlier version, without a mark
    assert (tmp_path / "curves.png").is_file()
    assert list_folder(tmp_path, recursive=True) == [tmp_path / "gallery.png"]
    assert "figures of moclink in" in capsys.readouterr().err
    assert list_folder(tmp_path) == [tmp_path / "gallery.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_a_folder_is_left_out_and_said(tmp_path, capsys):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.png")
    assert list_folder(tmp_path) == [tmp_path / "a.png"]
    assert "pipes or devices in" in capsys.readouterr().err

"""What a user's program has set in Pillow changes no picture, and threads leave it as it was."""

import io
import threading

import numpy as np
import pytest
from PIL import Image, ImageFile

from moclink.images import ImageError, read_image
from moclink.pillow_settings import pillow_settings
from moclink.sources.pillow_codecs import JPEG

PIXELS = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)


@pytest.fixture
def cut(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "JPEG")
    path = tmp_path / "cut.jpg"
    path.write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    return path


def test_a_truncated_picture_is_refused_whatever_is_set(cut, monkeypatch):
    """A worker process would refuse it in mid-run, where nothing is set."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(ImageError, match="unreadable or truncated"):
        read_image(cut)
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_limit_of_pixels_makes_no_outage(tmp_path, monkeypatch):
    data = JPEG.encode_file(PIXELS, 90)
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert JPEG.decode_file(data, 4096).shape == PIXELS.shape
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), PIXELS)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_threads_do_not_leave_each_others_settings():
    inside, seen = threading.Barrier(2, timeout=20), []

    def show(value: bool) -> None:
        inside.wait()
        with pillow_settings(value):
            for _ in range(100):
                seen.append(ImageFile.LOAD_TRUNCATED_IMAGES is value)

    threads = [threading.Thread(target=show, args=(value,)) for value in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 200 and all(seen)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False

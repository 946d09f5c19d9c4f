"""Pictures of the validation: centre crops of one size, sent in each way of a list."""

from itertools import islice

import numpy as np
import pytest
from PIL import Image

from moclink.training.link_data import (
    centre_crops,
    send_for_validation,
    validation_labels,
    validation_rows,
)
from moclink.training.link_sending import BLOCK, LinkCodecs


@pytest.fixture
def saved(tmp_path):
    """Saves pictures of some sizes whose pixels tell where they lie."""

    def save(*sizes):
        paths = []
        for number, (rows, columns) in enumerate(sizes):
            y, x = np.mgrid[:rows, :columns]
            pixels = np.stack([y % 256, x % 256, 0 * x], -1).astype(np.uint8)
            paths.append(tmp_path / f"{number}.png")
            Image.fromarray(pixels).save(paths[-1])
        return paths

    return save


def test_crops_lie_in_the_centre_and_small_pictures_are_left_out(saved):
    (crop,) = centre_crops(saved((400, 520), (200, 300)))
    assert crop.shape == (320, 416, 3)
    assert crop[0, 0, :2].tolist() == [(400 - 320) // 2, (520 - 416) // 2]


def test_if_all_are_small_the_crop_is_what_they_have_in_common(saved):
    crops = centre_crops(saved((200, 300), (150, 500)))
    assert {crop.shape for crop in crops} == {(150 // BLOCK * BLOCK, 300 // BLOCK * BLOCK, 3)}


def test_a_picture_is_sent_once_for_each_label_and_the_same_each_time(saved):
    codecs = LinkCodecs.load("linear-classes-32")
    (pixels,) = centre_crops(saved((64, 96)))
    sent = list(send_for_validation(codecs, pixels, seed=3))
    again = list(islice(send_for_validation(codecs, pixels, seed=3), 2))
    labels = validation_labels()
    assert len(sent) == len(labels) == len(set(labels))
    rows, same = validation_rows(sent), validation_rows(again)
    assert all(np.array_equal(rows[name][:2], same[name]) for name in rows)
    assert rows["rec"].dtype == np.float16 and rows["map"].shape == (len(labels), 2, 3, 6)
    for label, (snr_db, *_) in zip(labels, rows["con"], strict=True):
        if label.endswith(" dB"):
            assert snr_db == pytest.approx(float(label.split()[-2]), abs=1e-3)

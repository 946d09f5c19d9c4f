"""Lists of pictures: hold-out, fingerprints, folders that are none."""

import numpy as np
import pytest
from PIL import Image

from moclink.training.picture_lists import fingerprint, hold_out, list_pictures


def test_held_out_pictures_are_on_one_side_only(tmp_path):
    paths = [tmp_path / str(i) for i in range(10)]
    train, kept = hold_out(paths, 3, seed=1)
    assert len(kept) == 3 and sorted(train + kept) == sorted(paths)
    assert hold_out(paths, 3, seed=1) == (train, kept)


@pytest.mark.parametrize(("count", "kept"), [(1, 0), (2, 1), (4, 1), (10, 2), (59, 11), (366, 12)])
def test_without_a_number_a_fifth_is_held_out_and_twelve_at_most(tmp_path, count, kept):
    train, held_out = hold_out([tmp_path / str(i) for i in range(count)])
    assert (len(train), len(held_out)) == (count - kept, kept)


def test_fingerprints_tell_sets_of_pictures_apart(tmp_path):
    for name, side in (("a", 32), ("b", 40)):
        Image.fromarray(np.zeros((side, side, 3), np.uint8)).save(tmp_path / f"{name}.png")
    paths = list_pictures([tmp_path])
    known = fingerprint(paths)
    assert fingerprint(paths[::-1]) == known
    assert fingerprint(paths[:1]) != known
    Image.fromarray(np.zeros((48, 48, 3), np.uint8)).save(tmp_path / "b.png")
    assert fingerprint(paths) != known


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda d: list_pictures([d / "nowhere"]), "no such file or folder"),
        (lambda d: list_pictures([d]), "no pictures"),
        (lambda d: hold_out([d], 1), "--hold-out is 1; of 1 pictures 0 to 0"),
    ],
)
def test_errors_name_what_is_wrong(tmp_path, action, words):
    with pytest.raises(ValueError, match=words):
        action(tmp_path)

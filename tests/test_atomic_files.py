"""A full disk or a kill leaves no half of a file."""

import errno

import pytest

from moclink.atomic_files import atomic_write


def test_a_file_is_replaced_when_it_is_whole(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with atomic_write(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_what_was_there_is_kept_and_what_was_begun_is_removed(tmp_path, error):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(type(error)), atomic_write(path) as part:
        part.write_text("ne")
        raise error
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    if isinstance(error, OSError):
        assert str(error) == f"[Errno {errno.ENOSPC}] No space left: '{path}'"


def test_an_error_of_words_alone_keeps_them(tmp_path):
    with pytest.raises(OSError, match="^no file of this kind$"), atomic_write(tmp_path / "a.csv"):
        raise OSError("no file of this kind")


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "a.csv"
    with atomic_write(path) as one, atomic_write(path) as two:
        one.write_text("one")
        two.write_text("two")
    assert path.read_text() == "one" and list(tmp_path.iterdir()) == [path]

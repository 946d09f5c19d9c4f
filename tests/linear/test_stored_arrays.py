"""Trained arrays by name and by path."""

import pytest

from moclink.linear.stored_arrays import SHIPPED, find_arrays


def test_shipped_names_and_paths(tmp_path, monkeypatch):
    assert find_arrays("octonary-codebooks", "m") == SHIPPED / "octonary-codebooks.npz"
    (tmp_path / "mine.npz").touch()
    assert find_arrays(tmp_path / "mine.npz", "m") == tmp_path / "mine.npz"
    monkeypatch.chdir(tmp_path)
    assert find_arrays("mine.npz", "m").is_file()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_arrays("~/mine.npz", "m") == tmp_path / "mine.npz"
    # Without its ending it is the name of a shipped file, whatever lies here.
    with pytest.raises(
        ValueError, match=r"mine\.npz does not exist; give a shipped name, or run pkg.m"
    ):
        find_arrays("mine", "pkg.m")

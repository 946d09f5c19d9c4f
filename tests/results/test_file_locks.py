"""Locks of file systems: there, taken by another, or not to be had."""

import errno
import subprocess
import sys

import pytest

from moclink.results.file_locks import ABSENT, find_file_problem, find_folder_problem

fcntl = pytest.importorskip("fcntl")


def failing(number):
    def lockf(file, operation):
        raise OSError(number, "a reason")

    return lockf


def test_a_local_folder_has_locks_and_keeps_nothing(tmp_path):
    assert find_folder_problem(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_another_process_has_locked_is_no_problem(tmp_path):
    path = tmp_path / "base"
    path.write_bytes(b"x")
    program = (
        "import fcntl, sys; file = open(sys.argv[1], 'r+b'); fcntl.lockf(file, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        assert find_file_problem(path) == ""
        holder.stdin.close()
    assert find_file_problem(path) == "" and find_file_problem(tmp_path / "none") == ""


@pytest.mark.parametrize("number", ABSENT)
def test_a_file_system_without_locks_says_why(number, tmp_path, monkeypatch):
    (tmp_path / "base").write_bytes(b"x")
    monkeypatch.setattr(fcntl, "lockf", failing(number))
    assert find_folder_problem(tmp_path) == find_file_problem(tmp_path / "base") == "a reason"


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EACCES])
def test_a_lock_that_is_taken_is_no_problem(number, tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "lockf", failing(number))
    assert find_folder_problem(tmp_path) == ""


def test_a_folder_in_which_no_file_can_be_made_is_an_error(tmp_path):
    with pytest.raises(OSError):
        find_folder_problem(tmp_path / "none")

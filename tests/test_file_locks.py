"""Locks of file systems: there, taken by another, or not to be had."""

import errno
import subprocess
import sys

import pytest

from moclink.file_locks import (
    ABSENT,
    TILES_LOCK,
    TRAINING_LOCK,
    FolderLockError,
    find_file_problem,
    find_folder_problem,
    hold_folder,
    lock_folder,
)

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


def test_a_folder_is_held_by_one_process_and_free_when_that_is_killed(
    tmp_path, held_by_another_process
):
    folder = tmp_path / "made" / "by it"
    with held_by_another_process(folder):
        for option in ("--out", "--data"):
            with pytest.raises(FolderLockError, match=f"in use by another.*another {option}"):
                hold_folder(folder, option).__enter__()
        assert [path.name for path in folder.iterdir()] == [TRAINING_LOCK]
    assert (folder / TRAINING_LOCK).exists()
    with hold_folder(folder), hold_folder(folder, "--data", TILES_LOCK):  # a training and its tiles
        pass


def test_a_run_folder_is_locked_until_the_connection_is_closed(tmp_path):
    lock = lock_folder(tmp_path)
    with pytest.raises(FolderLockError, match="in use by another process"):
        lock_folder(tmp_path)
    lock.close()
    lock_folder(tmp_path).close()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_fails_leaves_no_lock_and_no_empty_folder(error, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").touch()
    for folder in (tmp_path / "there", tmp_path / "new" / "folder"):
        with pytest.raises(error), hold_folder(folder):
            raise error
    with pytest.raises(error), hold_folder(tmp_path / "begun"):
        (tmp_path / "begun" / "log.csv").touch()
        raise error
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["begun", "begun/log.csv", "there", "there/mine.txt"]


def test_a_folder_that_cannot_be_held_is_told_with_the_remedy(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(
        FolderLockError, match=r"cannot write to .*file \(File exists\); choose ano"
    ):
        hold_folder(tmp_path / "file").__enter__()
    monkeypatch.setattr(fcntl, "lockf", failing(errno.ENOLCK))
    with pytest.raises(FolderLockError, match=r"no file locks \(a reason\).*an --out on a local"):
        hold_folder(tmp_path / "new").__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]

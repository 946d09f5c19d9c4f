"""Notes of TensorFlow are kept off the terminal, and nothing else is lost."""

import os
import threading

import pytest

from moclink.sweep.tensorflow_log import quietly

NOTE = b"I0000 00:00:1795724518.216727   32513 port.cc:153] oneDNN custom operations are on.\n"


def test_notes_of_tensorflow_are_kept_off_and_what_others_say_is_shown(capfd):
    with quietly(notes_only=True):
        os.write(2, NOTE + b"E: mine\n" + NOTE.replace(b"I", b"E") + b"W0 also mine\n")
    assert capfd.readouterr().err == "E: mine\nW0 also mine\n"
    with quietly():
        os.write(2, NOTE + b"mine\n")
    assert capfd.readouterr().err == ""
    for error, shown in ((RuntimeError, NOTE.decode() + "mine\n"), (ValueError, "")):
        with pytest.raises(error), quietly():
            os.write(2, NOTE + b"mine\n")
            raise error
        assert capfd.readouterr().err == shown


def test_threads_leave_standard_error_where_it_was(capfd):
    """Each would else put back what the other one has set: a file that is gone."""
    before, inside = os.fstat(2), threading.Barrier(3, timeout=20)

    def work() -> None:
        inside.wait()
        for _ in range(20):
            with quietly():
                os.write(2, b"kept off\n")

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = os.fstat(2)
    assert (after.st_dev, after.st_ino) == (before.st_dev, before.st_ino)
    os.write(2, b"mine\n")
    assert capfd.readouterr().err == "mine\n"

"""How much memory a sweep may use."""

import pytest

from moclink.sweep.memory import available_memory, parse_memory


@pytest.mark.parametrize(
    "text,size",
    [("4G", 2**32), ("1.5 GB", 3 * 2**29), ("800M", 800 * 2**20), ("2", 2**31), ("64kib", 2**16)],
)
def test_memory_is_read(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "0", "4X", "1e9"])
def test_malformed_memory_is_refused(text):
    with pytest.raises(ValueError, match="--memory"):
        parse_memory(text)


def test_this_machine_has_some_memory():
    assert available_memory() > 2**20

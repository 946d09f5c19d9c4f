"""Arrays whose memory is used again: never while anything looks at it."""

import threading

import numpy as np
import pytest

from moclink import reused_memory
from moclink.reused_memory import ALIGNMENT, LEAST, ReusedMemory

SHAPE = (3, LEAST // 8)  # 1.5 times LEAST bytes


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_is_used_again_once_its_array_is_gone():
    memory = ReusedMemory()
    first = memory.empty(SHAPE)
    place = address(first)
    del first
    assert address(memory.empty(SHAPE)) == place


@pytest.mark.parametrize("keep", [lambda x: x, lambda x: x[1:], lambda x: memoryview(x[2])])
def test_memory_that_is_looked_at_is_not_given_away(keep):
    memory = ReusedMemory()
    first = memory.empty(SHAPE)
    first[:] = 7
    kept = keep(first)
    del first
    memory.empty(SHAPE)[:] = 8
    assert np.all(np.asarray(kept) == 7)


def test_arrays_are_aligned_contiguous_and_float32():
    memory = ReusedMemory()
    for shape in ((5, LEAST), (1, 300, 1000, 3)):
        array = memory.empty(shape)
        assert array.shape == shape and array.dtype == np.float32
        assert array.flags.c_contiguous and array.flags.writeable
        assert address(array) % ALIGNMENT == 0


def test_a_smaller_array_takes_a_block_of_at_most_twice_its_size():
    memory = ReusedMemory()
    place = address(memory.empty((4 * LEAST,)))
    assert address(memory.empty((3 * LEAST,))) == place
    assert address(memory.empty((LEAST,))) != place


def test_no_more_is_kept_than_allowed():
    memory = ReusedMemory(most=10 * LEAST)
    arrays = [memory.empty((LEAST // 2,)) for _ in range(8)]  # 2 LEAST bytes each
    assert len({address(array) for array in arrays}) == 8
    kept = memory.kept
    assert 6 * LEAST < kept <= 10 * LEAST
    del arrays
    memory.empty((2 * LEAST,))  # 8 LEAST bytes: the small ones go
    assert 8 * LEAST < memory.kept <= 10 * LEAST


@pytest.mark.parametrize("shape", [(0, 5), (7,), (2, 3, 4)])
def test_small_arrays_are_numpys(shape):
    memory = ReusedMemory()
    assert memory.empty(shape).shape == shape
    assert memory.kept == 0


def test_threads_never_share_an_array():
    memory, wrong = ReusedMemory(), []

    def work(number):
        for _ in range(50):
            array = memory.empty((LEAST // 4,))
            array[:] = number
            if not np.all(array == number):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_process_shares_one_memory():
    place = address(reused_memory.empty(SHAPE))
    assert address(reused_memory.empty(SHAPE)) == place

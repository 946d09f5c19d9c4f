"""Batches that are made before they are asked for."""

import threading

import pytest

from moclink.training.link_tiles import Prefetcher, TileFeeder


def test_batches_are_those_of_their_steps_in_any_order():
    prefetch = Prefetcher(lambda step: step**2, depth=2)
    assert [prefetch(step) for step in (5, 6, 7, 0, 7, 6)] == [25, 36, 49, 0, 49, 36]


def test_the_next_batches_are_made_meanwhile_and_each_once():
    made, all_there = [], threading.Event()

    def feed(step):
        made.append(step)
        if len(made) == 4:
            all_there.set()
        return step

    prefetch = Prefetcher(feed, depth=3)
    assert prefetch(0) == 0 and all_there.wait(10)
    assert sorted(made) == [0, 1, 2, 3]
    assert prefetch(1) == 1 and made.count(1) == 1


def test_an_error_in_a_thread_is_raised_at_its_step():
    def feed(step):
        if step == 2:
            raise ValueError("tile 2 is damaged")
        return step

    prefetch = Prefetcher(feed)
    assert [prefetch(0), prefetch(1)] == [0, 1]
    with pytest.raises(ValueError, match="tile 2 is damaged"):
        prefetch(2)


def test_a_folder_without_tiles_is_refused(tmp_path):
    with pytest.raises(ValueError, match=str(tmp_path)):
        TileFeeder(tmp_path, 4)

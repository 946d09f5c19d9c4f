"""Tiles that processes make all the time."""

import numpy as np
import pytest

from moclink.images import sample_paths
from moclink.training.link_sending import PARTS, TILE
from moclink.training.link_stream import TileStream, grid_corners


def test_corners_are_side_by_side_and_inside():
    rng = np.random.default_rng(0)
    for shape in ((128, 128), (300, 420, 3), (768, 1008, 3)):
        corners = grid_corners(shape, rng)
        assert len(set(corners)) == len(corners) == (shape[0] // TILE) * (shape[1] // TILE)
        assert all(t % 32 == 0 and left % 32 == 0 for t, left in corners)
        assert max(t for t, _ in corners) + TILE <= shape[0]
        assert max(left for _, left in corners) + TILE <= shape[1]


def test_workers_make_tiles_and_the_validation(tmp_path):
    stream = TileStream(
        sample_paths()[:1], [np.full((128, 128, 3), 90, np.uint8)], tmp_path, workers=1
    )
    try:
        data = stream.validation()
        tiles: list = []
        while not tiles:
            tiles = list(stream.take())
    finally:
        stream.close()
    assert len(data["label"]) == len(data["rec"]) == 20
    assert tiles[0].keys() == set(PARTS) and tiles[0]["org"].shape[1:] == (TILE, TILE, 3)
    assert len(tiles[0]["con"]) == len(tiles[0]["rec"]) > 1
    with pytest.raises(ChildProcessError, match="has ended"):
        list(stream.take())

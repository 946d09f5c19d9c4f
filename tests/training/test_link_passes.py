"""Passes over the pictures: which are of use, and folders that hold something else."""

import numpy as np
import pytest
from PIL import Image

from moclink.images import sample_paths
from moclink.training.link_passes import TileOptions, make_tiles, usable
from moclink.training.link_sending import LinkCodecs


def test_pictures_that_hold_no_tile_are_named(tmp_path, capsys):
    Image.fromarray(np.zeros((127, 300, 3), np.uint8)).save(tmp_path / "low.png")
    Image.fromarray(np.zeros((128, 128, 3), np.uint8)).save(tmp_path / "tile.png")
    (tmp_path / "text.png").write_text("no picture")
    found = usable([tmp_path / name for name in ("low.png", "tile.png", "text.png")])
    assert found == [tmp_path / "tile.png"]
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 2 and "its shorter side has 127 pixels" in err[0] and "text.png" in err[1]
    with pytest.raises(ValueError, match="no picture can be read and has sides of 128 pixels"):
        usable([tmp_path / "low.png"])


def test_tiles_of_unknown_pictures_are_not_added_to(tmp_path):
    np.save(tmp_path / "pass00_con.npy", np.zeros((1, 4), np.float32))
    with pytest.raises(ValueError, match="tiles without a note of their pictures; leave the pict"):
        make_tiles(
            sample_paths(), tmp_path, LinkCodecs.load("linear-classes-32"), TileOptions(passes=1)
        )
    assert [path.name for path in tmp_path.iterdir()] == ["pass00_con.npy"]

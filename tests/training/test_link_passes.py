"""Passes over the pictures: which are of use, and folders that hold something else."""

import numpy as np
import pytest
from PIL import Image

from moclink.file_locks import TILES_LOCK
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


def test_tiles_are_made_by_one_process_and_read_by_many(tmp_path, held_by_another_process):
    """Where they are whole there is nothing to write: another training may use them too."""
    tiles, picture = tmp_path / "tiles", tmp_path / "a.png"
    pixels = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    Image.fromarray(pixels).save(picture)
    codecs, options = LinkCodecs.load("linear-classes-32"), TileOptions(passes=1, tiles=1)
    with held_by_another_process(tiles, TILES_LOCK):
        with pytest.raises(ValueError, match="in use by another process; .* choose another --data"):
            make_tiles([picture], tiles, codecs, options)
        assert not (tiles / "source.json").exists()
    make_tiles([picture], tiles, codecs, options)
    made = {path.name: path.stat().st_mtime_ns for path in tiles.glob("*.np*")}
    with held_by_another_process(tiles, TILES_LOCK):
        make_tiles([picture], tiles, codecs, options)
    assert {path.name: path.stat().st_mtime_ns for path in tiles.glob("*.np*")} == made

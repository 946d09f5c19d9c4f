"""Pictures of a resumed run keep the names that are stored."""

import numpy as np
from PIL import Image

import moclink
from moclink.images import Picture
from moclink.results.stored_pictures import named_as_stored


def test_a_renamed_file_is_the_picture_that_it_was(tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    options = {"snr": 5, "out": tmp_path / "run", "progress": False}
    Image.fromarray(pixels).save(tmp_path / "a.png")
    first = moclink.run("softcast@1/4", images=tmp_path / "a.png", **options).rows()
    (tmp_path / "a.png").rename(tmp_path / "b.png")
    Image.fromarray(pixels[::-1]).save(tmp_path / "a.bmp")
    assert moclink.run("softcast@1/4", images=tmp_path / "b.png", **options).rows() == first
    assert "note: b is a of the run" in capsys.readouterr().err
    both = moclink.run("softcast@1/4", images=[tmp_path / "b.png"], trials=2, **options)
    assert [(row.image, row.trial) for row in both.rows()] == [("a", 0), ("a", 1)]


def test_a_new_run_takes_names_as_they_are(tmp_path):
    pictures = [Picture("a", np.zeros((4, 4, 3), np.uint8))]
    for folder in (None, tmp_path, tmp_path / "new"):
        assert [p.name for p in named_as_stored(folder, pictures)] == ["a"]

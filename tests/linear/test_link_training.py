"""Data and training of the restoration network."""

import keras
import numpy as np
import pytest

from moclink.images import read_image, sample_paths
from moclink.linear.classes import ClassModel
from moclink.linear.codebooks import CodebookGrid
from moclink.training.link import Tiles, Trainer
from moclink.training.link_data import TILE, make_pass, random_crop

SMALL = {"channels": [4, 6], "down": [1], "middle": 1, "up": [1]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiles")
    make_pass(sample_paths(), folder / "pass0", ClassModel.load(), CodebookGrid.load(), 3, seed=1)
    return folder


def test_tiles_are_estimates_of_their_originals(folder):
    estimates, originals, maps, told = (
        np.load(folder / f"pass0_{part}.npy") for part in ("rec", "org", "map", "con")
    )
    assert estimates.shape == originals.shape == (3 * len(sample_paths()), TILE, TILE, 3)
    error = np.mean((estimates.astype(np.float32) - originals / 255.0) ** 2, axis=(1, 2, 3))
    expected = maps.sum(-1).mean((1, 2)) / 3
    ratio = error / expected
    assert 0.2 < np.exp(np.mean(np.log(ratio))) < 5
    assert np.all((told[:, 0] >= -6) & (told[:, 0] <= 30))
    np.testing.assert_allclose(told[:, 3], 2 * np.log10(told[:, 2]) + 3, atol=1e-5)


def test_crops_come_from_the_picture():
    found = random_crop(sample_paths()[0], np.random.default_rng(3))
    assert found.dtype == np.uint8
    assert found.shape[0] <= 1008
    assert abs(found.mean() - read_image(sample_paths()[0]).mean()) < 40


def test_training_resumes_where_it_stopped(folder, tmp_path):
    keras.utils.set_random_seed(5)
    rng = np.random.default_rng(6)
    tiles = Tiles(folder, "pass")
    trainer = Trainer(SMALL, 3e-3, tmp_path / "ck.npz")
    losses = [trainer.step(tiles, 4, rng) for _ in range(6)]
    assert np.isfinite(losses).all()
    trainer.save()
    again = Trainer(SMALL, 3e-3, tmp_path / "ck.npz")
    assert again.steps == 6
    for one, other in zip(again.network.weights, trainer.network.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)
        )
    batch = tiles.batch(4, np.random.default_rng(7))
    assert [part.shape[0] for part in batch] == [4, 4, 4, 4]
    with pytest.raises(ValueError, match="link_data"):
        Tiles(tmp_path, "pass")

"""Pictures that are sent for training: crops, codecs by name, and what arrives."""

import numpy as np
import pytest
from PIL import Image

from moclink.images import read_image, sample_paths
from moclink.linear.octonary import OctonaryCodec
from moclink.linear.softcast import LinearCodec
from moclink.training.link_sending import (
    CODECS,
    TILE,
    LinkCodecs,
    read_augmented_crop,
    send,
    send_at_random,
    send_file,
)


@pytest.fixture(scope="module")
def codecs():
    return LinkCodecs.load("linear-classes-32")


@pytest.fixture(scope="module")
def pixels():
    """Smooth: a codec of so few symbols can show it."""
    y, x = np.mgrid[:160, :192]
    waves = [128 + 90 * np.sin(x / (20 + 5 * c) + y / (31 - 4 * c)) for c in range(3)]
    return np.stack(waves, -1).astype(np.uint8)


def test_tiles_are_cut_from_what_was_sent(codecs, pixels):
    sent = send(codecs.make("hybrid", True, 1 / 4), pixels, 12.0, True, np.random.default_rng(2))
    tiles = sent.tiles([(0, 64), (32, 0)])
    assert tiles["rec"].shape == tiles["org"].shape == (2, TILE, TILE, 3)
    assert np.array_equal(tiles["org"][1], pixels[32:, :128])
    assert np.array_equal(tiles["map"][0], sent.errors[:4, 2:6])
    error = np.mean((sent.estimate - pixels / 255.0) ** 2)
    assert tiles["con"][0, 0] == 12 and tiles["con"][1, 1] == pytest.approx(
        np.log10(error), abs=1e-4
    )


def test_codecs_are_made_by_name_for_senders_that_know_the_snr_or_not(codecs):
    made = {name: codecs.make(name, True, 1 / 24) for name in CODECS}
    assert [type(made[name]) for name in CODECS] == [OctonaryCodec, OctonaryCodec, LinearCodec]
    assert len(made["hybrid"].grid.shapes) == len(made["octonary"].grid.shapes) + 1  # and analog
    assert codecs.make("octonary", False, 1 / 24).grid is codecs.grids[False]
    other = LinkCodecs.load("linear-classes-64")
    assert codecs.digest() == LinkCodecs.load("linear-classes-32").digest() != other.digest()


def test_more_snr_and_a_finer_file_give_less_error(codecs, pixels):
    linear, rng = codecs.make("linear", True, 1 / 12), np.random.default_rng(4)
    errors = [send(linear, pixels, snr_db, True, rng).statistics[1] for snr_db in (-5, 5, 20)]
    assert errors == sorted(errors, reverse=True)  # log10 of the squared error
    files = [send_file(codecs.files, pixels, quality) for quality in (100, 300)]
    assert files[1].statistics[1] < files[0].statistics[1]
    for sent in files:
        assert np.array_equal(sent.original, pixels) and sent.errors.shape == (5, 6, 6)


def test_what_is_sent_depends_on_the_generator_alone(codecs, pixels, tmp_path):
    path = tmp_path / "waves.png"
    Image.fromarray(pixels).save(path)
    one, same, other = (
        send_at_random(codecs, path, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(one.estimate, same.estimate)
    assert one.estimate.shape != other.estimate.shape or (one.estimate != other.estimate).any()


def test_crops_are_mirrored_and_turned_but_not_enlarged(pixels, tmp_path):
    path = tmp_path / "waves.png"
    Image.fromarray(pixels).save(path)
    rng = np.random.default_rng(0)
    found = [read_augmented_crop(path, rng) for _ in range(30)]
    ways = {array.tobytes() for array in found}
    assert ways == {  # so small a picture is neither reduced nor cropped
        array.tobytes()
        for whole in (pixels, pixels[:, ::-1])
        for array in (whole, whole.transpose(1, 0, 2))
    }
    assert TILE <= min(min(array.shape[:2]) for array in found)


def test_crops_come_from_the_picture():
    found = read_augmented_crop(sample_paths()[0], np.random.default_rng(3))
    assert found.dtype == np.uint8
    assert found.shape[0] <= 1008
    assert abs(found.mean() - read_image(sample_paths()[0]).mean()) < 40

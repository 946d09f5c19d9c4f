"""Codecs that compute in place, keep their buffers, or draw random numbers."""

import random

import numpy as np
import pytest
from PIL import Image

import moclink
from moclink.images import to_uint8


class Halves:
    """Every second pixel, as it is."""

    name = "halves"

    def encode(self, images):
        return images[:, ::2, ::2] - 0.5

    def decode(self, received, height, width):
        return received.repeat(2, 1).repeat(2, 2)[:, :height, :width] + 0.5


class InPlace(Halves):
    def encode(self, images):
        images -= 0.5
        return images[:, ::2, ::2]

    def decode(self, received, height, width):
        received += 0.5
        large = received.repeat(2, 1).repeat(2, 2)[:, :height, :width]
        received *= 0
        return large


class OneBuffer(Halves):
    def __init__(self):
        self.buffer = np.empty((9, 64, 96, 3), np.float32)

    def decode(self, received, height, width):
        self.buffer[: len(received)] = super().decode(received, height, width)
        return self.buffer[: len(received)]


class AnyArguments(Halves):
    def decode(self, *values):
        received, height, width, snr_db = values
        assert len(snr_db) == len(received)
        return super().decode(received, height, width)


class InPlaceFiles:
    name = "files"
    qualities = (1, 2)

    def encode_file(self, image, quality):
        image //= 2
        return image[::8, ::8].tobytes()

    def decode_file(self, data, max_pixels):
        small = np.frombuffer(data, np.uint8).reshape(8, 12, 3)
        return (2 * small).repeat(8, 0).repeat(8, 1)


class Dithered(Halves):
    """A codec that draws at both ends, from generators that nobody has seeded."""

    name = "dithered"

    def encode(self, images):
        sent = super().encode(images)
        return sent + 0.05 * np.random.standard_normal(sent.shape)

    def decode(self, received, height, width):
        shift = 0.1 * random.random()
        return super().decode(received, height, width) * (1 - shift)


def psnrs(codec, images, folder, **options):
    results = moclink.run([codec], [0, 20], images, out=folder, trials=2, progress=False, **options)
    return {(row.image, row.snr_db, row.trial): row.psnr_db for row in results.rows()}


@pytest.mark.parametrize("codec", [InPlace(), OneBuffer(), AnyArguments()])
def test_what_a_codec_does_to_its_arrays_changes_no_row(codec, photo, tmp_path):
    pixels = to_uint8(photo[0])
    assert psnrs(codec, pixels, tmp_path / "a") == psnrs(Halves(), pixels, tmp_path / "b")


def test_a_file_codec_may_compute_in_place(photo, build_chain):
    chain = build_chain(InPlaceFiles())
    sent = chain.transmit(photo)
    got = chain.receive(sent.symbols, np.float32([1e-6]), sent.header)
    expected = (to_uint8(photo)[:, ::8, ::8] // 2 * 2).repeat(8, 1).repeat(8, 2)
    assert np.array_equal(to_uint8(got.images), expected)


def test_random_numbers_depend_on_seed_and_picture_alone(photo, tmp_path):
    for name, pixels in (("a", photo[0]), ("b", photo[0, ::-1])):
        Image.fromarray(to_uint8(pixels)).save(tmp_path / f"{name}.png")
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    np.random.seed(3)
    random.seed(3)
    one = psnrs(Dithered(), files, tmp_path / "one")
    drawn = np.random.random(), random.random()
    assert psnrs(Dithered(), files[::-1], tmp_path / "two") == one
    assert psnrs(Dithered(), files[1], tmp_path / "three").items() <= one.items()
    assert len(set(one.values())) == len(one)  # other trials and pictures draw other numbers
    other = psnrs(Dithered(), files, tmp_path / "four", seed=2)
    assert set(other.values()).isdisjoint(one.values())
    np.random.seed(3)
    random.seed(3)
    assert drawn == (np.random.random(), random.random())  # the user's own continue undisturbed


class InTraining(Halves):
    """A network left in training mode: it normalises over the batch that it is given."""

    name = "training"

    def decode(self, received, height, width):
        received = (received - received.mean()) / (received.std() + 1e-6) * 0.2
        return super().decode(received, height, width)


def test_a_row_does_not_depend_on_what_is_decoded_with_it(photo, tmp_path):
    pixels = to_uint8(photo[0])
    rows = psnrs(InTraining(), pixels, tmp_path / "a")
    alone = moclink.run(
        [InTraining()], [20], pixels, out=tmp_path / "b", trials=1, progress=False
    ).rows()
    assert alone[0].psnr_db == rows["image-1", 20.0, 0]
    assert len(set(rows.values())) == len(rows)

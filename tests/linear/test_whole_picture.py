"""Bands of the whole picture: levels against the energies that they describe."""

import numpy as np
import pytest

from moclink.linear import allocation, transform
from moclink.linear.bands import band_map, mean_energies
from moclink.linear.whole_picture import WholePictureBands

MODEL = WholePictureBands()


@pytest.mark.parametrize("snr_db", [None, 0.0, 20.0])
def test_levels_are_the_energies_of_the_bands_in_steps_of_a_decibel_and_a_half(snr_db, photo):
    height, width = photo.shape[:2]
    description = MODEL.describe(photo, 20_000, snr_db)
    index, rows, columns = band_map(height, width)
    planes = transform.whole_dct(transform.to_opponent(photo))
    levels = description.variance_levels.reshape(3, height, width)
    sent = levels > allocation.NOT_SENT
    assert sent.mean() > 0.05
    for plane, level, used in zip(planes, levels, sent, strict=True):
        energy = mean_energies(plane, index, rows * columns)
        exact = allocation.variances_to_levels(energy)[index]
        # Half a step of 3, and half a level that either was rounded by.
        assert np.abs(level - exact)[used].max() <= 2


def test_bands_that_are_not_sent_are_the_weakest(photo):
    levels = MODEL.describe(photo, 5_000, 10.0).variance_levels
    energy = transform.whole_dct(transform.to_opponent(photo)).ravel() ** 2
    unsent = levels == allocation.NOT_SENT
    assert energy[unsent].mean() < 0.01 * energy[~unsent].mean()


def test_a_plain_description_has_no_bits_and_falls_with_the_frequency(photo):
    plain = MODEL.describe_with_defaults(photo)
    assert len(plain.bits) == 0
    luma, *chroma = plain.variance_levels.reshape(3, *photo.shape[:2])
    assert np.all(np.diff(luma[0]) <= 0) and np.all(np.diff(luma[:, 0]) <= 0)
    for plane in chroma:  # a sixteenth of the energy is 12 dB, 24 levels
        assert set(np.unique(luma - plane)) <= {24, 25}
    picture = MODEL.picture(plain.coefficients, *photo.shape[:2])
    np.testing.assert_allclose(picture, photo, atol=1e-5)

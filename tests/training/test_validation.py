"""Figures of validation: PSNR of known errors, means, pictures side by side."""

import numpy as np
import pytest

from moclink.training.validation import mean_figures, picture_psnr, side_by_side, validate_on


def test_psnr_of_a_known_error():
    reference = np.full((4, 5, 3), 0.5, np.float32)
    assert picture_psnr(reference + 0.1, reference) == pytest.approx(20, abs=1e-4)
    assert picture_psnr(reference - 0.01, reference) == pytest.approx(40, abs=1e-3)
    assert picture_psnr(reference, reference) == 100  # the limit, rather than infinity


def test_overshoot_is_clipped_before_it_is_measured():
    white = np.ones((2, 2, 3), np.float32)
    assert picture_psnr(white + 7, white) == 100
    assert picture_psnr(-white, np.zeros_like(white)) == 100


def test_means_are_taken_figure_by_figure():
    rows = [{"l1": 20.0, "l4": 28.0}, {"l1": 22.0, "l4": 31.0}]
    assert mean_figures(rows) == {"l1": 21.0, "l4": 29.5}


def test_pictures_stand_side_by_side_in_8_bits():
    one, two = np.zeros((2, 3, 3)), np.full((2, 1, 3), 1.5)
    found = side_by_side([one, two, one + 0.5])
    assert found.shape == (2, 7, 3) and found.dtype == np.uint8
    np.testing.assert_array_equal(found[0, :, 0], [0, 0, 0, 255, 128, 128, 128])


def test_each_picture_has_random_numbers_of_its_own_and_three_are_shown():
    held_out = [np.full((2, 3, 3), level / 4, np.float32) for level in range(5)]
    drawn = []

    def look(image, rng):
        drawn.append(rng.random())
        return {"level": 4 * float(image[0, 0, 0])}, [image, image]

    figures, pictures = validate_on(held_out, look)
    assert figures == {"level": 2.0} and sorted(pictures) == ["0", "1", "2"]
    assert pictures["1"].shape == (2, 6, 3) and (pictures["1"] == 64).all()
    assert len(set(drawn)) == 5
    validate_on(held_out, look)
    assert drawn[5:] == drawn[:5]

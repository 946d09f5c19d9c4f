"""What a link is called with: a pair of images and SNRs, and one line for anything else."""

import numpy as np
import pytest

from moclink.link_inputs import check_batch, check_pair, check_snr, unit_images
from moclink.phy.engine import ON_TORCH

IMAGES = np.random.default_rng(1).random((4, 8, 8, 3)).astype(np.float32)
SNRS = np.full(4, 10, np.float32)


@pytest.mark.parametrize(
    ("inputs", "others"),
    [(IMAGES, ()), (IMAGES, (SNRS,)), ({"images": IMAGES, "snr_db": SNRS}, ()), ((IMAGES,), ())],
)
def test_what_is_no_pair_is_answered_with_what_is(inputs, others):
    with pytest.raises(ValueError, match=r"give \(images, snr_db\), and of a tf.data pipeline"):
        check_pair(inputs, others)


def test_pairs_pass():
    check_pair((IMAGES, SNRS))
    check_pair([IMAGES, 3.0])


@pytest.mark.parametrize("snr_db", [SNRS, SNRS[:, None], SNRS[:1], np.float32(3), 3.0])
def test_an_snr_for_all_or_each(snr_db):
    check_snr(snr_db, 4)


@pytest.mark.parametrize(
    ("snr_db", "words"),
    [(None, "None"), (SNRS[:3], r"of shape \(3,\)"), (np.ones((4, 2)), r"of shape \(4, 2\)")],
)
def test_other_numbers_of_snrs_are_refused(snr_db, words):
    with pytest.raises(
        ValueError, match=f"snr_db is {words}; give one SNR, or one for each of the 4"
    ):
        check_snr(snr_db, 4)


@pytest.mark.skipif(ON_TORCH, reason="PyTorch has no graphs")
def test_inside_a_graph_what_is_not_known_passes():
    import tensorflow as tf

    seen = []

    @tf.function(input_signature=[tf.TensorSpec([None])])
    def trace(snr_db):
        check_snr(snr_db, 4)
        seen.append(snr_db.shape)
        return snr_db

    trace(SNRS[:3])
    assert len(seen) == 1 and seen[0].as_list() == [None]


def test_integers_are_divided_by_255():
    eight_bits = np.array([[[[0, 128, 255]]]], np.uint8)
    np.testing.assert_allclose(unit_images(eight_bits)[0, 0, 0], [0, 128 / 255, 1])


@pytest.mark.parametrize("snr_db", [np.nan, np.float32([1, 2, np.nan, 4]), np.array(np.nan)])
def test_an_snr_that_is_no_number_is_refused(snr_db):
    with pytest.raises(ValueError, match="snr_db holds NaN; give numbers of dB"):
        check_snr(snr_db, 4)
    with pytest.raises(ValueError, match="snr_db holds NaN"):
        check_batch((IMAGES, snr_db))
    check_snr(np.float32([-np.inf, 0, 1, np.inf]), 4)

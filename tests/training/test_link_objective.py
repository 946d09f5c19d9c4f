"""Loss of the restoration network: its distances, their weights over the SNR, and patterns."""

import numpy as np
import pytest
from keras import ops

from moclink.training.link_objective import Distance, LinkObjective, pattern_error
from moclink.training.link_tiles import SHIFTS

SIDE = 64 + SHIFTS - 1


def batch(restored, originals, snr_db):
    """What the objective takes; its network gives the images back."""
    count = len(restored)
    return {
        "images": restored,
        "errors": np.zeros((count, 2, 2, 6), np.float32),
        "condition": np.zeros((count, 2), np.float32),
        "scale": np.ones((count, 1), np.float32),
        "originals": originals,
        "before": np.full(count, 0.25, np.float32),
        "snr_db": np.float32(snr_db),
        "shift": np.int32([3, 5]),
    }


def same(inputs):
    return inputs[0]


def shown_difference(a, b):
    return ops.mean(ops.abs(a - b), axis=(1, 2, 3))


def test_weights_of_distances_follow_the_snr():
    originals = np.full((2, SIDE, SIDE, 3), 0.25, np.float32)
    restored = originals + np.float32([0.5, 0.25])[:, None, None, None]
    given = batch(restored, originals, [0.0, 20.0])
    plain = LinkObjective(same)(given)
    pixel = (0.5**2 + 0.25**2) / 2 / 0.25
    assert float(plain["loss"]) == float(plain["pixel"]) == pytest.approx(pixel)
    term = {"one": Distance(shown_difference, 3.0)}
    for slope in (1.0, 2.0):
        found = LinkObjective(same, term, slope)(given)
        assert float(found["one"]) == pytest.approx(0.375)
        # 10 dB below the middle a distance counts `slope` times, 10 dB above 1 / slope times.
        weighted = 3 * (slope * 0.5 + 0.25 / slope) / 2
        assert float(found["loss"]) == pytest.approx(pixel + weighted)


def test_a_costly_distance_sees_the_first_tiles_alone():
    originals = np.zeros((3, SIDE, SIDE, 3), np.float32)
    restored = originals + np.float32([0.5, 1.0, 1.0])[:, None, None, None]
    seen = []

    def distance(a, b):
        seen.append(a.shape)
        return shown_difference(a, b)

    found = LinkObjective(same, {"one": Distance(distance, 1.0, tiles=1)})(
        batch(restored, originals, [10.0] * 3)
    )
    assert seen == [(1, 64, 64, 3)]  # cut by the shift
    assert float(found["one"]) == pytest.approx(0.5)


def test_errors_that_repeat_are_told_from_others():
    rng = np.random.default_rng(2)
    block = rng.standard_normal((8, 8, 3)).astype(np.float32)
    block -= block.mean((0, 1))
    dots, flat = np.tile(block, (16, 16, 1)), np.full((128, 128, 3), 0.3, np.float32)
    noise = rng.standard_normal((128, 128, 3)).astype(np.float32)
    found = np.asarray(pattern_error(np.stack([dots, flat, noise, dots + flat])))
    assert found[0] == pytest.approx(np.mean(block**2), rel=1e-4)
    assert found[1] == pytest.approx(0, abs=1e-10)
    # The mean of 64 blocks: 4 areas of 64 phases and 3 colours, a deviation of sqrt(2 / 768).
    assert found[2] == pytest.approx(1 / 64, rel=5 * np.sqrt(2 / 768))
    assert found[3] == pytest.approx(found[0], rel=1e-4)

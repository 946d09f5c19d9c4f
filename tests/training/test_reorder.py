"""Reordering: priors are stored, and nothing changes without noise."""

import numpy as np

from moclink.codec.codebooks import code_usage
from moclink.training.reorder import measure_usage, reorder


def test_reordering_changes_nothing_without_noise_and_stores_priors(started, feeder, held_out):
    image = held_out[0][None]
    before = started.decode(started.encode(image))
    usage = measure_usage(started.encoder, started.quantizer, feeder, 4)
    reorder(started.quantizer, usage, "greedy", 10.0)
    assert np.array_equal(started.decode(started.encode(image)), before)
    again = measure_usage(started.encoder, started.quantizer, feeder, 4)
    expected = (again + 1) / (again + 1).sum(-1, keepdims=True)
    np.testing.assert_allclose(started.priors, expected, atol=1e-6)
    assert (code_usage(started.encode(image), 8).sum(-1) == 30).all()

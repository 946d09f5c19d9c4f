"""SoftCast on Gaussian coefficients against its closed form."""

import numpy as np
import pytest

from moclink.linear import allocation, frame
from moclink.linear.source_models import Description


@pytest.mark.parametrize("knows_snr", [True, False])
def test_softcast_reaches_its_closed_form_on_gaussian_data(knows_snr, codecs, models):
    rng = np.random.default_rng(9)
    levels = rng.integers(-60, 20, 30_000).astype(np.int16)
    variance = allocation.levels_to_variances(levels)
    uses, snr_db = 12_000, 7.0
    snr = 10 ** (snr_db / 10)
    codec = codecs["softcast"]
    x = (rng.standard_normal(30_000) * np.sqrt(variance)).astype(np.float32)
    axes = codec.modulate(
        Description(x, levels, np.zeros(0, np.uint8)), uses, snr_db if knows_snr else None
    )
    assert np.sum(axes**2) == pytest.approx(uses / 2, rel=0.05)
    received = axes + rng.standard_normal(len(axes)) * np.sqrt(0.5 / snr)
    parsed = frame.ParsedHeader(1.0, snr_db if knows_snr else None, levels, models["whole"])
    padded = np.r_[received, np.zeros(uses - len(received))]
    chosen, values, errors = codec.estimate_coefficients(parsed, padded, np.full(uses, 0.5 / snr))
    estimate = np.zeros(30_000)
    estimate[chosen] = values
    squared = (x - estimate) ** 2
    unsent = np.setdiff1d(np.arange(30_000), chosen)
    expected = errors.sum() + variance[unsent].sum()
    spread = np.sqrt(2 * (np.sum(errors**2) + np.sum(variance[unsent] ** 2)))  # of a sum of squares
    assert abs(squared.sum() - expected) < 5 * spread
    if knows_snr:
        assert expected == pytest.approx(allocation.linear_distortion(levels, uses, snr), rel=1e-9)

"""Bins of predicted magnitudes; the coder as a whole is tested with its statistics."""

import numpy as np
import pytest

from moclink.linear.coefficient_coder import BINS, raw_bits, thresholds


def test_bins_are_half_octaves_and_large_ones_have_raw_bits():
    edges = thresholds()
    assert len(edges) == BINS - 1 and np.array_equal(edges, np.sort(edges))
    assert edges[-1] / edges[-3] == pytest.approx(2, rel=1e-3)
    assert raw_bits()[0] == 0 and raw_bits()[-1] > 0 and (np.diff(raw_bits()) >= 0).all()

"""Octonary codebooks by command: which shapes and SNRs, and grids for a range of SNRs."""

import numpy as np
import pytest

from moclink.linear.codebooks import CodebookGrid
from moclink.training.link_codebooks import SHAPES, make_codebooks, write_robust_grid


@pytest.mark.parametrize(
    ("snrs", "only", "message"),
    [
        ([0.0], len(SHAPES), f"--only is {len(SHAPES)}; it must be 0 to {len(SHAPES) - 1}"),
        ([0.0], -1, "--only is -1"),
        ([], None, "--snr gives no SNR; the first must not be above the last"),
        ([90.0], 3, "--snr has no value from .* dB, which codebooks of several coefficients need"),
    ],
)
def test_what_cannot_be_designed_is_refused_before_the_work(snrs, only, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        make_codebooks(tmp_path / "b.npz", np.array(snrs), "laplacian", 1, 1, only)
    assert not list(tmp_path.iterdir())


def test_above_the_designed_snrs_the_last_codebook_goes_on_and_below_none_is_used(tmp_path):
    """Of two coefficients a use, which have no codebooks of their own at all SNRs."""
    place = SHAPES.index((2, 1))
    snrs = np.array([-40.0, 10.0, 60.0])
    make_codebooks(tmp_path / "b.npz", snrs, "laplacian", 1, 1, place)
    grid = CodebookGrid.load(tmp_path / "b.npz")
    low, middle, high = grid.distortions[0]
    assert low == 1.0 > middle >= high > 0  # 1: the variance, as if nothing were sent


def test_a_grid_for_senders_that_are_not_told_the_snr_is_written(tmp_path):
    write_robust_grid("octonary-codebooks", tmp_path / "robust.npz", "laplacian")
    made, shipped = CodebookGrid.load(tmp_path / "robust.npz"), "octonary-codebooks-robust"
    assert made.shapes == CodebookGrid.load(shipped).shapes
    assert np.allclose(made.distortions, CodebookGrid.load(shipped).distortions, rtol=0.02)

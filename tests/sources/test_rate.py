"""Rate control by bisection, and the bit budgets of the semantic chain."""

import pytest

from moclink.sources.rate import fit_quality, latent_positions, semantic_bits, semantic_symbols


def test_the_semantic_budget_counts_padding():
    assert latent_positions(17, 8) == 3
    assert semantic_bits(2012 * 4, 8) == 48 * 1006  # 0.75 bit a pixel at multiples of 8
    assert semantic_symbols(64, 64) / (64 * 64 * 3) == pytest.approx(1 / 24)
    assert semantic_symbols(64, 64, levels=1) / (64 * 64 * 3) == pytest.approx(1 / 96)


@pytest.mark.parametrize("budget", [0, 99, 100, 101, 555, 799, 800, 10_000])
def test_bisection_finds_the_largest_quality_that_fits(budget):
    sizes = {quality: quality * 10 for quality in range(1, 11)}  # bytes
    data, fit = fit_quality("toy", lambda quality: bytes(sizes[quality]), range(1, 11), budget)
    best = max((q for q in sizes if 8 * sizes[q] <= budget), default=1)
    assert (fit.quality, fit.file_bits, len(data)) == (best, 80 * best, 10 * best)
    assert fit.fits == (80 * best <= budget)

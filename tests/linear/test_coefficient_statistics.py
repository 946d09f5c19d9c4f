"""Quantised coefficients as bytes: exact round trips, cost, and what the decoder expects to be wrong."""

import numpy as np
import pytest

from moclink.linear.block_sizes import BlocksOfSeveralSizes
from moclink.linear.coefficient_coder import step_size
from moclink.linear.coefficient_statistics import CoefficientStatistics
from moclink.linear.entropy_coded import PRICE, variance_floor

STEP = -88


@pytest.fixture(scope="module", params=[16, 32, 64])
def statistics(request):
    return CoefficientStatistics.load(request.param)


@pytest.fixture(scope="module")
def described(photo):
    """A sample's coefficients and levels in blocks of 16, at STEP."""
    model = BlocksOfSeveralSizes.load().models[0]
    found = model.transform(photo[:256, :256])
    levels = model.describe_transformed(found, variance_floor(STEP), 1.0).variance_levels
    return found.coefficients, levels.reshape(found.coefficients.shape)


def random_coefficients(seed, scale, block=16):
    rng = np.random.default_rng(seed)
    shape = (3, 2, 3, block, block)
    levels = rng.integers(-90, 30, shape).astype(np.int16)
    spread = 10 ** (levels / 40) * scale
    return (rng.laplace(size=shape) * spread).astype(np.float32), levels


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0, 3e4])
def test_the_decoder_finds_what_the_encoder_chose(statistics, scale):
    """From almost nothing to magnitudes far beyond the models, whose rest is a Golomb code."""
    coefficients, levels = random_coefficients(1, scale)
    data, quantised = statistics.encode(coefficients, levels, STEP, PRICE)
    found, errors = statistics.decode(data, levels, STEP)
    # Offsets move an estimate by less than half a step.
    assert np.array_equal(np.rint(found / step_size(STEP)), quantised)
    assert found.shape == errors.shape == levels.shape and (errors >= 0).all()
    assert np.abs(quantised).max() > scale / 2


def test_more_bytes_than_coefficients_are_written_whole():
    """What is expected to be weak and is strong takes some 20 bits each; a buffer grows for it."""
    statistics, rng = CoefficientStatistics.load(16), np.random.default_rng(4)
    coefficients = rng.normal(size=(3, 20, 10, 16, 16)).astype(np.float32) * np.float32(3e3)
    levels = np.full(coefficients.shape, -90, np.int16)
    data, quantised = statistics.encode(coefficients, levels, STEP, PRICE)
    assert len(data) > 1.5 * coefficients.size
    found, _ = statistics.decode(data, levels, STEP)
    assert np.array_equal(np.rint(found / step_size(STEP)), quantised)


def test_a_bit_that_costs_nothing_leaves_rounding(described):
    coefficients, levels = described
    statistics = CoefficientStatistics.load(16)
    _, quantised = statistics.encode(coefficients, levels, STEP, 0.0)
    scaled = coefficients.astype(np.float64) / step_size(STEP)
    assert np.array_equal(quantised, np.sign(scaled) * np.floor(np.abs(scaled) + 0.5))
    costly, fewer = statistics.encode(coefficients, levels, STEP, PRICE)
    assert len(costly) < len(statistics.encode(coefficients, levels, STEP, 0.0)[0])
    assert (np.abs(fewer) <= np.abs(quantised)).all()


def test_magnitudes_and_signs_cost_less_than_their_entropy_without_contexts(described):
    coefficients, levels = described
    data, quantised = CoefficientStatistics.load(16).encode(coefficients, levels, STEP, PRICE)
    counts = np.unique(np.abs(quantised[0]), return_counts=True)[1]
    share = counts / counts.sum()
    alone = -(counts * np.log2(share)).sum() + np.count_nonzero(quantised)
    assert 8 * len(data) < 0.75 * alone  # chroma counts on the left alone


def test_expected_errors_are_those_that_occur(described):
    coefficients, levels = described
    statistics = CoefficientStatistics.load(16)
    data, _ = statistics.encode(coefficients, levels, STEP, PRICE)
    found, errors = statistics.decode(data, levels, STEP)
    actual = (found - coefficients) ** 2
    assert errors.sum() == pytest.approx(actual.sum(), rel=0.25)
    # And where they are expected to be large they are.
    strong = errors > np.quantile(errors, 0.9)
    assert actual[strong].mean() > 5 * actual[~strong].mean()


def test_missing_statistics_name_the_command(tmp_path):
    with pytest.raises(ValueError, match="link-coefficients"):
        CoefficientStatistics.load(16, tmp_path / "none.npz")

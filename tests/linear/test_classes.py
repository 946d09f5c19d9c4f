"""Classes of blocks: energies, code lengths, the map of classes, files, training."""

import numpy as np
import pytest

from moclink.linear.arithmetic_coder import ArithmeticDecoder, ArithmeticEncoder
from moclink.linear.classes import ClassModel, block_bands, block_energies


@pytest.mark.parametrize("block", [16, 32, 64])
def test_block_energies_are_sums_over_bands(block):
    coefficients = (
        np.random.default_rng(1).standard_normal((3, 2, 3, block, block)).astype(np.float32)
    )
    found = block_energies(coefficients)
    index, number = block_bands(block)
    for colour, band in ((0, 1), (2, len(number) - 1)):
        wanted = np.sum(coefficients[colour, 1, 2][index == band] ** 2)
        assert found[5, colour, band] == pytest.approx(wanted, rel=1e-5)
    assert np.all(found[..., 0] == 0)
    assert number.sum() == block**2 - 1


def test_code_lengths_are_gaussian():
    model = ClassModel.load()
    energies = np.random.default_rng(2).random((4, 3, len(block_bands(32)[1]))).astype(np.float32)
    number, floor = block_bands(32)[1], 1e-3
    wanted = 0.0
    for colour in range(3):
        total = model.variances[7, colour] + floor
        wanted += np.sum(number * np.log(total) + (energies[2, colour] + number * floor) / total)
    assert model.code_lengths(energies, floor)[2, 7] == pytest.approx(
        wanted / 2 / np.log(2), rel=1e-9
    )


def test_a_map_is_read_back_at_its_code_length():
    model = ClassModel.load()
    rng = np.random.default_rng(3)
    chosen = rng.integers(0, model.count, (6, 9))
    coder = ArithmeticEncoder()
    model.write_map(chosen, coder)
    bits = coder.finish()
    assert np.array_equal(model.read_map(6, 9, ArithmeticDecoder(bits)), chosen)
    # Tables of 14 bits price what is all but ruled out a little differently.
    assert len(bits) == pytest.approx(model.map_bits(chosen), rel=0.1)
    assert np.allclose(np.exp2(model.log_probabilities).sum(-1), 1, atol=2e-3)


def test_classes_are_assigned_by_code_length_where_the_map_costs_nothing():
    model = ClassModel.load()
    energies = np.random.default_rng(6).random((15, 3, len(block_bands(32)[1]))).astype(np.float32)
    chosen = model.assign(energies, 3, 5, floor=1e-3, price=0.0)
    np.testing.assert_array_equal(chosen.ravel(), model.code_lengths(energies, 1e-3).argmin(1))
    dear = model.assign(energies, 3, 5, floor=1e-3, price=1e6)
    assert model.map_bits(dear) < model.map_bits(chosen)


def test_a_model_is_saved_in_half_precision(tmp_path):
    model = ClassModel.load()
    model.save(tmp_path / "classes.npz")
    again = ClassModel.load(tmp_path / "classes.npz")
    assert (again.block, again.overlap) == (model.block, model.overlap)
    for name in ("variances", "transitions", "prior"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
    with pytest.raises(ValueError, match=r"none\.npz does not exist; give a shipped name, or run"):
        ClassModel.load(tmp_path / "none.npz")

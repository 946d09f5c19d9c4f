"""Source models: classes of blocks, blocks of several sizes, error maps."""

import numpy as np
import pytest

from moclink.images import read_image, sample_paths
from moclink.linear import transform
from moclink.linear.arithmetic_coder import Decoder, Encoder
from moclink.linear.bands import RADIAL_BANDS, axis_bands, band_edges, radial_map
from moclink.linear.block_sizes import BlocksOfSeveralSizes
from moclink.linear.classes import ClassModel, block_bands, block_energies
from moclink.linear.classified_blocks import ClassifiedBlocks
from moclink.linear.whole_picture import WholePictureBands
from moclink.training.link_classes import train

SEVERAL = BlocksOfSeveralSizes.load()


@pytest.fixture(scope="module")
def photo():
    return read_image(sample_paths()[0])[:200, :270].astype(np.float32) / 255


def test_bands_grow_and_cover_the_axis():
    assert band_edges(1).tolist() == [0, 1]
    assert band_edges(34).tolist()[:12] == [0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 26, 34]
    edges = band_edges(1530)
    assert edges[-1] == 1530
    assert np.all(np.diff(edges[10:]) / edges[10:-1] < 0.45)
    assert np.array_equal(np.bincount(axis_bands(1530)), np.diff(edges))
    with pytest.raises(ValueError, match="size"):
        band_edges(0)


def test_rings_start_at_the_mean():
    rings = radial_map(30, 40)
    assert rings[0, 0] == 0
    assert np.count_nonzero(rings == 0) == 1
    assert rings.max() == RADIAL_BANDS - 1


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
    coder = Encoder()
    model.write_map(chosen, coder)
    bits = coder.finish()
    assert np.array_equal(model.read_map(6, 9, Decoder(bits)), chosen)
    # Tables of 14 bits price what is all but ruled out a little differently.
    assert len(bits) == pytest.approx(model.map_bits(chosen), rel=0.1)
    assert np.allclose(np.exp2(model.log_probabilities).sum(-1), 1, atol=2e-3)


def test_a_dearer_map_is_shorter(photo):
    bits = {
        price: len(ClassifiedBlocks(ClassModel.load(), price).describe(photo, 13_500, 5.0).bits)
        for price in (0.2, 1.0, 5.0)
    }
    assert bits[0.2] > bits[1.0] > bits[5.0]


def test_classes_tell_variances(photo):
    # Over the deviation of its class, a coefficient that is sent has variance 1, picture by
    # picture.
    description = ClassifiedBlocks(ClassModel.load()).describe(photo, 13_500, 10.0)
    strong = description.levels > np.sort(description.levels)[-13_500]
    scaled = description.coefficients[strong] ** 2 / 10 ** (description.levels[strong] / 20)
    assert scaled.mean() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("choice", [0, 1, 2])
def test_each_size_is_read_back(choice, photo):
    only = SEVERAL.models[choice].describe(photo, 13_500, 10.0)
    header = np.concatenate([np.array([choice >> 1, choice & 1], np.uint8), only.bits])
    layout, bits = SEVERAL.select(header)
    assert layout is SEVERAL.models[choice]
    assert np.array_equal(layout.levels(bits, 200, 270), only.levels)
    np.testing.assert_allclose(layout.picture(only.coefficients, 200, 270), photo, atol=1e-5)


def test_the_best_size_is_taken(photo):
    description = SEVERAL.describe(photo, 13_500, 20.0)
    layout, bits = SEVERAL.select(description.bits)
    assert np.array_equal(layout.levels(bits, 200, 270), description.levels)
    with pytest.raises(ValueError, match="model 3 of 3"):
        SEVERAL.select(np.ones(40, np.uint8))
    with pytest.raises(ValueError, match="models"):
        BlocksOfSeveralSizes(())


@pytest.mark.parametrize("model", [*SEVERAL.models, WholePictureBands()])
def test_error_maps_keep_the_sum(model):
    description = model.describe_plainly(np.full((256, 320, 3), 0.4, np.float32))
    errors = np.random.default_rng(4).random(len(description.coefficients)).astype(np.float32)
    found = model.error_map(errors, 256, 320)
    assert found.shape == (8, 10, 6)
    assert found.sum(-1).mean() == pytest.approx(errors.sum() / (256 * 320), rel=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (45, 70), (65, 33)])
def test_error_maps_of_any_size(shape):
    for model in SEVERAL.models:
        length = len(model.describe_plainly(np.zeros((*shape, 3), np.float32)).coefficients)
        found = model.error_map(np.ones(length, np.float32), *shape)
        assert found.shape == (*transform.blocks_of(*shape, 32), 6)
        assert np.isfinite(found).all()


def test_training_finds_two_kinds_of_blocks():
    rng = np.random.default_rng(5)
    number = block_bands(16)[1]
    deviation = np.array([0.01, 1.0])[rng.integers(0, 2, (4, 10, 12))]
    energies = (
        rng.chisquare(np.maximum(number, 1e-9), (4, 10, 12, 3, len(number)))
        * deviation[..., None, None] ** 2
    )
    model = train(list(energies.astype(np.float32)), 16, 4, 4, 1e-4, 12, 0)
    deviations = np.sqrt(model.variances[:, 0, 60])
    assert deviations.min() < 0.2  # the smoothing gives each class two blocks of mean energy
    assert deviations.max() == pytest.approx(1, rel=0.2)
    assert np.allclose(np.exp2(model.prior).sum(), 1)

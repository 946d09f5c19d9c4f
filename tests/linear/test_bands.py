"""Frequency bands: edges, rings, mean energies."""

import numpy as np
import pytest

from moclink.linear.bands import (
    RADIAL_BANDS,
    axis_bands,
    band_edges,
    band_map,
    mean_energies,
    radial_map,
)


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


def test_a_map_of_bands_is_the_product_of_its_axes():
    index, rows, columns = band_map(20, 34)
    assert (rows, columns) == (len(band_edges(20)) - 1, len(band_edges(34)) - 1)
    np.testing.assert_array_equal(index // columns, np.tile(axis_bands(20)[:, None], (1, 34)))
    np.testing.assert_array_equal(index % columns, np.tile(axis_bands(34), (20, 1)))


def test_mean_energies_of_indices_and_of_none():
    values, index = np.float32([[1, 2], [3, 4]]), np.array([[0, 2], [2, 0]])
    np.testing.assert_allclose(mean_energies(values, index, 4), [17 / 2, 0, 13 / 2, 0])

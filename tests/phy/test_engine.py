"""What differs between the engines: generators, graphs, attributes of layers."""

import random

import keras
import numpy as np
import pytest
from sionna.phy import config
from sionna.phy.channel import AWGN
from sionna.phy.mapping import Mapper

from moclink.phy import engine
from moclink.phy.tensors import tensor, to_numpy


def drawn() -> list[np.ndarray]:
    """Numbers of each of Sionna's generators."""
    noise = AWGN()(tensor(np.zeros(4, np.complex64)), tensor(1.0))
    return [to_numpy(noise), config.np_rng.normal(size=4), np.array(config.py_rng.random())]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_seed_decides_what_is_drawn_and_leaves_the_generators_as_they_were():
    config.seed = 8
    expected = drawn()
    config.seed = 8
    with engine.seeded(2**61 + 5):
        first = drawn()
    assert same(drawn(), expected)
    with engine.seeded(2**61 + 5):
        assert same(drawn(), first)
    with engine.seeded(2**61 + 6):
        assert not any(np.array_equal(a, b) for a, b in zip(drawn(), first, strict=True))


def test_everything_seeds_the_global_generators_as_well():
    def numbers():
        return [np.random.normal(), random.random(), float(keras.random.normal((), seed=None))]

    found = []
    for _ in range(2):
        with engine.seeded(9, everything=True):
            keras.utils.set_random_seed(np.random.randint(100))  # of the seeded generator
            found.append(numbers())
    assert found[0] == found[1]


def test_a_function_is_compiled_once_for_its_shape():
    double = engine.compiled(lambda x: 2 * x, [((3,), "float32")])
    for values in ([1, 2, 3], [4, 5, 6]):
        np.testing.assert_array_equal(double(tensor(np.float32(values))), 2 * np.float32(values))
    assert engine.traces(double) == (0 if engine.ON_TORCH else 1)


def test_an_untracked_block_stays_what_it_is_and_is_not_saved():
    layer, block, dense = keras.layers.Layer(), Mapper("qam", 2), keras.layers.Dense(1)
    dense.build((None, 2))
    engine.set_untracked(layer, block=block, dense=dense)
    assert layer.block is block and layer.dense is dense
    assert layer.weights == [] and dense.weights != []


@pytest.mark.torch_only("on TensorFlow nothing is computed to find a shape")
def test_shapes_are_found_without_drawing():
    config.seed = 8
    expected = drawn()
    config.seed = 8
    with engine.generators_kept():
        drawn()
    assert same(drawn(), expected)


def test_arrays_for_functions_and_tensors_for_blocks():
    assert engine.takes_tensors(AWGN()) and engine.takes_tensors(keras.layers.Layer())
    assert not engine.takes_tensors(lambda x, no: x)


def test_double_precision_has_its_own_type():
    block = AWGN(precision="double")
    assert keras.backend.standardize_dtype(engine.real_dtype(block)) == "float64"

"""Operations on tensors against NumPy's."""

import numpy as np
import pytest

from moclink.phy import tensors
from moclink.phy.tensors import tensor, to_numpy

Z = np.complex64([[1 + 2j, -3j, 4], [0.5, -1j, 2 - 2j]])
X = np.float32([[3, 1, -2], [5, 0, 7]])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (lambda: tensors.real(tensor(Z)), Z.real),
        (lambda: tensors.imag(tensor(Z)), Z.imag),
        (lambda: tensors.conj(tensor(Z)), Z.conj()),
        (lambda: tensors.at_least(tensor(X), 0.5), np.maximum(X, np.float32(0.5))),
        (lambda: tensors.astype(tensor(X), "int32"), X.astype(np.int32)),
        (lambda: tensors.reshape(tensor(X), [3, -1]), X.reshape(3, 2)),
        (lambda: tensors.transpose(tensor(X), (1, 0)), X.T),
        (lambda: tensors.repeat(tensor(X), 2, axis=1), np.repeat(X, 2, axis=1)),
        (lambda: tensors.pad_columns(tensor(X), 2), np.pad(X, ((0, 0), (0, 2)))),
        (lambda: tensors.concatenate([tensor(X), tensor(X)], 1), np.concatenate([X, X], 1)),
        (lambda: tensors.take(tensor(X), tensor([2, 0]), 1), X[:, [2, 0]]),
        (lambda: tensors.where(tensor(X) > 1, tensor(X), 0.0), np.where(X > 1, X, 0)),
        (lambda: tensors.arange(4), np.arange(4, dtype=np.int32)),
        (lambda: tensors.zeros([2, 1], "bool"), np.zeros((2, 1), bool)),
        (lambda: tensors.cumulative_sum(tensor([1, 2, 4])), np.int32([1, 3, 7])),
        (lambda: tensors.all_of(tensor(X) > 0, axis=0), (X > 0).all(axis=0)),
        (lambda: tensors.any_of(tensor(X) > 6), np.array(True)),
        (
            lambda: tensors.sum_by(tensor(X), tensor([1, 1]), 3),
            np.stack([0 * X[0], X.sum(0), 0 * X[0]]),
        ),
        (lambda: tensors.put_rows(tensor(X), tensor([1]), tensor(X[:1])), X[[0, 0]]),
        (
            lambda: tensors.reshape(tensor(X), tensors.joined(tensors.shape(tensor(X)), 1)),
            X[..., None],
        ),
        (lambda: tensor(1.5), np.array(1.5, np.float32)),
        (lambda: tensor(np.float64(1.5)), np.array(1.5, np.float64)),
    ],
)
def test_values_and_types_are_numpys(found, expected):
    values = to_numpy(found())
    assert values.dtype == expected.dtype
    np.testing.assert_array_equal(values, expected)


def test_a_loop_goes_on_while_its_condition_holds():
    x, count = tensors.while_loop(
        lambda x, count: x < 100, lambda x, count: (2 * x, count + 1), (tensor(3), tensor(0))
    )
    assert (int(x), int(count)) == (192, 6)


@pytest.mark.parametrize("value", [4, np.int64(4), np.int32(4)])
def test_whole_numbers_are_known(value):
    assert tensors.iteration_count(value) == 4
    assert tensors.iteration_count(tensor(value)) == 4


@pytest.mark.parametrize("value", [1.5, -1, True, [1, 2]])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match="a whole number from 0 up is wanted"):
        tensors.iteration_count(value)


@pytest.mark.tensorflow_only("PyTorch has no graphs, in which values cannot be seen")
def test_a_limit_is_checked_within_a_graph():
    import tensorflow as tf

    @tf.function
    def check(x):
        tensors.check_at_most(x, 1.0, "too large")
        return x

    check(tensor([0.5]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="too large"):
        check(tensor([1.5]))

"""One compiled step of training against the first step of Adam, which is known in closed form."""

import keras
import numpy as np
import pytest
from keras import ops

from moclink.training.fit import Fit, optimizer


class Squares:
    """Mean squared output of a dense layer, and a second figure."""

    def __init__(self):
        self.layer = keras.layers.Dense(2, use_bias=False, kernel_initializer="ones")
        self.parts = [self.layer]

    def __call__(self, batch):
        output = self.layer(batch["x"])
        return {"loss": ops.mean(output**2), "largest": ops.max(output)}


BATCH = {"x": np.float32([[1, -2, 3], [0.5, 1, 1]])}


def kernel_of(fit):
    return ops.convert_to_numpy(fit.model.parts[0].kernel)


@pytest.mark.parametrize("jit", [False, True])
def test_the_first_step_moves_each_weight_by_the_rate_against_its_gradient(jit):
    """Adam's first step is rate * g / |g| whatever the clipping makes of the size of g."""
    fit = Fit(Squares(), BATCH, jit)
    gradient = BATCH["x"].T @ (BATCH["x"] @ np.ones((3, 2)))
    losses = fit.step(BATCH, 0.01)
    np.testing.assert_allclose(kernel_of(fit), 1 - 0.01 * np.sign(gradient), atol=1e-5)
    # The losses are those of the batch before the step: outputs 2 and 2.5.
    assert list(losses) == ["loss", "largest"]
    assert losses == pytest.approx({"loss": (2**2 + 2.5**2) / 2, "largest": 2.5})


def test_losses_are_of_the_last_batch_alone():
    fit = Fit(Squares(), BATCH, jit=False)
    fit.step(BATCH, 1e-6)
    assert fit.step({"x": 10 * BATCH["x"]}, 1e-6)["largest"] == pytest.approx(25, rel=1e-3)


def test_variables_are_the_weights_and_all_that_the_optimizer_keeps():
    fit = Fit(Squares(), BATCH, jit=False)
    fit.step(BATCH, 0.01)
    variables = fit.variables("codec")
    kept = {name: np.array(value) for name, value in variables.items()}
    assert {name.split("/")[1] for name in variables} == {"weights", "optimizer"}
    assert list(variables) == sorted(variables, key=lambda name: ("optimizer" in name, name))
    fit.step(BATCH, 0.01)
    after = kernel_of(fit)
    for name, value in fit.variables("codec").items():
        value.assign(kept[name])
    fit.step(BATCH, 0.01)  # from the same state, the same step
    np.testing.assert_array_equal(kernel_of(fit), after)


def test_gradients_are_clipped_to_norm_1():
    adam = optimizer(0.5)
    variable = keras.Variable(np.zeros(2, np.float32))
    adam.build([variable])
    adam.apply_gradients([(ops.convert_to_tensor(np.float32([30, 40])), variable)])
    moments = {v.path.split("/")[-1]: ops.convert_to_numpy(v) for v in adam.variables}
    momentum = next(v for name, v in moments.items() if "momentum" in name)
    np.testing.assert_allclose(momentum, 0.1 * np.array([0.6, 0.8]), rtol=1e-5)

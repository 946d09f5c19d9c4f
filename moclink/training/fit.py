"""An objective with its optimizer, compiled by Keras: one training step, the same on every backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras


class ObjectiveModel(keras.Model):
    """Keras's own training step around an objective, the same on every backend.

    Args:
        objective: Batch to dict of scalars with a `loss`; its `parts` are the layers to train.
        terms: Names of the other scalars.

    Example:
        >>> model = ObjectiveModel(objective, ["psnr"])
        >>> model.compile(optimizer="adam")
        >>> model.train_on_batch(batch, return_dict=True)
    """

    def __init__(self, objective: Any, terms: Sequence[str], **kwargs: Any):
        super().__init__(**kwargs)
        self.objective = objective
        self.parts = list(objective.parts)
        self.trackers = {name: keras.metrics.Mean(name=name) for name in terms}

    def call(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Losses of a batch."""
        return self.objective(batch)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Take the objective's own sum."""
        for name, tracker in self.trackers.items():
            tracker.update_state(y_pred[name])
        return y_pred["loss"]


def optimizer(learning_rate: float) -> keras.optimizers.Optimizer:
    """Adam (0.9, 0.99) as in the paper, with the gradient's norm clipped to 1."""
    return keras.optimizers.Adam(learning_rate, beta_1=0.9, beta_2=0.99, global_clipnorm=1.0)


class Fit:
    """An objective with its optimizer: one compiled training step.

    Args:
        objective: See `objectives`.
        batch: A batch of the shapes to come; the layers are built by it.
        jit: Whether the step is compiled by XLA.
    """

    def __init__(self, objective: Any, batch: Mapping[str, Any], jit: bool = True):
        # The first call builds the layers, and tells which terms there are.
        terms = [name for name in objective(dict(batch)) if name != "loss"]
        self.model = ObjectiveModel(objective, terms)
        self.model(dict(batch))
        self.model.compile(optimizer=optimizer(1e-3), jit_compile=jit)
        self.model.optimizer.build(self.model.trainable_variables)

    def step(self, batch: Mapping[str, Any], learning_rate: float) -> dict[str, float]:
        """Do one step and return the losses of this batch alone, `loss` first."""
        self.model.optimizer.learning_rate = learning_rate
        self.model.reset_metrics()
        logs = self.model.train_on_batch(dict(batch), return_dict=True)
        return {
            "loss": float(logs["loss"]),
            **{name: float(logs[name]) for name in self.model.trackers},
        }

    def variables(self, name: str) -> dict[str, Any]:
        """Weights and moments under unique names, in the order in which Keras made them."""
        weights = {f"{name}/weights/{i:04d}": v for i, v in enumerate(self.model.weights)}
        moments = {
            f"{name}/optimizer/{i:04d}": v for i, v in enumerate(self.model.optimizer.variables)
        }
        return {**weights, **moments}

"""MOC, the multi-head octonary codebook: one level of quantisation.

The input is split into P heads; each head is replaced by the nearest of its N code vectors
(eq. 1-2), so P * log2(N) bits name one of N**P vectors.

Reference: Zhou et al., "MOC-RVQ", section III-A.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def _block_diagonal(codebook: Any) -> Any:
    """All heads' codebooks [P, N, c] as blocks of one matrix [P*N, P*c]: one product serves all heads."""
    heads, states, width = codebook.shape
    blocks = ops.einsum("pnc,pq->pnqc", codebook, ops.eye(heads, dtype=codebook.dtype))
    return ops.reshape(blocks, (heads * states, heads * width))


def _nearest(residual: Any, codebook: Any) -> Any:
    """Nearest code vector of each head (eq. 1).

    Args:
        residual: float [B, h, w, P*c].
        codebook: float [P, N, c].

    Returns:
        int32 [B, h, w, P].
    """
    heads, states, _ = codebook.shape
    products = ops.matmul(residual, ops.transpose(_block_diagonal(codebook)))
    products = ops.reshape(products, (*ops.shape(residual)[:3], heads, states))
    return ops.cast(ops.argmin(ops.sum(codebook**2, axis=-1) - 2.0 * products, axis=-1), "int32")


def _vectors(indices: Any, codebook: Any) -> Any:
    """Code vectors (eq. 2): indices [B, h, w, P] and codebook [P, N, c] to [B, h, w, P*c]."""
    heads, states, width = codebook.shape
    rows = indices + ops.arange(heads, dtype="int32") * states
    vectors = ops.take(ops.reshape(codebook, (heads * states, width)), rows, axis=0)
    return ops.reshape(vectors, (*ops.shape(indices)[:3], heads * width))


@keras.saving.register_keras_serializable(package="moclink")
class MOC(keras.layers.Layer):
    """Multi-head octonary codebook: one level of quantisation.

    Args:
        latent_channels: n_q, a multiple of `heads`.
        heads: P.
        states: N; 8 is one axis of 64-QAM.
        trainable: False if the codebook moves by averages and not by gradients.

    Call Args:
        residual: float [B, h, w, n_q].

    Returns:
        (e, s): code vectors float32 [B, h, w, n_q], differentiable in the codebook only, and
        indices int32 [B, h, w, P].

    Raises:
        ValueError: If n_q is no multiple of `heads`, or `states` is no power of two.
    """

    def __init__(self, latent_channels: int, heads: int = 4, states: int = 8, **kwargs: Any):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if latent_channels % heads:
            raise ValueError(
                f"latent_channels is {latent_channels}; it must be a multiple of heads, {heads}"
            )
        if states < 2 or states & (states - 1):
            raise ValueError(f"states is {states}; it must be a power of two, such as 4, 8 or 16")
        self.latent_channels = latent_channels
        self.heads = heads
        self.states = states

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the codebook [P, N, c], uniform in +-1/N, and the priors [P, N]."""
        width = self.latent_channels // self.heads
        self.codebook = self.add_weight(
            name="codebook",
            shape=(self.heads, self.states, width),
            initializer=keras.initializers.RandomUniform(-1 / self.states, 1 / self.states),
        )
        self.priors = self.add_weight(
            name="priors",
            shape=(self.heads, self.states),
            initializer=keras.initializers.Constant(1 / self.states),
            trainable=False,
        )

    def call(self, residual: Any) -> tuple[Any, Any]:
        """Replace each head of the residual by its nearest code vector."""
        residual = ops.cast(ops.stop_gradient(residual), "float32")
        codebook = ops.convert_to_tensor(self.codebook)
        indices = _nearest(residual, ops.stop_gradient(codebook))
        return _vectors(indices, codebook), indices

    def look_up(self, indices: Any) -> Any:
        """Code vectors of int32 [B, h, w, P]: float32 [B, h, w, n_q]."""
        return _vectors(ops.cast(indices, "int32"), ops.convert_to_tensor(self.codebook))

    def expected(self, posteriors: Any) -> Any:
        """Mean code vectors, sum_k p(k) e_k, of float [B, h, w, P, N]: float32 [B, h, w, n_q]."""
        weights = ops.reshape(posteriors, (*ops.shape(posteriors)[:3], self.heads * self.states))
        return ops.matmul(weights, _block_diagonal(ops.convert_to_tensor(self.codebook)))

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[tuple[int | None, ...], ...]:
        """Shapes of the code vectors and of the indices."""
        return tuple(input_shape), (*input_shape[:3], self.heads)

    def compute_output_spec(self, residual: Any) -> tuple[Any, Any]:
        """Shapes and types of the code vectors and of the indices."""
        vectors, indices = self.compute_output_shape(residual.shape)
        return keras.KerasTensor(vectors, "float32"), keras.KerasTensor(indices, "int32")

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "latent_channels": self.latent_channels,
            "heads": self.heads,
            "states": self.states,
        }

"""MOC-RVQ: the residual recursion of multi-head octonary codebooks.

    r_0 = z;   s_d = MOC_d(r_{d-1});   r_d = r_{d-1} - e_d;   z_q = e_1 + ... + e_L        (eq. 4-6)

The recursion subtracts the code vector itself and no gradient passes through that vector: with the
straight-through value in its place r_d would be constant in z, and the commitment gradient of
every level but the first would be lost.

With `search="joint"` the codes of a head are chosen together and not level by level (see `search`);
what is sent and how it is looked up is the same.

Reference: Zhou et al., "MOC-RVQ", section III-A.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.inputs import check_counts, check_latent
from moclink.codec.moc import MOC
from moclink.codec.search import SEARCHES, choose, count_levels, greedy_search, nearest_sum
from moclink.constants import LATENT_STRIDE

MOST_SUMS = 2**16  # that the joint search compares for each head


@dataclass(frozen=True)
class Quantized:
    """What the quantiser makes of a latent.

    Attributes:
        z_q: float32 [B, h, w, n_q], straight-through: its value is the sum of the code vectors of
            the levels in use, its gradient passes to z unchanged.
        indices: int32 [B, h, w, D, P], all D levels whatever the number in use.
        codebook_loss: float32 scalar, sum over levels and heads of |sg[r_{d-1}] - e_d|^2, each
            averaged over batch, positions and the channels of its head. Moves codebooks only. (With
            the joint search r_d is what the best d codes leave.)
        commitment_loss: float32 scalar, the same with sg on e_d instead. Moves z only.
    """

    z_q: Any
    indices: Any
    codebook_loss: Any
    commitment_loss: Any


@keras.saving.register_keras_serializable(package="moclink")
class MOCRVQ(keras.layers.Layer):
    """Residual quantiser of D multi-head octonary codebooks.

    Called as a layer it returns the straight-through latent and adds
    codebook_loss + commitment * commitment_loss to the model's losses; `quantize_latent` returns
    all of it. The weights exist from the start, so that every method works without a first call.

    Args:
        latent_channels: n_q, a multiple of `heads`.
        heads: P.
        levels: D.
        states: N.
        commitment: Weight beta of the commitment loss in a layer call.
        ema_decay: If given, codebooks follow exponential averages of the residuals (moved by a call
            for training, or `codebooks.update_averages`), without a gradient; typically 0.99.
        search: "greedy": nearest vector level by level (eq. 4-6); "joint": nearest sum of those used.

    Call Args:
        z: float [B, h, w, n_q].
        levels: Levels in use: None (all), an int, or int [B] per sample.

    Returns:
        z_q, float32 [B, h, w, n_q].

    Raises:
        ValueError: If n_q is no multiple of `heads`, `states` is no power of two, `levels` < 1,
            `ema_decay` is outside (0, 1), or `search` is unknown or out of reach.
    """

    def __init__(
        self,
        latent_channels: int,
        heads: int = 4,
        levels: int = 4,
        states: int = 8,
        commitment: float = 0.25,
        ema_decay: float | None = None,
        search: str = "greedy",
        **kwargs: Any,
    ):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if search not in SEARCHES:
            raise ValueError(f"search is {search!r}; it must be one of {', '.join(SEARCHES)}")
        check_counts(latent_channels=latent_channels, heads=heads, levels=levels)
        if search == "joint" and states**levels > MOST_SUMS:
            raise ValueError(
                f"search is 'joint' with {states} states and {levels} levels; states**levels must not exceed "
                f"{MOST_SUMS}, or search be 'greedy'"
            )
        if ema_decay is not None and not 0 < ema_decay < 1:
            raise ValueError(f"ema_decay is {ema_decay}; it must lie between 0 and 1, or be None")
        self.latent_channels = latent_channels
        self.heads = heads
        self.levels = levels
        self.states = states
        self.commitment = commitment
        self.ema_decay = ema_decay
        self.search = search
        self.mocs = [
            MOC(
                latent_channels,
                heads,
                states,
                dtype=self.dtype_policy,
                name=f"moc_{d}",
                trainable=self.trainable and ema_decay is None,
            )
            for d in range(levels)
        ]
        self.build((None, None, None, latent_channels))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the codebooks and, if they move by averages, the averages."""
        for moc in self.mocs:
            moc.build(input_shape)
        if self.ema_decay is not None:
            shape = (self.levels, self.heads, self.states)
            width = self.latent_channels // self.heads
            self.ema_count = self.add_weight(
                name="ema_count", shape=shape, initializer="zeros", trainable=False
            )
            self.ema_sum = self.add_weight(
                name="ema_sum", shape=(*shape, width), initializer="zeros", trainable=False
            )

    def _sum(self, vectors: list[Any], levels: Any) -> Any:
        """Sum of the code vectors of the levels in use, always in the same order."""
        total = vectors[0]
        if levels is None or isinstance(levels, int | np.integer):
            for vector in vectors[1 : count_levels(levels, len(vectors))]:
                total = total + vector
            return total
        levels = ops.reshape(ops.cast(levels, "int32"), (-1, 1, 1, 1))
        for d, vector in enumerate(vectors[1:], 1):
            total = total + vector * ops.cast(levels > d, vector.dtype)
        return total

    def quantize_latent(self, z: Any, levels: Any = None) -> Quantized:
        """Quantise a latent and give the losses of eq. (7).

        (Keras reserves the name `quantize` of a layer for the precision of its weights.)

        Both losses cover all D levels whatever `levels` says, so that deep codebooks keep learning
        under level dropout.

        Args:
            z: float [B, h, w, n_q].
            levels: Levels that make z_q: None (all), an int, or int [B] per sample.

        Raises:
            ValueError: If an int `levels` is outside 1..D.
        """
        levels = check_latent(z, levels, self.latent_channels, self.levels)
        z = ops.cast(z, "float32")
        target, codebook_loss, commitment_loss = ops.stop_gradient(z), 0.0, 0.0
        if self.search == "greedy":
            vectors, indices = greedy_search(self.mocs, z)
            residual = z
            for e in vectors:
                # Sum over heads of a mean over the head's channels = P times the mean over all
                # channels.
                codebook_loss += self.heads * ops.mean((ops.stop_gradient(residual) - e) ** 2)
                residual = residual - ops.stop_gradient(e)
                commitment_loss += self.heads * ops.mean(residual**2)
            chosen = ops.stack(indices, axis=3)
        else:
            for count in range(1, self.levels + 1):
                best = nearest_sum(self.mocs, z, count)[0]
                total = sum(best[1:], best[0])
                codebook_loss += self.heads * ops.mean((target - total) ** 2)
                commitment_loss += self.heads * ops.mean((z - ops.stop_gradient(total)) ** 2)
            chosen = choose(self.mocs, z, levels, self.search)
        # In this order the added difference is exactly zero, and the value exactly that of
        # `look_up`.
        z_q = ops.stop_gradient(self.look_up(chosen, levels)) + (z - target)
        return Quantized(z_q, chosen, codebook_loss, commitment_loss)

    def call(self, z: Any, levels: Any = None, training: bool | None = None) -> Any:
        """Quantise, straight-through, and add the losses; in training move the averages."""
        quantized = self.quantize_latent(z, levels)
        if training and self.ema_decay is not None and self.trainable:
            from moclink.codec.codebooks import update_averages  # which needs this module

            update_averages(self, ops.stop_gradient(z))
        self.add_loss(quantized.codebook_loss + self.commitment * quantized.commitment_loss)
        return quantized.z_q

    def encode(self, z: Any, levels: Any = None) -> Any:
        """Indices of all levels of float [B, h, w, n_q]: int32 [B, h, w, D, P].

        Args:
            z: float [B, h, w, n_q].
            levels: Levels that will be sent: None (all), an int, or int [B]. The greedy search does
                not depend on it; the joint search chooses these levels' codes together.
        """
        levels = check_latent(z, levels, self.latent_channels, self.levels)
        return choose(self.mocs, ops.cast(z, "float32"), levels, self.search)

    def look_up(self, indices: Any, levels: Any = None) -> Any:
        """Retrieve the latent R(s): sum of the code vectors of the first levels.

        Args:
            indices: int [B, h, w, L, P], L of 1..D.
            levels: Levels to use: None (all L), an int, or int [B] per sample.

        Returns:
            float32 [B, h, w, n_q].
        """
        received = self.mocs[: indices.shape[3]]
        return self._sum(
            [moc.look_up(indices[:, :, :, d]) for d, moc in enumerate(received)], levels
        )

    def expected(self, posteriors: Any, levels: Any = None) -> Any:
        """Retrieve softly: sum over levels of sum_k p(k) e_k, the mean of the sent latent.

        Args:
            posteriors: float [B, h, w, L, P, N], L of 1..D, summing to 1 over the last axis.
            levels: Levels to use: None (all L), an int, or int [B] per sample.

        Returns:
            float32 [B, h, w, n_q].
        """
        received = self.mocs[: posteriors.shape[3]]
        return self._sum(
            [moc.expected(posteriors[:, :, :, d]) for d, moc in enumerate(received)], levels
        )

    def requantize(self, z: Any, levels: Any = None) -> Any:
        """Quantise a denoised latent again (eq. 9): float [B, h, w, n_q] to code vector sums."""
        return ops.stop_gradient(self.look_up(self.encode(z, levels), levels))

    @property
    def priors(self) -> NDArray[np.float32]:
        """p(k), float32 [D, P, N]."""
        return np.stack([moc.priors.numpy() for moc in self.mocs])

    @property
    def codebooks(self) -> NDArray[np.float32]:
        """Copies of all codebooks, float32 [D, P, N, n_q/P]."""
        return np.stack([moc.codebook.numpy() for moc in self.mocs])

    def assign_codebooks(self, codebooks: NDArray[np.floating]) -> None:
        """Replace all codebooks by [D, P, N, n_q/P]."""
        for moc, codebook in zip(self.mocs, codebooks, strict=True):
            moc.codebook.assign(codebook)

    def assign_priors(self, priors: NDArray[np.floating]) -> None:
        """Replace p(k) by [D, P, N]."""
        for moc, prior in zip(self.mocs, priors, strict=True):
            moc.priors.assign(prior)

    def split_heads(self, samples: NDArray[np.floating]) -> NDArray[np.float32]:
        """Latents [..., n_q] as float32 [M, P, n_q/P]."""
        return np.asarray(samples, np.float32).reshape(
            -1, self.heads, self.latent_channels // self.heads
        )

    def compute_output_spec(self, z: Any, levels: Any = None) -> Any:
        """The shape does not change."""
        return keras.KerasTensor(z.shape, "float32")

    def macs_per_pixel(self) -> float:
        """Multiply-accumulates of the nearest-vector search for each pixel of an f = 8 codec.

        Of the joint search its additions, one for each sum that is compared, are counted as well.
        """
        if self.search == "greedy":
            return self.levels * self.states * self.latent_channels / LATENT_STRIDE**2
        products = sum(self.states**n for n in (self.levels // 2, -(-self.levels // 2)))
        return (
            products * self.latent_channels + self.states**self.levels * self.heads
        ) / LATENT_STRIDE**2

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "latent_channels": self.latent_channels,
            "heads": self.heads,
            "levels": self.levels,
            "states": self.states,
            "commitment": self.commitment,
            "ema_decay": self.ema_decay,
            "search": self.search,
        }

"""Loss of encoder, decoder and codebooks that are trained through the channel.

    images, SNR -> E -> channel-optimised search -> PAM, noise -> posteriors -> z_hat -> G -> images

What the receiver retrieves is a mean over codes, so the picture's gradient reaches the code vectors
as it is; the choice of the codes has none. Two ways for the latent:

- *straight-through*: the picture's gradient goes from z_hat to z as if noise and quantiser were
  added to it, and |z - z_hat|^2 holds the two together, each side with the other one fixed.
- *expected distortion*: the same for the picture, but what holds them together is the expectation of
  that distance over the noise, |z - sum_d m|^2 + sum_d t of the codes chosen (see
  `moclink.codec.channel_optimized_codebooks`), smooth in the latent and in the code vectors.

Reference: Bengio et al., "Estimating or propagating gradients through stochastic neurons", 2013;
Farvardin and Vaishampayan, 1991.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from moclink.codec.channel_optimized_codebooks import (
    ChannelCodebooks,
    averaged_moments,
    joined_latents,
)
from moclink.codec.receiver import log_likelihoods, noise_variance, posterior
from moclink.codec.search import joint_search
from moclink.training import losses
from moclink.training.channel_options import GRADIENTS


class GridCodebooks(keras.layers.Layer):
    """Code vectors of a row of the grid, as weights.

    Args:
        row: Codebooks at each SNR, or the one of a sender that is not told the SNR; priors, prices
            and amplitudes stay as they are.

    Attributes:
        snr_db: SNRs of the channel.
        over: (SNR in dB, weight) that the search averages over, of a sender that is not told the
            SNR; empty for the SNR of the channel.

    Call Args:
        place: int [1], which SNR of the channel.

    Returns:
        Code vectors c [L, P, N, c], priors [L, P, N], amplitudes [N], price [], the SNR in dB that
        the codebooks are for [] and that of the channel [].

    Raises:
        ValueError: If there are several codebooks of which one is for a range of SNRs.
    """

    def __init__(self, row: Sequence[ChannelCodebooks], **kwargs: Any):
        super().__init__(**kwargs)
        self.over = row[0].over
        if len(row) > 1 and any(books.over for books in row):
            raise ValueError(f"{len(row)} codebooks; one for a range of SNRs has to be alone")
        self.snr_db = [snr for snr, _ in self.over] or [float(books.snr_db) for books in row]
        start = np.stack([books.codebooks for books in row])
        self.codebooks = self.add_weight(
            name="codebooks", shape=start.shape, initializer=lambda *_, **__: start
        )
        self._fixed = [
            np.array(values, np.float32)
            for values in (
                [books.priors for books in row],
                [books.amplitudes for books in row],
                [books.price for books in row],
                [books.snr_db for books in row],
            )
        ]
        self.built = True

    def call(self, place: Any) -> tuple[Any, ...]:
        """Look up what belongs to one SNR."""
        tables = (ops.convert_to_tensor(self.codebooks), *map(ops.convert_to_tensor, self._fixed))
        at = ops.zeros_like(place) if self.over else place
        snr_db = ops.take(ops.convert_to_tensor(np.array(self.snr_db, np.float32)), place, axis=0)[
            0
        ]
        return (*(ops.take(table, at, axis=0)[0] for table in tables), snr_db)

    def states(self, no: Any) -> list[tuple[Any, float]]:
        """Noise variances and weights that the search averages over, where the channel has `no`."""
        return [(noise_variance(snr), weight) for snr, weight in self.over] or [(no, 1.0)]


@dataclass(frozen=True)
class ChannelObjective:
    """Loss of a batch.

    Attributes:
        encoder: E with a grid of SNRs.
        decoder: G, the same.
        codebooks: Codebooks over the grid.
        gradient: One of `channel_options.GRADIENTS`.
        latent: Weight of the latent's distortion beside the mean of ln(squared error + floor).
        floor: So that flat crops do not count for more than they should.
    """

    encoder: Any
    decoder: Any
    codebooks: GridCodebooks
    gradient: str = GRADIENTS[0]
    latent: float = 0.3
    floor: float = 1e-4

    def __post_init__(self) -> None:
        if self.gradient not in GRADIENTS:
            raise ValueError(f"gradient is {self.gradient!r}; choose {' or '.join(GRADIENTS)}")

    @property
    def parts(self) -> list[Any]:
        """The layers that this objective calls."""
        return [self.encoder, self.decoder, self.codebooks]

    def send(self, images: Any, place: Any, noise: Any) -> tuple[Any, Any, Any]:
        """Send images at one SNR of the grid.

        Args:
            images: float32 [B, H, W, 3] in [0, 1].
            place: int32 [1], which SNR.
            noise: Standard normal, float32 [B, h, w, L, P].

        Returns:
            z and z_hat, float32 [B, h, w, P*c], and the mean over positions of the expected
            distortion, [].
        """
        vectors, priors, amplitudes, price, sender_snr_db, snr_db = self.codebooks(place)
        no = noise_variance(snr_db)
        z = ops.cast(self.encoder(images, ops.reshape(sender_snr_db, (1,))), "float32")
        averaged = self.codebooks.states(no)
        means, spreads = averaged_moments(vectors, priors, amplitudes, averaged)
        penalties = ops.stop_gradient(spreads + price * amplitudes**2)
        count, heads, states, _ = vectors.shape
        joined = joined_latents(z, heads, [weight for _, weight in averaged])
        codes = joint_search(
            ops.stop_gradient(joined),
            ops.unstack(ops.stop_gradient(means), count),
            ops.unstack(penalties, count),
        )
        chosen = ops.one_hot(codes, states, dtype="float32")  # [B, h, w, n, P, N]
        sent = ops.sum(chosen * amplitudes, axis=-1)
        # Scaled to unit power: as much noise more or less, relative to the amplitudes.
        no = no * 2.0 * ops.mean(ops.square(sent))
        received = sent + noise * ops.sqrt(no / 2.0)
        known = posterior(log_likelihoods(received, no, amplitudes), priors)
        found = ops.einsum("bhwdpn,dpnc->bhwpc", known, vectors)
        wanted = ops.reshape(joined, (*ops.shape(z)[:3], heads, means.shape[-1]))
        error = ops.sum((wanted - ops.einsum("bhwdpn,dpnc->bhwpc", chosen, means)) ** 2, axis=-1)
        error = error + ops.einsum("bhwdpn,dpn->bhwp", chosen, spreads)
        return z, ops.reshape(found, ops.shape(z)), ops.mean(ops.sum(error, axis=-1))

    def decode(self, z: Any, place: Any) -> Any:
        """Decode latents received at one SNR of the grid, float32, not clipped."""
        snr_db = self.codebooks(place)[-1]
        return ops.cast(self.decoder(z, snr_db=ops.reshape(snr_db, (1,))), "float32")

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Return the losses of a batch: images, place and noise as `send` takes them."""
        images, place = batch["images"], batch["place"]
        z, found, expected = self.send(images, place, batch["noise"])
        # The value of z_hat; gradients of both, for latent and code vectors.
        joined = z + found - ops.stop_gradient(z)
        decoded = self.decode(joined, place)
        error = ops.mean(ops.square(decoded - images), axis=(1, 2, 3))
        distance = ops.mean(
            ops.sum((z - ops.stop_gradient(found)) ** 2, axis=-1)
            + ops.sum((ops.stop_gradient(z) - found) ** 2, axis=-1)
        )
        latent = expected if self.gradient == "expected-distortion" else distance
        pixel = ops.mean(ops.log(error + self.floor))
        return {
            "loss": pixel + self.latent * latent,
            "psnr": ops.mean(losses.psnr(decoded, images)),
            "latent": latent,
        }

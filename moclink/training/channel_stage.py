"""Training through the channel, for `loop.run`: encoder and decoder told the SNR, and codebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.channel_optimized_grid import ChannelCodebookGrid
from moclink.codec.snr_aware import SNRAwareAutoencoder
from moclink.training.channel_objective import ChannelObjective, GridCodebooks
from moclink.training.channel_options import GRADIENTS
from moclink.training.draws import draw_noise
from moclink.training.fit import Fit
from moclink.training.patches import CropFeeder
from moclink.training.validation import picture_psnr, validate_on


@dataclass(frozen=True)
class ChannelOptions:
    """Options of the stage.

    Attributes:
        row: The row of the grid that is trained, by its name.
        gradient: One of `channel_options.GRADIENTS`.
        latent: Weight of the latent's distortion.
        whole: Whether all weights of the networks are trained, and not only what
            `select_weights` leaves.
        seed: Seed of everything drawn.
        jit: Whether steps are compiled by XLA.
    """

    row: str
    gradient: str = GRADIENTS[0]
    latent: float = 0.3
    whole: bool = False
    seed: int = 0
    jit: bool = True


class ChannelStage:
    """Trains E, G and the codebooks of one row of a grid, at its SNRs.

    Each row has an E and a G of its own: the latents that suit one level suit four badly.

    Args:
        autoencoder: E and G, told the SNR.
        grid: Codebooks to start from.
        feeder: Crops by step.
        held_out: Pictures float32 [H, W, 3] in [0, 1] for validation.
        options: See `ChannelOptions`.
    """

    def __init__(
        self,
        autoencoder: SNRAwareAutoencoder,
        grid: ChannelCodebookGrid,
        feeder: CropFeeder,
        held_out: Sequence[NDArray[np.float32]],
        options: ChannelOptions,
    ):
        self.options, self._feeder, self._held_out = options, feeder, list(held_out)
        row = grid.rows()[options.row]
        self._sent = row[0].codebooks.shape[:2]  # levels, heads: indices of a latent
        if not options.whole:
            select_weights(autoencoder)
        self.codebooks = GridCodebooks(row, name="codebooks")
        self._objective = ChannelObjective(
            autoencoder.encoder,
            autoencoder.decoder,
            self.codebooks,
            options.gradient,
            options.latent,
        )
        self._fit = Fit(self._objective, self._batch(0), options.jit)

    @property
    def config(self) -> dict[str, Any]:
        """Options that a checkpoint must agree on."""
        data = {"crop": self._feeder.crop, "batch": self._feeder.batch}
        return {"snr_db": self.codebooks.snr_db, **asdict(self.options), **data}

    def variables(self) -> dict[str, Any]:
        """All weights and moments."""
        return self._fit.variables("channel")

    def _batch(self, step: int) -> dict[str, NDArray[Any]]:
        rng = np.random.default_rng([self.options.seed, step, 0x43])
        count, side = self._feeder.batch, self._feeder.crop
        return {
            "images": self._feeder(step),
            "place": rng.integers(0, len(self.codebooks.snr_db), 1).astype(np.int32),
            "noise": draw_noise(rng, count, side, side, *self._sent),
        }

    def train(self, step: int, learning_rate: float) -> dict[str, float]:
        """Do one step."""
        return self._fit.step(self._batch(step), learning_rate)

    def validate(self) -> tuple[dict[str, float], dict[str, NDArray[np.uint8]]]:
        """PSNR at each SNR of the grid; the first three pictures to look at."""
        return validate_on(self._held_out, self._look)

    def _look(
        self, image: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[dict[str, float], list[Any]]:
        height, width = image.shape[:2]
        noise = draw_noise(rng, 1, height, width, *self._sent)
        row, views = {}, [image]
        for place, snr_db in enumerate(self.codebooks.snr_db):
            at = np.array([place], np.int32)
            received = self._objective.send(image[None], at, noise)[1]
            decoded = ops.convert_to_numpy(self._objective.decode(received, at))
            views.append(decoded[0, :height, :width])
            row[f"{snr_db:g}dB"] = picture_psnr(views[-1], image)
        return row, views


def select_weights(autoencoder: SNRAwareAutoencoder) -> None:
    """Leave to training what an SNR should change most: modulations, heads, G from 1/4 on.

    The kernels at 1/8 of the resolution, nine tenths of all weights, stay those of the codec, so that
    the change is a small file.
    """
    encoder, decoder = autoencoder.encoder, autoencoder.decoder
    last = len(decoder.depths) - 1
    layers: list[Any] = [encoder.stem, *encoder.downs, *encoder.blocks, decoder.stem]
    for layer in layers:
        layer.trainable = False
    for stage in range(last):
        for block in decoder.stage(stage):
            block.trainable = False

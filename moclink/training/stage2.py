"""Stage 2, for `loop.run`: the noise reduction block, trained after the channel.

images -> (E, MOC-RVQ) -> PAM + noise -> posteriors -> z_q_hat -> NRB -> requantise -> (G) -> images
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.decoder import Decoder
from moclink.codec.encoder import Encoder
from moclink.codec.index_channel import IndexChannel
from moclink.codec.noise_reduction import NoiseReduction
from moclink.codec.quantizer import MOCRVQ
from moclink.training.checkpoint import settings_of
from moclink.training.draws import draw_levels, draw_noise
from moclink.training.fit import Fit
from moclink.training.objectives import Stage2LossWeights, Stage2Objective
from moclink.training.patches import CropFeeder
from moclink.training.validation import picture_psnr, validate_on

VALIDATION_SNR = (0, 10, 20)


@dataclass(frozen=True)
class Stage2Options:
    """Options of stage 2.

    Attributes:
        weights: Weights of the loss terms.
        snr_db: Range of the SNR, drawn evenly for each sample.
        full_share: Share of samples with all levels; the others draw 1..D evenly.
        seed: Seed of everything drawn.
        jit: Whether steps are compiled by XLA.
    """

    weights: Stage2LossWeights = field(default_factory=Stage2LossWeights)
    snr_db: tuple[float, float] = (-5.0, 30.0)
    full_share: float = 0.4
    seed: int = 0
    jit: bool = True


class Stage2:
    """Trains the noise reduction block.

    Args:
        encoder: E; is frozen here, as are the next two.
        quantizer: MOC-RVQ with its final index assignment and priors.
        decoder: G.
        nrb: Noise reduction block.
        feeder: Crops by step.
        held_out: Pictures float32 [H, W, 3] in [0, 1] for validation.
        options: See `Stage2Options`.
    """

    def __init__(
        self,
        encoder: Encoder,
        quantizer: MOCRVQ,
        decoder: Decoder,
        nrb: NoiseReduction,
        feeder: CropFeeder,
        held_out: Sequence[NDArray[np.float32]],
        options: Stage2Options,
    ):
        for part in (encoder, quantizer, decoder):
            part.trainable = False
        self.encoder, self.quantizer, self.decoder, self.nrb = encoder, quantizer, decoder, nrb
        self.options, self._feeder, self._held_out = options, feeder, list(held_out)
        self._sent = quantizer.levels, quantizer.heads  # indices of a latent
        channel = IndexChannel(quantizer.states, "soft", seed=0)
        self._objective = Stage2Objective(
            encoder, quantizer, channel, nrb, decoder, options.weights
        )
        self._fit = Fit(self._objective, self._batch(0), options.jit)

    @property
    def config(self) -> dict[str, Any]:
        """Options that a checkpoint must agree on."""
        data = {"crop": self._feeder.crop, "batch": self._feeder.batch}
        return {"nrb": settings_of(self.nrb), **asdict(self.options), **data}

    def variables(self) -> dict[str, Any]:
        """All weights and moments."""
        return self._fit.variables("receiver")

    def _batch(self, step: int) -> dict[str, NDArray[Any]]:
        options, rng = self.options, np.random.default_rng([self.options.seed, step, 0x4E])
        count, side = self._feeder.batch, self._feeder.crop
        return {
            "images": self._feeder(step),
            "levels": draw_levels(rng, count, self.quantizer.levels, options.full_share),
            "snr_db": rng.uniform(*options.snr_db, count).astype(np.float32),
            "noise": draw_noise(rng, count, side, side, *self._sent),
        }

    def train(self, step: int, learning_rate: float) -> dict[str, float]:
        """Do one step."""
        return self._fit.step(self._batch(step), learning_rate)

    def validate(self) -> tuple[dict[str, float], dict[str, NDArray[np.uint8]]]:
        """PSNR with all levels over the SNR, with and without the NRB; three pictures to look at."""
        return validate_on(self._held_out, self._look)

    def _look(
        self, image: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[dict[str, float], list[Any]]:
        height, width = image.shape[:2]
        indices = self.quantizer.encode(self.encoder(image[None]))
        row, views = {}, [image]
        for snr in VALIDATION_SNR:
            args = (np.array([self.quantizer.levels], np.int32), np.array([snr], np.float32))
            noise = draw_noise(rng, 1, height, width, *self._sent)
            plain = self.decoder(self._objective.retrieve(indices, *args, noise))
            refined = self._objective.receive(indices, *args, noise)[1]
            both = [ops.convert_to_numpy(v)[0, :height, :width] for v in (plain, refined)]
            row[f"plain_{snr}dB"], row[f"nrb_{snr}dB"] = (picture_psnr(v, image) for v in both)
            views.append(both[1])
        return row, views

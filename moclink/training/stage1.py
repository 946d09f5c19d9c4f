"""Stage 1, for `loop.run`: the autoencoder and its codebooks, without noise.

images -> E -> z -> MOC-RVQ, 1..D levels drawn per sample -> G -> images
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from moclink.codec.blocks import convolution
from moclink.codec.codebook_initialization import initialize_codebooks
from moclink.codec.codebooks import code_usage, initialize_averages, reseed_unused
from moclink.codec.decoder import Decoder
from moclink.codec.encoder import Encoder
from moclink.codec.quantizer import MOCRVQ
from moclink.constants import LATENT_STRIDE
from moclink.training.checkpoint import settings_of
from moclink.training.discriminator import Discriminator
from moclink.training.draws import draw_levels
from moclink.training.fit import Fit
from moclink.training.linear_initialization import initialize_linear_paths, suits
from moclink.training.objectives import CriticObjective, Stage1LossWeights, Stage1Objective
from moclink.training.patches import CropFeeder
from moclink.training.validation import picture_psnr, validate_on


@dataclass(frozen=True)
class Stage1Options:
    """Options of stage 1.

    Attributes:
        weights: Weights of the loss terms.
        full_share: Share of samples that always use all levels; the others draw 1..D evenly.
        free_steps: Steps without quantiser before the k-means start of the codebooks.
        reseed_every: Steps between looks for dead codes; 0 never looks.
        reseed_until: Step after which dead codes are left alone.
        critic_width: Channels of the discriminator at full resolution.
        critic_rate: Learning rate of the discriminator (the paper's 4e-4).
        linear: Whether a fresh network starts from principal components where it allows that.
        fresh: Whether networks and codebooks are untrained and need an initialization.
        seed: Seed of everything drawn.
        jit: Whether steps are compiled by XLA.
    """

    weights: Stage1LossWeights = field(default_factory=Stage1LossWeights)
    full_share: float = 0.5
    free_steps: int = 0
    reseed_every: int = 200
    reseed_until: int = 1000
    critic_width: int = 32
    critic_rate: float = 4e-4
    linear: bool = True
    fresh: bool = True
    seed: int = 0
    jit: bool = True


class Stage1:
    """Trains encoder, quantiser and decoder.

    Args:
        encoder: E.
        quantizer: MOC-RVQ.
        decoder: G.
        feeder: Crops by step.
        held_out: Pictures float32 [H, W, 3] in [0, 1] for validation.
        options: See `Stage1Options`.
        features: Images to features of a fixed network, for the semantic guidance; None without.
        perceptual: (images, images) to distances [B], LPIPS; None without.
        shift_tolerant: The same of ST-LPIPS; None without.
    """

    def __init__(
        self,
        encoder: Encoder,
        quantizer: MOCRVQ,
        decoder: Decoder,
        feeder: CropFeeder,
        held_out: Sequence[NDArray[np.float32]],
        options: Stage1Options,
        features: Callable[[Any], Any] | None = None,
        perceptual: Callable[[Any, Any], Any] | None = None,
        shift_tolerant: Callable[[Any, Any], Any] | None = None,
    ):
        self.encoder, self.quantizer, self.decoder = encoder, quantizer, decoder
        self.options, self._feeder, self._held_out = options, feeder, list(held_out)
        example = self._batch(0)
        guide = None
        if features is not None and options.weights.semantic:
            channels = int(features(example["images"]).shape[-1])
            guide = convolution(channels, 1, dtype="float32", name="guide")
        self._critic, fixed = None, None
        if options.weights.adversarial:
            fixed = Discriminator(options.critic_width, trainable=False)
            critic = Discriminator(options.critic_width)
            pair = {"real": example["images"], "fake": example["images"]}
            self._critic = Fit(CriticObjective(critic), pair, options.jit)
        objective = Stage1Objective(
            encoder,
            quantizer,
            decoder,
            options.weights,
            features,
            guide,
            perceptual if options.weights.perceptual else None,
            shift_tolerant if options.weights.shift_tolerant else None,
            fixed,
        )
        self._objective = objective
        self._fit = Fit(objective, example, options.jit)

    @property
    def config(self) -> dict[str, Any]:
        """Options that a checkpoint must agree on."""
        networks: dict[str, Any] = {
            "encoder": self.encoder,
            "quantizer": self.quantizer,
            "decoder": self.decoder,
        }
        sizes = {name: settings_of(net) for name, net in networks.items()}
        return {
            **sizes,
            **asdict(self.options),
            "crop": self._feeder.crop,
            "batch": self._feeder.batch,
        }

    def variables(self) -> dict[str, Any]:
        """All weights and moments."""
        critic = {} if self._critic is None else self._critic.variables("critic")
        return {**self._fit.variables("codec"), **critic}

    def _batch(self, step: int) -> dict[str, NDArray[Any]]:
        options, rng = self.options, np.random.default_rng([self.options.seed, step, 0x4C])
        count = self._feeder.batch
        levels = draw_levels(rng, count, self.quantizer.levels, options.full_share)
        return {
            "images": self._feeder(step),
            "levels": levels if step >= options.free_steps else np.zeros(count, np.int32),
        }

    def _latents(self, step: int, batches: int) -> NDArray[np.float32]:
        """Latents [M, n_q] of batches that lie far from those trained on around this step."""
        places = range(10**9 + step, 10**9 + step + batches)
        return np.concatenate(
            [
                keras.ops.convert_to_numpy(self.encoder(self._feeder(i))).reshape(
                    -1, self.encoder.latent_channels
                )
                for i in places
            ]
        )

    def _prepare(self, step: int) -> None:
        """Start and refresh what gradients do not reach."""
        options, quantizer = self.options, self.quantizer
        if step == 0 and options.fresh and options.linear and suits(self.encoder, self.decoder):
            images = np.concatenate([self._feeder(10**9 - 1 - i) for i in range(16)])
            initialize_linear_paths(self.encoder, self.decoder, images, quantizer.heads)
        if step == options.free_steps:
            latents = self._latents(step, 16)
            if options.fresh:
                initialize_codebooks(quantizer, latents, options.seed)
            if quantizer.ema_decay is not None:
                positions = self._feeder.batch * (-(-self._feeder.crop // LATENT_STRIDE)) ** 2
                initialize_averages(quantizer, latents, positions)
        elif options.reseed_every and options.free_steps < step <= options.reseed_until:
            if step % options.reseed_every == 0:
                latents = self._latents(step, 4)
                indices = keras.ops.convert_to_numpy(quantizer.encode(latents[:, None, None]))
                reseed_unused(quantizer, latents, code_usage(indices, quantizer.states), seed=step)

    def train(self, step: int, learning_rate: float) -> dict[str, float]:
        """Do one step: the codec, then the discriminator if there is one."""
        self._prepare(step)
        batch = self._batch(step)
        if self._critic is None:
            return self._fit.step(batch, learning_rate)
        critic = self._critic.model.objective.critic
        for fixed, live in zip(self._objective.critic.weights, critic.weights, strict=True):
            fixed.assign(live)
        losses = self._fit.step(batch, learning_rate)
        fake = self._objective.reconstruct(batch["images"], batch["levels"])[2]
        pair = {
            "real": batch["images"],
            "fake": keras.ops.convert_to_numpy(fake).astype(np.float32),
        }
        return {**losses, "critic": self._critic.step(pair, self.options.critic_rate)["loss"]}

    def validate(self) -> tuple[dict[str, float], dict[str, NDArray[np.uint8]]]:
        """PSNR of the held-out pictures with 1..D levels, and without quantiser; three to look at."""
        return validate_on(self._held_out, self._look)

    def _look(
        self, image: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[dict[str, float], list[Any]]:
        z = self.encoder(image[None])
        latents = {
            f"l{n}": self.quantizer.look_up(self.quantizer.encode(z, n), n)
            for n in range(1, self.quantizer.levels + 1)
        }
        height, width = image.shape[:2]
        views = {
            name: keras.ops.convert_to_numpy(self.decoder(latent))[0, :height, :width]
            for name, latent in {**latents, "free": z}.items()
        }
        row = {name: picture_psnr(view, image) for name, view in views.items()}
        return row, [image, *(views[name] for name in latents)]

"""Stage 1 as the loop sees it: the autoencoder and its codebooks, without noise.

    images -> E -> z -> MOC-RVQ, 1..D levels drawn per sample -> G -> images

`Fit` is one network with its optimizer; the receiver's and the analog stage use it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from moclink.codec.autoencoder import Decoder, Encoder
from moclink.codec.kmeans import code_usage
from moclink.codec.quantizer import MOCRVQ
from moclink.training.discriminator import Discriminator
from moclink.training.objectives import CriticObjective, Stage1Objective, Stage1Weights, Trainee
from moclink.training.patches import CropFeeder
from moclink.training.start import linear_start, suits


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
        self.trainee = Trainee(objective, terms)
        self.trainee(dict(batch))
        self.trainee.compile(optimizer=optimizer(1e-3), jit_compile=jit)
        self.trainee.optimizer.build(self.trainee.trainable_variables)

    def step(self, batch: Mapping[str, Any], learning_rate: float) -> dict[str, float]:
        """Do one step and return the losses of this batch alone, `loss` first."""
        self.trainee.optimizer.learning_rate = learning_rate
        self.trainee.reset_metrics()
        logs = self.trainee.train_on_batch(dict(batch), return_dict=True)
        return {"loss": float(logs["loss"]), **{name: float(logs[name]) for name in self.trainee.trackers}}

    def variables(self, name: str) -> dict[str, Any]:
        """Weights and moments under unique names, in the order in which Keras made them."""
        weights = {f"{name}/weights/{i:04d}": v for i, v in enumerate(self.trainee.weights)}
        moments = {f"{name}/optimizer/{i:04d}": v for i, v in enumerate(self.trainee.optimizer.variables)}
        return {**weights, **moments}


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
        fresh: Whether networks and codebooks are untrained and want a start.
        seed: Seed of everything drawn.
        jit: Whether steps are compiled by XLA.
    """

    weights: Stage1Weights = field(default_factory=Stage1Weights)
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


def copy_codebooks(source: MOCRVQ, target: MOCRVQ) -> None:
    """Give one quantiser the codebooks and priors of another of the same size."""
    for mine, theirs in zip(target.mocs, source.mocs, strict=True):
        mine.codebook.assign(theirs.codebook)
        mine.priors.assign(theirs.priors)


def draw_levels(rng: np.random.Generator, batch: int, levels: int, full_share: float) -> NDArray[np.int32]:
    """Draw how many levels each sample uses: all with chance `full_share`, else 1..levels evenly."""
    drawn = rng.integers(1, levels + 1, batch)
    return np.where(rng.random(batch) < full_share, levels, drawn).astype(np.int32)


def to_pixels(image: Any) -> NDArray[np.uint8]:
    """Round an image [H, W, 3] in [0, 1] to uint8."""
    return np.round(np.clip(np.asarray(image), 0, 1) * 255).astype(np.uint8)


def psnr_of(image: Any, reference: NDArray[np.float32]) -> float:
    """PSNR in dB of an image [H, W, 3] after clipping."""
    error = float(np.mean((np.clip(np.asarray(image, np.float64), 0, 1) - reference) ** 2))
    return float(-10 * np.log10(max(error, 1e-10)))


def average(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each named figure over pictures."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


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
            guide = keras.layers.Conv2D(channels, 1, name="guide")
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
        sizes = {
            name: {k: v for k, v in net.get_config().items() if k not in ("name", "dtype")}
            for name, net in networks.items()
        }
        return {**sizes, **asdict(self.options), "crop": self._feeder.crop, "batch": self._feeder.batch}

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

    def _start_averages(self, latents: NDArray[np.float32]) -> None:
        """Let the averages stand at the k-means start, or the first batch alone would replace it."""
        quantizer = self.quantizer
        indices = keras.ops.convert_to_numpy(quantizer.encode(latents[:, None, None]))
        cells = self._feeder.batch * (-(-self._feeder.crop // 8)) ** 2
        count = code_usage(indices, quantizer.states) * (cells / len(latents))
        quantizer.ema_count.assign(count.astype(np.float32))
        quantizer.ema_sum.assign((count[..., None] * quantizer.codebooks).astype(np.float32))

    def _prepare(self, step: int) -> None:
        """Start and refresh what gradients do not reach."""
        options, quantizer = self.options, self.quantizer
        if step == 0 and options.fresh and options.linear and suits(self.encoder, self.decoder):
            images = np.concatenate([self._feeder(10**9 - 1 - i) for i in range(16)])
            linear_start(self.encoder, self.decoder, images, quantizer.heads)
        if step == options.free_steps:
            latents = self._latents(step, 16)
            if options.fresh:
                quantizer.initialize(latents, options.seed)
            if quantizer.ema_decay is not None:
                self._start_averages(latents)
        elif options.reseed_every and options.free_steps < step <= options.reseed_until:
            if step % options.reseed_every == 0:
                latents = self._latents(step, 4)
                indices = keras.ops.convert_to_numpy(quantizer.encode(latents[:, None, None]))
                quantizer.reseed(latents, code_usage(indices, quantizer.states), seed=step)

    def train(self, step: int, learning_rate: float) -> dict[str, float]:
        """Do one step: the codec, then the discriminator if there is one."""
        self._prepare(step)
        batch = self._batch(step)
        if self._critic is None:
            return self._fit.step(batch, learning_rate)
        critic = self._critic.trainee.objective.critic
        for fixed, live in zip(self._objective.critic.weights, critic.weights, strict=True):
            fixed.assign(live)
        losses = self._fit.step(batch, learning_rate)
        fake = self._objective.reconstruct(batch["images"], batch["levels"])[2]
        pair = {"real": batch["images"], "fake": keras.ops.convert_to_numpy(fake).astype(np.float32)}
        return {**losses, "critic": self._critic.step(pair, self.options.critic_rate)["loss"]}

    def validate(self) -> tuple[dict[str, float], dict[str, NDArray[np.uint8]]]:
        """PSNR of the held-out pictures with 1..D levels, and without quantiser; three to look at."""
        rows, pictures = [], {}
        for i, image in enumerate(self._held_out):
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
            rows.append({k: psnr_of(v, image) for k, v in views.items()})
            if i < 3:
                shown = [image, *(views[k] for k in views if k != "free")]
                pictures[f"{i}"] = np.concatenate([to_pixels(v) for v in shown], axis=1)
        return average(rows), pictures

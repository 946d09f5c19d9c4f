"""The objective of each stage: from a batch to named losses, in `keras.ops`.

    stage 1   images, levels            -> E -> MOC-RVQ -> G            pixel, codebook, commitment,
    ... stage 2   images, levels, SNR       -> (E, MOC-RVQ fixed) -> channel -> NRB -> requantise -> (G fixed)
    jscc      images, SNR, noise        -> E -> power 1 -> AWGN -> G

Each objective is a frozen record of its networks and weights; calling it gives a dict of scalars of
which `loss` is the one that is minimised. Everything random is drawn outside and comes in with the
batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras import ops

from moclink.codec.analog_receiver import power_normalize
from moclink.codec.codebooks import update_averages
from moclink.codec.receiver import noise_variance
from moclink.training import losses

PIXEL_LOSSES = {"l1": losses.l1, "mse": losses.mse, "log-mse": losses.log_mse}


def _check_weights(weights: Any) -> None:
    """Raise ValueError for a pixel loss that there is not, or a weight below 0 or not finite."""
    if weights.pixel_loss not in PIXEL_LOSSES:
        raise ValueError(
            f"pixel loss is {weights.pixel_loss!r}; choose one of {', '.join(PIXEL_LOSSES)}"
        )
    for name, value in vars(weights).items():
        if name != "pixel_loss" and not 0 <= value < float("inf"):
            raise ValueError(f"{name} is {value}; a weight must be at least 0 and finite")


@dataclass(frozen=True)
class Stage1LossWeights:
    """Weights of the terms of stage 1; the defaults are the paper's.

    Attributes:
        pixel_loss: "l1" (the paper's), "mse" (which is what PSNR measures) or "log-mse" (the mean
            PSNR).
        pixel: Weight of it.
        codebook: Weight of |sg[r] - e|^2, summed over levels and heads, mean over positions.
        commitment: Weight beta of |r - sg[e]|^2, times `codebook`.
        semantic: Weight of |conv1x1(z) - VGG(I)|^2, features of unit power; 0 unless features are
            given.
        perceptual: Weight of LPIPS; 0 unless a distance is given.
        shift_tolerant: Weight of ST-LPIPS, which the paper does not use.
        adversarial: Weight of the hinge term; 0 trains without a discriminator.
    """

    pixel_loss: str = "l1"
    pixel: float = 1.0
    codebook: float = 1.0
    commitment: float = 0.25
    semantic: float = 0.1
    perceptual: float = 1.0
    shift_tolerant: float = 0.0
    adversarial: float = 0.1

    def __post_init__(self) -> None:
        _check_weights(self)


@dataclass(frozen=True)
class Stage1Objective:
    """Eq. (7) and (8): autoencoder and codebooks, without noise.

    Attributes:
        encoder: E.
        quantizer: MOC-RVQ.
        decoder: G.
        weights: Weights of the terms.
        features: Images [B,H,W,3] to features [B,h,w,C] of a fixed network (VGG19 relu4_4); None
            without.
        guide: 1x1 convolution from the latent to these features; None without.
        perceptual: (images, images) to distances [B], LPIPS; None without.
        shift_tolerant: The same of ST-LPIPS; None without.
        critic: A fixed copy of the discriminator; None without.
    """

    encoder: Any
    quantizer: Any
    decoder: Any
    weights: Stage1LossWeights
    features: Any = None
    guide: Any = None
    perceptual: Any = None
    shift_tolerant: Any = None
    critic: Any = None

    @property
    def parts(self) -> list[Any]:
        """The layers that this objective calls."""
        parts = [self.encoder, self.quantizer, self.decoder, self.guide, self.critic]
        return [part for part in parts if part is not None]

    def reconstruct(self, images: Any, levels: Any) -> tuple[Any, Any, Any]:
        """Return latent, quantised and decoded images; samples with levels = 0 pass unquantised."""
        z = self.encoder(images)
        quantized = self.quantizer.quantize_latent(z, ops.maximum(levels, 1))
        used = ops.cast(ops.reshape(levels, (-1, 1, 1, 1)) > 0, "float32")
        z_hat = used * quantized.z_q + (1.0 - used) * ops.cast(z, "float32")
        return z, quantized, self.decoder(ops.cast(z_hat, z.dtype))

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the losses of a batch: images [B,H,W,3] in [0,1], levels int32 [B] (0: no quantiser)."""
        images, levels, weights = batch["images"], batch["levels"], self.weights
        z, quantized, decoded = self.reconstruct(images, levels)
        if self.quantizer.ema_decay is not None:
            update_averages(self.quantizer, ops.stop_gradient(z))
        decoded = ops.cast(decoded, "float32")
        out = {"pixel": PIXEL_LOSSES[weights.pixel_loss](decoded, images)}
        # Before the codebooks have their start (levels all 0) they must not pull at the latent.
        quantizing = ops.cast(ops.max(levels) > 0, "float32")
        out["codebook"] = quantizing * quantized.codebook_loss
        out["commitment"] = quantizing * quantized.commitment_loss
        total = weights.pixel * out["pixel"]
        total += weights.codebook * (out["codebook"] + weights.commitment * out["commitment"])
        if self.guide is not None:
            out["semantic"] = losses.mse(
                self.guide(z), losses.unit_mean_square(self.features(images))
            )
            total += weights.semantic * out["semantic"]
        for name in ("perceptual", "shift_tolerant"):
            if getattr(self, name) is not None:
                out[name] = ops.mean(getattr(self, name)(decoded, images))
                total += getattr(weights, name) * out[name]
        if self.critic is not None:
            out["adversarial"] = losses.hinge_generator(self.critic(decoded))
            total += weights.adversarial * out["adversarial"]
        return {"loss": total, "psnr": ops.mean(losses.psnr(decoded, images)), **out}


@dataclass(frozen=True)
class CriticObjective:
    """The discriminator's side: hinge loss on real and decoded images."""

    critic: Any

    @property
    def parts(self) -> list[Any]:
        """The layers that this objective calls."""
        return [self.critic]

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the loss of a batch: real and fake [B,H,W,3]."""
        real, fake = (self.critic(batch[name], training=True) for name in ("real", "fake"))
        return {"loss": losses.hinge_discriminator(real, fake)}


@dataclass(frozen=True)
class Stage2LossWeights:
    """Weights of the terms of stage 2; the defaults are the paper's.

    Attributes:
        style: Weight of |psi(z_r_hat) - psi(z_q)|^2, psi the Gram matrix.
        feature: Weight of |z_r_hat - z_q|^2.
        pixel_loss: "l1" (the paper's), "mse" or "log-mse".
        pixel: Weight of it.
    """

    style: float = 1.0
    feature: float = 0.25
    pixel_loss: str = "l1"
    pixel: float = 1.0

    def __post_init__(self) -> None:
        _check_weights(self)


@dataclass(frozen=True)
class Stage2Objective:
    """Eq. (10): the noise reduction block, behind the channel; autoencoder and codebooks are fixed.

    Attributes:
        encoder: E, fixed.
        quantizer: MOC-RVQ with reordered codebooks and measured priors, fixed.
        channel: Index channel; its noise comes with the batch.
        nrb: Noise reduction block.
        decoder: G, fixed.
        weights: Weights of the terms.
    """

    encoder: Any
    quantizer: Any
    channel: Any
    nrb: Any
    decoder: Any
    weights: Stage2LossWeights

    @property
    def parts(self) -> list[Any]:
        """The layers that this objective calls."""
        return [self.encoder, self.quantizer, self.nrb, self.decoder]

    def retrieve(self, indices: Any, levels: Any, snr_db: Any, noise: Any) -> Any:
        """Send indices [B,h,w,D,P] with standard normal noise of that shape; the soft receiver's z_q_hat."""
        no = ops.reshape(noise_variance(snr_db), (-1, 1, 1, 1, 1))
        received = self.channel.transmit(indices) + noise * ops.sqrt(no / 2.0)
        priors = ops.stack([moc.priors.value for moc in self.quantizer.mocs])
        posteriors = self.channel.posteriors(received, snr_db, priors)
        return self.quantizer.expected(posteriors, levels)

    def receive(self, indices: Any, levels: Any, snr_db: Any, noise: Any) -> tuple[Any, Any]:
        """Return z_r_hat, and the image decoded from it after requantisation (straight-through)."""
        z_r = self.nrb(self.retrieve(indices, levels, snr_db, noise), levels, snr_db)
        sharp = z_r + ops.stop_gradient(self.quantizer.requantize(z_r, levels) - z_r)
        return z_r, self.decoder(sharp)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the losses of a batch.

        Args:
            batch: images [B,H,W,3] in [0,1], levels int32 [B], snr_db [B], noise [B,h,w,D,P].
        """
        images, levels, weights = batch["images"], batch["levels"], self.weights
        indices = ops.stop_gradient(self.quantizer.encode(self.encoder(images), levels))
        clean = ops.stop_gradient(self.quantizer.look_up(indices, levels))
        z_r, decoded = self.receive(indices, levels, batch["snr_db"], batch["noise"])
        decoded = ops.cast(decoded, "float32")
        out = {
            "style": losses.style(z_r, clean),
            "feature": losses.feature(z_r, clean),
            "pixel": PIXEL_LOSSES[weights.pixel_loss](decoded, images),
        }
        total = (
            weights.style * out["style"]
            + weights.feature * out["feature"]
            + weights.pixel * out["pixel"]
        )
        return {"loss": total, "psnr": ops.mean(losses.psnr(decoded, images)), **out}


@dataclass(frozen=True)
class AnalogObjective:
    """The analog codec through its channel: power 1 for each picture, AWGN, decoder.

    The mean of ln(MSE + floor) over samples is minimised, which is the mean PSNR in other units: a
    plain MSE over SNRs of -5 to 30 dB would be ruled by the noisiest samples.

    Attributes:
        encoder: E with as many channels as reals are sent.
        decoder: G.
        receiver: Undoes scale and noise of the channel; None without.
        floor: Added to the MSE, so that flat crops received well do not rule instead.
    """

    encoder: Any
    decoder: Any
    receiver: Any = None
    floor: float = 1e-5

    @property
    def parts(self) -> list[Any]:
        """The layers that this objective calls."""
        return [part for part in (self.encoder, self.receiver, self.decoder) if part is not None]

    def receive(self, images: Any, snr_db: Any, noise: Any) -> Any:
        """Encode images, add noise (standard normal, [B,h,w,n_q]) of variance no/2, and decode."""
        sent = power_normalize(self.encoder(images))
        no = ops.cast(ops.reshape(noise_variance(snr_db), (-1, 1, 1, 1)), sent.dtype)
        received = sent + ops.cast(noise, sent.dtype) * ops.sqrt(no / 2.0)
        gain = None
        if self.receiver is not None:
            received, gain = self.receiver(received, snr_db)
        return ops.cast(self.decoder(received, gain=gain), "float32")

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the losses of a batch: images [B,H,W,3], snr_db [B], noise [B,h,w,n_q]."""
        images = batch["images"]
        decoded = self.receive(images, batch["snr_db"], batch["noise"])
        error = ops.mean(ops.square(decoded - images), axis=(1, 2, 3))
        loss = ops.mean(ops.log(error + self.floor))
        return {
            "loss": loss,
            "psnr": ops.mean(losses.psnr(decoded, images)),
            "mse": ops.mean(error),
        }

"""The stage of the analog codec (JSCC-96), trained through its channel.

images -> E -> power 1 -> AWGN -> scale, Wiener filter -> G -> images
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.analog_receiver import AnalogReceiver
from moclink.codec.decoder import Decoder
from moclink.codec.encoder import Encoder
from moclink.training.checkpoint import settings_of
from moclink.training.draws import draw_noise
from moclink.training.fit import Fit
from moclink.training.linear_initialization import initialize_analog_paths, suits
from moclink.training.objectives import AnalogObjective
from moclink.training.patches import CropFeeder
from moclink.training.validation import picture_psnr, validate_on

VALIDATION_SNR = (0, 10, 20, 30)


@dataclass(frozen=True)
class JSCCOptions:
    """Options of the analog stage.

    Attributes:
        snr_db: Range of the SNR, drawn evenly for each sample.
        linear: Whether to start from principal components where the network allows it.
        seed: Seed of everything drawn.
        jit: Whether steps are compiled by XLA.
    """

    snr_db: tuple[float, float] = (-5.0, 30.0)
    linear: bool = True
    seed: int = 0
    jit: bool = True


class JSCC:
    """Trains encoder and decoder through the channel.

    Args:
        encoder: E.
        decoder: G.
        receiver: Undoes scale and noise of the channel; None without.
        feeder: Crops by step.
        held_out: Pictures float32 [H, W, 3] in [0, 1] for validation.
        options: See `JSCCOptions`.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        receiver: AnalogReceiver | None,
        feeder: CropFeeder,
        held_out: Sequence[NDArray[np.float32]],
        options: JSCCOptions,
    ):
        self.encoder, self.decoder, self.receiver = encoder, decoder, receiver
        self.options, self._feeder, self._held_out = options, feeder, list(held_out)
        self._objective = AnalogObjective(encoder, decoder, receiver)
        self._fit = Fit(self._objective, self._batch(0), options.jit)

    @property
    def config(self) -> dict[str, Any]:
        """Options that a checkpoint must agree on."""
        networks = {"encoder": settings_of(self.encoder), "decoder": settings_of(self.decoder)}
        data = {"crop": self._feeder.crop, "batch": self._feeder.batch}
        return {**networks, **asdict(self.options), **data}

    def variables(self) -> dict[str, Any]:
        """All weights and moments."""
        return self._fit.variables("analog")

    def _batch(self, step: int) -> dict[str, NDArray[Any]]:
        rng = np.random.default_rng([self.options.seed, step, 0x41])
        count, side = self._feeder.batch, self._feeder.crop
        return {
            "images": self._feeder(step),
            "snr_db": rng.uniform(*self.options.snr_db, count).astype(np.float32),
            "noise": draw_noise(rng, count, side, side, self.encoder.latent_channels),
        }

    def train(self, step: int, learning_rate: float) -> dict[str, float]:
        """Do one step."""
        if step == 0 and self.options.linear and suits(self.encoder, self.decoder):
            images = np.concatenate([self._feeder(10**9 - 1 - i) for i in range(16)])
            power = initialize_analog_paths(self.encoder, self.decoder, images)
            if self.receiver is not None:
                self.receiver.log_power.assign(np.log(power))
        return self._fit.step(self._batch(step), learning_rate)

    def validate(self) -> tuple[dict[str, float], dict[str, NDArray[np.uint8]]]:
        """PSNR of the held-out pictures over the SNR; the first three pictures to look at."""
        return validate_on(self._held_out, self._look)

    def _look(
        self, image: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[dict[str, float], list[Any]]:
        height, width = image.shape[:2]
        noise = draw_noise(rng, 1, height, width, self.encoder.latent_channels)
        decoded = {
            snr: self._objective.receive(image[None], np.array([snr], np.float32), noise)
            for snr in VALIDATION_SNR
        }
        views = {snr: ops.convert_to_numpy(v)[0, :height, :width] for snr, v in decoded.items()}
        row = {f"{snr}dB": picture_psnr(view, image) for snr, view in views.items()}
        return row, [image, *views.values()]

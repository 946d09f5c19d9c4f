"""Encoder and decoder of trained weights that are told the SNR: a few changes to those weights.

    images, SNR -> E -> latents ~~ channel-optimised codebooks, link ~~> latents, SNR -> G -> images

What `python -m moclink.train channel` trains: scales and shifts of all blocks at each SNR of a grid,
and the kernels near the pixels and the latents. A file holds the differences from the weights, in
int8, a hundredth of a codec's size or a few hundredths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.decoder import Decoder
from moclink.codec.encoder import Encoder
from moclink.codec.inputs import check_finite
from moclink.codec.int8_weights import quantize
from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.tiling import CompiledFunction, clip_to_unit, decode_batch, encode_images

PREFIX = "network-"  # of a changed weight's name in a file
SCALE = "scale-"  # of its scale's


class SNRAwareAutoencoder:
    """E and G with a grid of SNRs, equal to those of a codec until changes are applied.

    Args:
        codec: The codec whose weights they start from; it is not changed.
        snr_grid: SNRs in dB, ascending.
        dtype: Precision policy, such as "mixed_bfloat16" for training.

    Attributes:
        encoder: E.
        decoder: G.
    """

    def __init__(
        self, codec: SemanticCodec, snr_grid: Sequence[float], dtype: str = "float32"
    ) -> None:
        config, grid = codec.config, tuple(float(snr) for snr in snr_grid)
        self._position_limit = codec.position_limit
        self.encoder = Encoder(**config["encoder"], snr_grid=grid, dtype=dtype, name="encoder")
        self.decoder = Decoder(**config["decoder"], snr_grid=grid, dtype=dtype, name="decoder")
        self.encoder.build((None, None, None, 3))
        self.decoder.build((None, None, None, self.decoder.latent_channels))
        self._base: dict[str, NDArray[np.float32]] = {}
        for part, trained in ((self.encoder, codec.encoder), (self.decoder, codec.decoder)):
            values = {_name(part, w): ops.convert_to_numpy(w) for w in trained.weights}
            for weight in part.weights:
                name = _name(part, weight)
                start = values.get(name, np.zeros(weight.shape, np.float32))
                weight.assign(start)
                self._base[name] = start
        encoder, decoder = self.encoder, self.decoder
        self._transforming = CompiledFunction(
            lambda images, snr_db: encoder(images, snr_db), [encoder]
        )
        self._decoding = CompiledFunction(
            lambda z, snr_db: clip_to_unit(decoder(z, snr_db=snr_db)),
            [decoder],
            coarse=True,
            receives=True,
        )

    def latents(self, images: NDArray[np.floating], snr_db: float) -> NDArray[np.float32]:
        """What E makes of images [B, H, W, 3] in [0, 1], unquantised: float32 [B, h, w, n_q]."""
        told = np.full(len(images), snr_db, np.float32)
        return encode_images(self._transforming, self.encoder, self._position_limit, images, told)

    def pictures(
        self, z: NDArray[np.float32], snr_db: float | NDArray[np.floating], height: int, width: int
    ) -> NDArray[np.float32]:
        """What G makes of latents [B, h, w, n_q], told an SNR in dB, or one each, float [B].

        Returns:
            float32 [B, height, width, 3].

        Raises:
            ValueError: If the latents have another shape or are not finite, or height and width do
                not fit them.
        """
        told = np.broadcast_to(np.asarray(snr_db, np.float32), len(z))
        return decode_batch(
            self._decoding, self.decoder, self._position_limit, z, height, width, told
        )

    def weights(self) -> dict[str, Any]:
        """Variables by name, such as decoder/head/kernel."""
        parts = (self.encoder, self.decoder)
        return {_name(part, weight): weight for part in parts for weight in part.weights}

    def changes(self) -> dict[str, NDArray[Any]]:
        """Differences from the codec's weights, as arrays for a file; see `apply`."""
        found: dict[str, NDArray[Any]] = {}
        for name, weight in self.weights().items():
            difference = ops.convert_to_numpy(weight).astype(np.float32) - self._base[name]
            if not difference.any():
                continue
            key = name.replace("/", ".")
            if "modulation" in name or difference.ndim == 1:
                found[PREFIX + key] = difference.astype(np.float16)
            else:
                found[PREFIX + key], found[SCALE + key] = quantize(difference)
        return found

    def apply(self, changes: Mapping[str, NDArray[Any]]) -> None:
        """Set the weights to those of the codec and what `changes` has written.

        Raises:
            ValueError: If a change is of no weight of this network, or of another shape.
        """
        weights = self.weights()
        for key, value in changes.items():
            if not key.startswith(PREFIX):
                continue
            name = key.removeprefix(PREFIX).replace(".", "/")
            if name not in weights or tuple(weights[name].shape) != value.shape:
                raise ValueError(f"{name} {value.shape} is no weight of this network")
            difference = value.astype(np.float32)
            if value.dtype == np.int8:
                scale = changes[SCALE + key.removeprefix(PREFIX)]
                difference *= scale.astype(np.float32)
            check_finite(name, difference)
            weights[name].assign(self._base[name] + difference)


def _name(part: keras.layers.Layer, weight: Any) -> str:
    """encoder/block_0_0/conv_0/kernel: the path of a weight from its part on."""
    place = weight.path.split("/")
    start = max(i for i, step in enumerate(place) if step == part.name)
    return "/".join(place[start:])

"""The analog codec (learned JSCC), from NumPy to NumPy.

    images -> E -> power 1 ~~ channel ~~> scale, Wiener filter -> G -> images

Reference: Zhou et al., "MOC-RVQ", section IV-A.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.analog_receiver import power_normalize
from moclink.codec.inputs import as_array, check_finite, snr_of_each
from moclink.codec.network import analog_network
from moclink.codec.sizes import analog_size
from moclink.codec.stored_codec import StoredCodec
from moclink.codec.tiling import (
    DEFAULT_POSITION_LIMIT,
    CompiledFunction,
    PositionLimit,
    check_crop,
    clip_to_unit,
    decode_latents,
    encode_images,
)
from moclink.torch_device import join, to_numpy

NOISELESS = 100.0  # dB: what the receiver is told of reception without noise


class AnalogCodec(StoredCodec):
    """The analog baseline: the same autoencoder without quantiser, images <-> real channel inputs.

    With 96 channels this is the paper's JSCC-96: two reals are one complex symbol, 48 for each 8x8
    block, of mean energy 1 over each picture.

    Args:
        config: Constructor arguments of `encoder` and `decoder` (see `sizes.analog_size`).
        position_limit: How much is worked on at a time; bounds the memory.
        dtype: "float32" whatever Keras is set to, or a policy such as "mixed_bfloat16" to train on
            a GPU.

    Attributes:
        encoder: E.
        receiver: Undoes scale and noise of the channel; None for a codec without.
        decoder: G.
        network: All as one Keras model.
        notes: What its file says of the weights.
    """

    kind = "analog"
    shipped = "jscc-96-{}"
    make_network = staticmethod(analog_network)
    config_of_size = staticmethod(analog_size)

    def __init__(
        self,
        config: dict[str, Any],
        position_limit: PositionLimit = DEFAULT_POSITION_LIMIT,
        dtype: str = "float32",
    ):
        super().__init__(config, position_limit, dtype)
        self.receiver = getattr(self.network, "receiver", None)
        self._encoding = CompiledFunction(self.encoder, [self.encoder])
        decoder = self.decoder
        self._decoding = CompiledFunction(
            lambda z, gain: clip_to_unit(decoder(z, gain=gain)), [decoder], receives=True
        )

    def encode(self, images: NDArray[np.floating]) -> NDArray[np.float32]:
        """Encode images into channel inputs.

        Args:
            images: float [B, H, W, 3] in [0, 1].

        Returns:
            float32 [B, ceil(H/8), ceil(W/8), n_q]; channels 2k and 2k+1 are the real and imaginary
            part of symbol k. Mean square 1/2 over each picture.

        Raises:
            ValueError: If the images have another shape or range.
        """
        z = encode_images(self._encoding, self.encoder, self.position_limit, images)
        return ops.convert_to_numpy(power_normalize(ops.convert_to_tensor(z)))

    def decode(
        self,
        received: NDArray[np.floating],
        height: int | None = None,
        width: int | None = None,
        snr_db: float | NDArray[np.floating] | None = None,
    ) -> NDArray[np.float32]:
        """Decode noisy channel outputs.

        Args:
            received: float [B, h, w, n_q], equalised.
            height: Rows of the images; None for 8h.
            width: Columns of the images; None for 8w.
            snr_db: Es/N0 in dB, one or [B], for the Wiener filter; None means without noise.

        Returns:
            Images, float32 [B, height, width, 3] in [0, 1].

        Raises:
            ValueError: If the shape does not fit the codec.
        """
        received = as_array("received", received, "I and Q as reals: channels 2k and 2k+1")
        received = received.astype(np.float32, copy=False)
        check_finite("received", received)
        channels = self.decoder.latent_channels
        if received.ndim != 4 or received.shape[-1] != channels or not received.size:
            raise ValueError(
                f"received has shape {received.shape}; it must be [B, h, w, {channels}]"
            )
        check_crop(height, width, *received.shape[1:3])
        error = np.ones(len(received), np.float32)
        if self.receiver is not None:
            # Over whole pictures: the scale is a mean over each.
            snr = snr_of_each(NOISELESS if snr_db is None else snr_db, len(received))
            both = self.receiver(received, snr)
            received, error = (ops.convert_to_numpy(part) for part in both)
        groups = self.position_limit.groups(*received.shape[:3])
        parts = [
            decode_latents(self._decoding, self.decoder, self.position_limit, received[g], error[g])
            for g in groups
        ]
        return to_numpy(join(parts)[:, :height, :width])

"""Initialisation of encoder and decoder as the best linear block transform, without training.

Encoder and decoder with a `linear_path` carry a fixed linear map of 8x8 blocks beside their
network. Here it becomes the principal components of photographs' blocks. The networks start as
nothing beside it, so the k-means start of the codebooks finds the latent of a linear code, and
training can only add to it.
"""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from moclink.codec.analog_receiver import PILOT
from moclink.codec.blocks import space_to_depth
from moclink.codec.decoder import Decoder
from moclink.codec.encoder import Encoder
from moclink.constants import LATENT_STRIDE


def principal_components(samples: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the `count` strongest directions [C, count] of samples [..., C] about zero, orthonormal."""
    flat = samples.reshape(-1, samples.shape[-1]).astype(np.float64)
    return np.linalg.eigh(flat.T @ flat)[1][:, ::-1][:, :count].astype(np.float32)


def interleave_heads(channels: int, heads: int) -> NDArray[np.int64]:
    """Assign components, strongest first, to heads in the order 0 1 2 3 3 2 1 0, which balances them.

    Returns:
        int [channels]: which component each latent channel carries, head after head.
    """
    order = np.arange(channels)
    turn = order % (2 * heads)
    return np.argsort(np.minimum(turn, 2 * heads - 1 - turn), kind="stable")


def suits(encoder: Encoder, decoder: Decoder) -> bool:
    """Whether the pair has linear paths, and latents of no more channels than a block has values."""
    return (
        encoder.linear_path
        and decoder.linear_path
        and encoder.latent_channels <= 3 * LATENT_STRIDE**2
    )


def initialize_linear_paths(
    encoder: Encoder, decoder: Decoder, images: NDArray[np.float32], heads: int = 4
) -> None:
    """Set the linear paths to the principal components of the images' blocks.

    Args:
        encoder: Built encoder.
        decoder: Built decoder.
        images: float32 [B, H, W, 3] in [0, 1], H and W multiples of 8, some hundred blocks at
            least.
        heads: Heads of the quantiser, to which the components are assigned.

    Raises:
        ValueError: If `suits` does not hold.
    """
    if not suits(encoder, decoder):
        raise ValueError(
            "the linear start needs encoder and decoder with linear_path, and at most 192 channels"
        )
    blocks = keras.ops.convert_to_numpy(space_to_depth(2.0 * images - 1.0, LATENT_STRIDE))
    components = principal_components(blocks, encoder.latent_channels)
    components = components[:, interleave_heads(encoder.latent_channels, heads)]
    encoder.linear.assign(components)
    decoder.linear.assign(components.T)


def initialize_analog_paths(
    encoder: Encoder, decoder: Decoder, images: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The same for an analog channel: components with their best powers, and the pilot in the last channel.

    Over a channel with equal noise everywhere, a component of variance v is best sent with power
    proportional to sqrt(v) (linear code, squared error). The mean square over all channels becomes
    1/2, the power of one real axis.

    Reference: Lee and Petersen, "Optimal linear coding for vector channels", IEEE Trans. Commun.,
    1976.

    Args:
        encoder: Built encoder.
        decoder: Built decoder.
        images: float32 [B, H, W, 3] in [0, 1], as for `initialize_linear_paths`.

    Returns:
        Mean square of each channel, float32 [n_q].

    Raises:
        ValueError: If `suits` does not hold.
    """
    initialize_linear_paths(encoder, decoder, images, heads=1)
    z = keras.ops.convert_to_numpy(encoder(images)).astype(np.float64)[..., :-1]
    power = np.maximum((z**2).mean((0, 1, 2)), 1e-8)
    gain = power**-0.25 / np.sqrt(2 * np.mean(np.sqrt(power)))
    pilot = np.zeros(encoder.latent_channels, np.float32)
    pilot[-1] = PILOT
    encoder.head.bias.assign(pilot)
    encoder.linear.assign(keras.ops.convert_to_numpy(encoder.linear) * np.append(gain, 0))
    decoder.linear.assign(
        keras.ops.convert_to_numpy(decoder.linear) * np.append(1 / gain, 0)[:, None]
    )
    return np.append(power * gain**2, PILOT**2).astype(np.float32)

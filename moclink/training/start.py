"""A start from which little is left to learn: the autoencoder as a block transform by principal components.

A network whose residual blocks start near the identity is nearly linear, and the best linear pair of
encoder and decoder is known without training: the principal components of 8x8 blocks. Written into the
convolutions before the first step, they give the k-means start of the codebooks a latent that is already
worth quantising (on photographs about 26 dB with all four levels, where random weights take thousands of
steps to get).
"""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from moclink.codec.autoencoder import Decoder, Encoder


def _fold(blocks: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Space to depth in NumPy: [B, H, W, C] to [B, H/size, W/size, size*size*C]."""
    batch, height, width, channels = blocks.shape
    x = blocks.reshape(batch, height // size, size, width // size, size, channels).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(batch, height // size, width // size, -1)


def principal_components(samples: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the `count` strongest directions [C, count] of samples [..., C] about zero, orthonormal."""
    flat = samples.reshape(-1, samples.shape[-1]).astype(np.float64)
    return np.linalg.eigh(flat.T @ flat)[1][:, ::-1][:, :count].astype(np.float32)


def deal(channels: int, heads: int) -> NDArray[np.int64]:
    """Deal components, strongest first, to heads there and back (0 1 2 3 3 2 1 0), so that loads are alike.

    Returns:
        int [channels]: which component stands at each latent channel, head after head.
    """
    order = np.arange(channels)
    turn = order % (2 * heads)
    return np.argsort(np.minimum(turn, 2 * heads - 1 - turn), kind="stable")


def suits(encoder: Encoder, decoder: Decoder) -> bool:
    """Whether the pair is nearly linear at the start, and so can be given principal components."""
    pair = (encoder, decoder)
    return (
        decoder.upsampling == "shuffle"
        and all(part.normalization == "none" and len(part.widths) == 2 and part.patch == 4 for part in pair)
        and encoder.widths[1] >= encoder.latent_channels <= decoder.widths[0]
    )


def _put(
    layer: keras.layers.Layer, matrices: dict[tuple[int, int], NDArray[np.float32]], scale: float
) -> None:
    """Write matrices [C_in, C_out] at taps of a convolution; outputs beyond them keep a random start.

    Args:
        layer: A built Conv2D.
        matrices: Tap (row, column) to matrix.
        scale: Factor on the random start of the other outputs.
    """
    kernel, bias = (np.array(keras.ops.convert_to_numpy(v)) for v in layer.weights)
    kernel *= scale
    rows, columns = next(iter(matrices.values())).shape
    kernel[..., :columns] = 0.0
    for (i, j), matrix in matrices.items():
        kernel[i, j, :rows, :columns] = matrix
    layer.kernel.assign(kernel)
    layer.bias.assign(bias * 0)


def linear_start(encoder: Encoder, decoder: Decoder, images: NDArray[np.float32], heads: int = 4) -> None:
    """Write the principal components of the images' blocks into a pair for which `suits` holds.

    Args:
        encoder: Built encoder.
        decoder: Built decoder.
        images: float32 [B, H, W, 3] in [0, 1], H and W multiples of 8, some hundred blocks at least.
        heads: Heads of the quantiser, to which the components are dealt.

    Raises:
        ValueError: If the pair is not nearly linear.
    """
    if not suits(encoder, decoder):
        raise ValueError(
            "the linear start needs patch 4, two widths, normalization 'none', shuffle upsampling"
        )
    latent, inner = encoder.latent_channels, min(48, encoder.widths[0], decoder.widths[1])
    pixels = _fold(2.0 * images - 1.0, 4)
    fine = np.eye(48, dtype=np.float32) if inner == 48 else principal_components(pixels, inner)
    cells = _fold(pixels @ fine, 2)
    coarse = principal_components(cells, min(encoder.widths[1], 4 * inner))
    k = encoder.stem_kernel // 2 - (encoder.stem_kernel % 2 == 0)
    _put(encoder.stem, {(k, k): fine}, 0.5)
    # A 3x3 kernel of stride 2 covers its 2x2 cell with the taps (0,0) (0,1) (1,0) (1,1).
    quarters = coarse.reshape(2, 2, inner, -1)
    _put(encoder.downs[0], {(i, j): quarters[i, j] for i in (0, 1) for j in (0, 1)}, 0.5)
    order = deal(latent, heads)
    choose = np.zeros((encoder.widths[1], latent), np.float32)
    choose[order, np.arange(latent)] = 1.0
    _put(encoder.head, {(0, 0): choose}, 0.0)
    _put(decoder.stem, {(1, 1): np.eye(latent, dtype=np.float32)}, 0.5)
    back = coarse[:, order].T.reshape(latent, 2, 2, inner)
    spread = np.zeros((latent, 2, 2, decoder.widths[1]), np.float32)
    spread[..., :inner] = back
    kernel = np.array(keras.ops.convert_to_numpy(decoder.ups[0].kernel)).reshape(-1, 4, decoder.widths[1])
    # The other channels keep a small random start; those of the pixels hold the components alone.
    kernel *= 0.5
    kernel[..., :inner] = 0.0
    kernel[:latent] = spread.reshape(latent, 4, -1) + kernel[:latent]
    decoder.ups[0].kernel.assign(kernel.reshape(decoder.ups[0].kernel.shape))
    head = np.zeros((decoder.widths[1], 48), np.float32)
    head[:inner] = fine.T
    _put(decoder.head, {(1, 1): head}, 0.0)


def balance_power(encoder: Encoder, decoder: Decoder, images: NDArray[np.float32]) -> None:
    """Scale the latent's channels for an analog channel, and undo it in the decoder.

    Over a channel with equal noise everywhere, a component of variance v is best sent with power
    proportional to sqrt(v) (linear code, squared error): amplitudes are scaled by v^(-1/4). The mean
    square becomes 1/2, the power of one real axis.

    Reference: Lee and Petersen, "Optimal linear coding for vector channels", IEEE Trans. Commun., 1976.

    Args:
        encoder: Built encoder; its last convolution is scaled.
        decoder: Built decoder; its first convolution takes the inverse.
        images: float32 [B, H, W, 3] in [0, 1], to measure the variances on.
    """
    z = keras.ops.convert_to_numpy(encoder(images)).astype(np.float64)
    power = np.maximum((z**2).mean((0, 1, 2)), 1e-8)
    gain = (power**-0.25 / np.sqrt(2 * np.mean(np.sqrt(power)))).astype(np.float32)
    for variable, factor in (
        (encoder.head.kernel, gain),
        (encoder.head.bias, gain),
        (decoder.stem.kernel, 1 / gain[:, None]),
    ):
        variable.assign(keras.ops.convert_to_numpy(variable) * factor)

"""The terms that the training stages add up, each a scalar of `keras.ops`.

Stage 1: pixel + codebook + beta * commitment + semantic + perceptual + adversarial (eq. 7, 8).
Stage 2: style + 0.25 * feature + image (eq. 10).
"""

from __future__ import annotations

from typing import Any

from keras import ops


def l1(a: Any, b: Any) -> Any:
    """Mean absolute difference of two arrays of one shape."""
    return ops.mean(ops.abs(a - b))


def mse(a: Any, b: Any) -> Any:
    """Mean squared difference of two arrays of one shape."""
    return ops.mean(ops.square(a - b))


def log_mse(a: Any, b: Any, floor: float = 1e-4) -> Any:
    """Mean over images of ln(MSE + floor): the mean PSNR in other units, up to the floor of 40 dB.

    A plain MSE is ruled by the images that are hardest.
    """
    return ops.mean(ops.log(ops.mean(ops.square(a - b), axis=(1, 2, 3)) + floor))


def psnr(images: Any, reference: Any) -> Any:
    """PSNR in dB of each image, clipped to [0, 1]: float [B, H, W, 3] twice to [B].

    Identical images give 100 dB, so that a mean over a batch stays finite.
    """
    error = ops.mean(ops.square(ops.clip(images, 0.0, 1.0) - reference), axis=(1, 2, 3))
    return -10.0 * ops.log(ops.maximum(error, 1e-10)) / ops.log(10.0)


def gram(features: Any) -> Any:
    """Gram matrix psi of feature maps: how channels occur together, wherever they do.

        psi[c, d] = sum_hw f[h, w, c] f[h, w, d] / (h w C)

    Args:
        features: float [B, h, w, C].

    Returns:
        float [B, C, C].
    """
    batch, height, width, channels = ops.shape(features)
    flat = ops.reshape(features, (batch, height * width, channels))
    return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / (height * width * channels)


def style(restored: Any, target: Any) -> Any:
    """Squared difference of the Gram matrices of two feature maps [B, h, w, C], summed over entries."""
    return ops.mean(
        ops.sum(ops.square(gram(restored) - gram(ops.stop_gradient(target))), axis=(1, 2))
    )


def feature(restored: Any, target: Any) -> Any:
    """Squared distance of feature maps [B, h, w, C] to a fixed target, mean over positions and channels."""
    return mse(restored, ops.stop_gradient(target))


def unit_mean_square(features: Any) -> Any:
    """Feature maps over their root mean square, as a fixed target.

    A VGG's features are of the order of 1 or of 1,000, as its images are in units of the standard
    deviation or of 1/255; a guess of zeros is then off by 1 in either.
    """
    features = ops.stop_gradient(features)
    return features * ops.rsqrt(ops.maximum(ops.mean(ops.square(features)), 1e-12))


def hinge_discriminator(real: Any, fake: Any) -> Any:
    """Hinge loss of a discriminator's logits: E max(0, 1 - D(real)) + E max(0, 1 + D(fake))."""
    return ops.mean(ops.relu(1.0 - real)) + ops.mean(ops.relu(1.0 + fake))


def hinge_generator(fake: Any) -> Any:
    """Loss of the generator against a hinge discriminator: -E D(fake)."""
    return -ops.mean(fake)

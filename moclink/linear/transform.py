"""Orthonormal transforms of pictures: opponent colours, whole-picture DCT, lapped block DCT.

All of them are orthonormal, so squared error in coefficients is squared error in RGB (of the padded
picture), and no weights are needed. The colours are luma (R+G+B)/sqrt(3) and two opponents,
(R-B)/sqrt(2) and (R-2G+B)/sqrt(6): Y'CbCr-like axes whose chroma already counts by its effect on
RGB.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, dctn, idctn

from moclink.chain_inputs import check_unmasked

COLOURS = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]]) / np.sqrt(
    [[3.0], [2.0], [6.0]]
)


def check_images(images: NDArray[np.floating]) -> NDArray[np.float32]:
    """Check a batch of pictures and return it as float32.

    Args:
        images: [B, H, W, 3] in [0, 1].

    Raises:
        ValueError: If shape or values are not those of pictures.
    """
    check_unmasked(images, "images")
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 3 or not images.size:
        raise ValueError(f"images have shape {list(images.shape)}; they must be [B, H, W, 3]")
    low, high = images.min(), images.max()
    if images.dtype.kind != "f" or not (low >= 0 and high <= 1):  # NaN is neither
        raise ValueError(f"images are {images.dtype} in {low:g}..{high:g}; give floats in [0, 1]")
    return images.astype(np.float32, copy=False)


def to_opponent(image: NDArray[np.floating]) -> NDArray[np.float32]:
    """RGB [H, W, 3] in [0, 1] to opponent colours of the picture less mid-grey, float32 [3, H, W]."""
    colours = COLOURS.astype(np.float32)
    flat = image.reshape(-1, 3).astype(np.float32, copy=False) - np.float32(0.5)
    return (colours @ flat.T).reshape(3, *image.shape[:2])


def to_rgb(planes: NDArray[np.floating]) -> NDArray[np.float32]:
    """Inverse of `to_opponent`, clipped to [0, 1]."""
    colours = COLOURS.astype(np.float32)
    flat = planes.reshape(3, -1).astype(np.float32, copy=False).T @ colours + np.float32(0.5)
    return np.clip(flat, 0, 1).reshape(*planes.shape[1:], 3)


def whole_dct(planes: NDArray[np.floating]) -> NDArray[np.float32]:
    """Orthonormal DCT of whole planes [3, H, W]."""
    return dctn(planes, axes=(1, 2), norm="ortho")


def whole_idct(coefficients: NDArray[np.floating]) -> NDArray[np.float32]:
    """Inverse of `whole_dct`."""
    return idctn(coefficients, axes=(1, 2), norm="ortho")


def _lapping(overlap: int) -> NDArray[np.float32]:
    """The orthogonal matrix of the differences in Malvar's fast lapped transform, [overlap, overlap]."""
    eye = np.eye(overlap)
    two = dct(eye, type=2, norm="ortho", axis=0)
    four = dct(eye, type=4, norm="ortho", axis=0)
    return (two.T @ four)[::-1, ::-1].astype(np.float32)


def _lap(
    planes: NDArray[np.float32], block: int, overlap: int, axis: int, inverse: bool
) -> NDArray[np.float32]:
    """Rotate `overlap` samples on each side of every block boundary along `axis` (orthonormal)."""
    x = np.moveaxis(planes, axis, -1)
    blocks = x.reshape(*x.shape[:-1], -1, block).copy()
    left = blocks[..., :-1, block - overlap :][..., ::-1]
    right = blocks[..., 1:, :overlap]
    rotation = _lapping(overlap)
    total = (left + right) / np.float32(np.sqrt(2))
    difference = (right - left) / np.float32(np.sqrt(2)) @ (rotation if inverse else rotation.T)
    new_left = (total - difference) / np.float32(np.sqrt(2))
    new_right = (total + difference) / np.float32(np.sqrt(2))
    blocks[..., :-1, block - overlap :] = new_left[..., ::-1]
    blocks[..., 1:, :overlap] = new_right
    return np.moveaxis(blocks.reshape(x.shape), -1, axis)


def block_grid(height: int, width: int, block: int) -> tuple[int, int]:
    """Rows and columns of blocks that cover a picture."""
    return -(-height // block), -(-width // block)


def block_dct(planes: NDArray[np.float32], block: int, overlap: int) -> NDArray[np.float32]:
    """Lapped block DCT: boundaries are rotated, then every block is transformed.

    Time-domain lapped transform: a pre-filter across each boundary (sum and difference of mirrored
    samples; differences by J C2' C4 J, as in Malvar's LOT), then the DCT of each block.

    Args:
        planes: float32 [3, H, W]; mirrored at the bottom and right up to whole blocks.
        block: Side of a block.
        overlap: Samples on each side of a boundary that are rotated, at most block / 2; 0 for none.

    Returns:
        float32 [3, rows, columns, block, block].
    """
    _, height, width = planes.shape
    rows, columns = block_grid(height, width, block)
    x = np.pad(
        planes, ((0, 0), (0, rows * block - height), (0, columns * block - width)), mode="symmetric"
    )
    if overlap:
        x = _lap(_lap(x, block, overlap, 1, False), block, overlap, 2, False)
    x = x.reshape(3, rows, block, columns, block)
    return dctn(x, axes=(2, 4), norm="ortho").transpose(0, 1, 3, 2, 4)


def block_idct(
    coefficients: NDArray[np.float32], overlap: int, height: int, width: int
) -> NDArray[np.float32]:
    """Inverse of `block_dct`, cut to [3, height, width]."""
    _, rows, columns, block, _ = coefficients.shape
    x = idctn(coefficients.transpose(0, 1, 3, 2, 4), axes=(2, 4), norm="ortho")
    x = np.ascontiguousarray(x.reshape(3, rows * block, columns * block), dtype=np.float32)
    if overlap:
        x = _lap(_lap(x, block, overlap, 2, True), block, overlap, 1, True)
    return x[:, :height, :width]

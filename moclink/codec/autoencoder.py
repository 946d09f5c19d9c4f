"""What encoder and decoder share: constructor arguments, and residual blocks at each resolution.

One pair of classes covers the VQGAN autoencoder that the paper inherits (`patch=1`, three changes of
resolution, GroupNorm) and the light one (`patch=4`: the rearrangement of 4x4 pixels into channels
saves every convolution at full and half resolution, where arithmetic is dearest).

With a grid of SNRs each residual block has a scale and a shift for every channel and SNR, linear in
dB between them (feature-wise modulation), so that one network serves all channels.

Reference: Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018; Xu et
al., "Wireless Image Transmission Using Deep Source Channel Coding With Attention Modules", IEEE
TCSVT 2022; Zhou et al., "MOC-RVQ", sections II and IV-A; Esser et al., "Taming Transformers for
High-Resolution Image Synthesis", CVPR 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from moclink.codec.blocks import ResidualBlock, make_normalization
from moclink.constants import LATENT_STRIDE


class AutoencoderHalf(keras.layers.Layer):
    """Base class of `Encoder` and `Decoder`.

    Args:
        latent_channels: n_q.
        widths: Channels at each resolution, in the order in which they are passed.
        depths: Residual blocks at each of these resolutions.
        patch: Side of the pixel square that is folded into channels; 1 for none.
        normalization: "none", "rms" or "group"; see `make_normalization`.
        groups: Channel groups of "group".
        linear_path: Whether a fixed linear map of each 8x8 block is added to the network, whose
            output is zero at first.
        snr_grid: SNRs in dB, ascending, at which the blocks have scales and shifts of their own; none
            for a network that is not told the SNR.

    Raises:
        ValueError: If the SNRs do not ascend, the stages do not change the resolution by 8, or
            `normalization` is unknown.
    """

    blocks: list[ResidualBlock]  # of all stages; set by the subclass between its other layers

    def __init__(
        self,
        latent_channels: int,
        widths: Sequence[int],
        depths: Sequence[int],
        patch: int,
        normalization: str,
        groups: int,
        linear_path: bool,
        snr_grid: Sequence[float] = (),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if np.any(np.diff(snr_grid) <= 0):
            raise ValueError(f"snr_grid is {tuple(snr_grid)}; SNRs must ascend")
        if len(widths) != len(depths):
            raise ValueError(
                f"widths {tuple(widths)} and depths {tuple(depths)} must be of one length"
            )
        factor = patch * 2 ** (len(widths) - 1)
        if factor != LATENT_STRIDE:
            raise ValueError(
                f"patch {patch} with {len(widths)} widths reduces by {factor}; "
                f"patch * 2**(len(widths) - 1) must be {LATENT_STRIDE}"
            )
        make_normalization(normalization, groups)  # an unknown name fails here
        self.latent_channels = latent_channels
        self.widths = tuple(widths)
        self.depths = tuple(depths)
        self.patch = patch
        self.normalization = normalization
        self.groups = groups
        self.linear_path = linear_path
        self.snr_grid = tuple(float(snr) for snr in snr_grid)
        self.modulations: list[Any] = []

    def make_blocks(self) -> list[ResidualBlock]:
        """Residual blocks of all stages in one flat list (Keras does not save lists of lists)."""
        return [
            ResidualBlock(
                self.normalization, self.groups, dtype=self.dtype_policy, name=f"block_{i}_{j}"
            )
            for i, depth in enumerate(self.depths)
            for j in range(depth)
        ]

    def stage(self, i: int) -> Sequence[ResidualBlock]:
        """The residual blocks of the i-th resolution."""
        start = sum(self.depths[:i])
        return self.blocks[start : start + self.depths[i]]

    def build_stages(self, resamplings: Sequence[keras.layers.Layer]) -> None:
        """Build the blocks of all stages, and the layers that change the resolution between them."""
        for i, width in enumerate(self.widths):
            if i:
                resamplings[i - 1].build((None, None, None, self.widths[i - 1]))
            for block in self.stage(i):
                block.build((None, None, None, width))

    def build_modulations(self) -> None:
        """Scale and shift of every block at each SNR of the grid, zeros [G, 2, C]."""
        widths = [
            width
            for width, depth in zip(self.widths, self.depths, strict=True)
            for _ in range(depth)
        ]
        if self.snr_grid:
            self.modulations = [
                self.add_weight(
                    name=f"modulation_{i}",
                    shape=(len(self.snr_grid), 2, width),
                    initializer="zeros",
                )
                for i, width in enumerate(widths)
            ]

    def conditions(self, snr_db: Any) -> list[tuple[Any, Any] | None]:
        """Scale and shift of each block at SNRs float [B] in dB; None for each if not told any."""
        if snr_db is None or not self.snr_grid:
            return [None] * len(self.blocks)
        share = grid_shares(snr_db, self.snr_grid)  # [B, G]
        found: list[tuple[Any, Any] | None] = []
        for modulation in self.modulations:
            grid, _, width = modulation.shape
            flat = ops.reshape(ops.cast(modulation, "float32"), (grid, 2 * width))
            at = ops.cast(ops.matmul(share, flat), self.compute_dtype)
            at = ops.reshape(at, (-1, 2, 1, 1, width))
            found.append((at[:, 0], at[:, 1]))
        return found

    @property
    def head_initializer(self) -> str:
        """Of the last convolution: nothing, where a linear path has the picture already."""
        return "zeros" if self.linear_path else "glorot_uniform"

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "latent_channels": self.latent_channels,
            "widths": self.widths,
            "depths": self.depths,
            "patch": self.patch,
            "normalization": self.normalization,
            "groups": self.groups,
            "linear_path": self.linear_path,
            **({"snr_grid": self.snr_grid} if self.snr_grid else {}),
        }


def grid_shares(snr_db: Any, grid: Sequence[float]) -> Any:
    """Shares of the SNRs of a grid in linear interpolation at SNRs [B]: float32 [B, G].

    Beyond the grid its first or last point has all.
    """
    points = np.array(grid, np.float32)
    at = ops.reshape(ops.cast(snr_db, "float32"), (-1, 1))
    above = ops.clip((at - points[:-1]) / np.diff(points), 0.0, 1.0)  # [B, G - 1]
    one = ops.ones_like(at)
    return ops.concatenate([one, above], axis=1) - ops.concatenate([above, 0.0 * one], axis=1)

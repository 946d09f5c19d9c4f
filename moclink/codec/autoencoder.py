"""What encoder and decoder share: constructor arguments, and residual blocks at each resolution.

One pair of classes covers the VQGAN autoencoder that the paper inherits (`patch=1`, three changes of
resolution, GroupNorm) and the light one (`patch=4`: the rearrangement of 4x4 pixels into channels
saves every convolution at full and half resolution, where arithmetic is dearest).

Reference: Zhou et al., "MOC-RVQ", sections II and IV-A; Esser et al., "Taming Transformers for
High-Resolution Image Synthesis", CVPR 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from moclink.codec.blocks import ResidualBlock, make_normalization
from moclink.constants import CELL_SIZE


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

    Raises:
        ValueError: If the stages do not change the resolution by 8, or `normalization` is unknown.
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
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if len(widths) != len(depths):
            raise ValueError(
                f"widths {tuple(widths)} and depths {tuple(depths)} must be of one length"
            )
        factor = patch * 2 ** (len(widths) - 1)
        if factor != CELL_SIZE:
            raise ValueError(
                f"patch {patch} with {len(widths)} widths reduces by {factor}; "
                f"patch * 2**(len(widths) - 1) must be {CELL_SIZE}"
            )
        make_normalization(normalization, groups)  # an unknown name fails here
        self.latent_channels = latent_channels
        self.widths = tuple(widths)
        self.depths = tuple(depths)
        self.patch = patch
        self.normalization = normalization
        self.groups = groups
        self.linear_path = linear_path

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
        }

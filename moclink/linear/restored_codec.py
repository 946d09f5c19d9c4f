"""A linear or octonary codec followed by the restoration network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.linear.codec import PictureCodec
from moclink.linear.restoration import Restoration
from moclink.linear.side_information import SideInformationHeader


@dataclass(frozen=True)
class RestoredCodec:
    """What `codec` sends, and its estimate after the network.

    Attributes:
        codec: Pictures <-> symbols.
        restoration: The trained network.
    """

    codec: PictureCodec
    restoration: Restoration

    def encode(
        self, images: NDArray[np.floating], csi: object = None
    ) -> tuple[NDArray[np.complex64], SideInformationHeader]:
        """See `PictureCodec.encode`."""
        return self.codec.encode(images, csi)

    def decode(
        self,
        received: NDArray[np.complexfloating],
        no: NDArray[np.floating] | float,
        header: SideInformationHeader,
    ) -> NDArray[np.float32]:
        """See `PictureCodec.decode`."""
        return self.restoration(self.codec.estimate(received, no, header))

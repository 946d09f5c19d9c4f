"""The semantic codec with channel-optimised codebooks, as a source of octonary indices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.codec.channel_optimized_codec import ChannelOptimizedCodec
from moclink.codec.channel_optimized_grid import Sending
from moclink.constants import LATENT_STRIDE
from moclink.snr import to_decibels
from moclink.types import ChannelState, Decoded, Demodulated, Header, Payload


@dataclass(frozen=True)
class SenderSNRHeader(Header):
    """Side information of a sender that adapts, known without error and not counted, as an MCS is.

    Attributes:
        sender_snr_db: The SNR in dB that the sender was told; the receiver then knows which
            codebooks it used and how often it repeated each index. None if it was not told any.
    """

    sender_snr_db: float | None = None


@dataclass(frozen=True)
class ChannelOptimizedSource:
    """Images <-> indices that are chosen for the SNR, over the symbols of some levels of MOC-RVQ.

    Indices are sent position by position, level by level, head by head; an index that is repeated
    comes again after the last level.

    Attributes:
        codec: The codec.
        levels: Symbols are as many as this number of levels takes, 1..D.
        sender_knows_snr: Whether the sender is told the SNR; else it uses the codebooks for a range
            of SNRs.
    """

    codec: ChannelOptimizedCodec
    levels: int = 4
    sender_knows_snr: bool = True

    def __post_init__(self) -> None:
        known = self.codec.grid.levels
        if self.levels not in known:
            raise ValueError(f"{self.levels} levels: this codec has codebooks for {sorted(known)}")
        most = self.codec.grid.robust.codebooks.shape[0]
        if not self.sender_knows_snr and self.levels != most:
            raise ValueError(
                f"{self.levels} levels: a sender that is not told the SNR has {most} levels"
            )

    @property
    def alphabet(self) -> int:
        """States of an index, N."""
        return self.codec.states

    def encode(self, images: NDArray[np.float32], csi: ChannelState | None = None) -> Payload:
        """Encode images into the indices that are sent.

        Args:
            images: float32 [B, H, W, 3] in [0, 1].
            csi: What the sender knows of the channel.

        Returns:
            Indices uint8 [B, h * w * levels * heads].

        Raises:
            ValueError: If the sender has to be told the SNR and csi is None.
        """
        if self.sender_knows_snr and csi is None:
            raise ValueError("codes are chosen for the SNR: give encode the channel state (csi)")
        sender_snr_db = csi.snr_db if self.sender_knows_snr and csi is not None else None
        sending = self._sending(sender_snr_db)
        indices = self.codec.encode(images, sending.books)
        repeated = np.tile(indices, (1, 1, 1, sending.repeats, 1))
        flat = repeated.reshape(len(images), -1).astype(np.uint8)
        used = (flat.shape[1],) * len(images)
        height, width = images.shape[1:3]
        return Payload(flat, SenderSNRHeader(height, width, used, sender_snr_db=sender_snr_db))

    def decode(self, demodulated: Demodulated, header: Header) -> Decoded:
        """Decode log-likelihoods [B, K, N]. Indices always give a picture: there is no outage.

        Raises:
            ValueError: If the header does not say which SNR the sender was told.
        """
        if not isinstance(header, SenderSNRHeader):
            raise ValueError(
                f"{type(header).__name__} does not say which SNR the sender was told; a SenderSNRHeader "
                "does"
            )
        sending = self._sending(header.sender_snr_db)
        used = demodulated.values[:, : header.lengths[0]]
        rows, columns = -(-header.height // LATENT_STRIDE), -(-header.width // LATENT_STRIDE)
        count, heads, states = sending.books.priors.shape
        grid = (len(used), rows, columns, sending.repeats, count, heads, states)
        together = used.reshape(grid).sum(axis=3)
        # The demodulator saw the symbols at the scale before unit power.
        snr_db = demodulated.snr_db - 2 * to_decibels(np.array(header.scale))
        images = self.codec.decode(together, sending.books, header.height, header.width, snr_db)
        return Decoded(images, np.ones(len(images), bool))

    def _sending(self, sender_snr_db: float | None) -> Sending:
        if sender_snr_db is None:
            return Sending(self.codec.grid.robust, 1)
        return self.codec.grid.sending(self.levels, sender_snr_db)

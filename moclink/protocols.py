"""Interfaces of sources, modems and chains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from moclink.types import (
    ChannelState,
    Decoded,
    Demodulated,
    ErrorRates,
    Header,
    Payload,
    Reception,
    Transmission,
)

# (number of the transmission from 0, realisations that need it, symbols [1, S]) -> received symbols
# and noise variances, a row for each of these realisations.
ChannelUse = Callable[
    [int, NDArray[np.intp], NDArray[np.complex64]],
    tuple[NDArray[np.complex64], NDArray[np.float32]],
]


class Source(Protocol):
    """A codec, learned or classical: images <-> indices of an alphabet (see `types`)."""

    @property
    def alphabet(self) -> int:
        """Number of values of an index: 2 for bits, N for codebook indices."""

    def encode(self, images: NDArray[np.float32], csi: ChannelState | None = None) -> Payload:
        """Encode images into indices.

        Args:
            images: float32 [B, H, W, 3] in [0, 1].
            csi: What the sender knows of the channel; a source that does not adapt ignores it.
        """

    def decode(self, demodulated: Demodulated, header: Header) -> Decoded:
        """Decode the output of the modem.

        Args:
            demodulated: LLRs or log-likelihoods of B receptions. B may exceed the number of images
                encoded if that was one (one image, many channel states).
            header: Side information from `encode`.
        """


class Modem(Protocol):
    """Indices <-> complex symbols, with or without channel code."""

    @property
    def alphabet(self) -> int:
        """Number of values of an index."""

    @property
    def indices_per_block(self) -> int | None:
        """Indices in one block of the channel code; None if uncoded."""

    def code_blocks(self, symbols: int) -> Sequence[slice] | None:
        """Indices of each code block where their length depends on the message, else None."""

    def symbols_for(self, count: int) -> int:
        """Complex symbols that carry this many indices, padding included."""

    def max_indices(self, symbols: int) -> int:
        """The most indices that this many complex symbols can carry."""

    def modulate(self, indices: NDArray[np.uint8]) -> NDArray[np.complex64]:
        """Map indices uint8 [B, K] to symbols complex64 [B, S] of a constellation of unit mean energy."""

    def demodulate(self, received: NDArray[np.complex64], no: NDArray[np.float32]) -> Demodulated:
        """LLRs or log-likelihoods of what was received.

        Args:
            received: Equalised symbols, complex64 [B, S].
            no: Their noise variances, float32 [B] or [B, S].
        """


class AnalogSource(Protocol):
    """A codec that makes real numbers of images: two of them make a complex symbol."""

    def encode(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images float32 [B, H, W, 3] in [0, 1] -> reals float32 [B, h, w, C], C even."""

    def decode(
        self,
        received: NDArray[np.float32],
        height: int | None = None,
        width: int | None = None,
        snr_db: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Noisy reals [B, h, w, C], received at Es/N0 `snr_db` [B] in dB -> images [B, height, width, 3]."""


class SymbolCodec(Protocol):
    """A codec that makes complex symbols of images by itself."""

    def encode(
        self, images: NDArray[np.float32], csi: ChannelState | None = None
    ) -> tuple[NDArray[np.complex64], Any]:
        """Images float32 [B, H, W, 3] in [0, 1] -> (symbols complex64 [B, S], side information)."""

    def decode(
        self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Any
    ) -> NDArray[np.float32]:
        """Received symbols [B, S] and noise variances [B] or [B, S] -> images [B, H, W, 3]."""


class Chain(Protocol):
    """A way to carry images over symbols; what the simulator runs."""

    @property
    def name(self) -> str:
        """Name in results and figures."""

    @property
    def adaptive(self) -> bool:
        """Whether `transmit` uses channel state information."""

    @property
    def modem(self) -> Modem | None:
        """What makes symbols of indices; None for a chain without."""

    def transmit(
        self, images: NDArray[np.float32], csi: ChannelState | None = None
    ) -> Transmission:
        """Images -> symbols.

        Args:
            images: float32 [B, H, W, 3] in [0, 1].
            csi: What the sender knows of the channel. A chain that is not adaptive ignores it.

        Raises:
            ValueError: If an adaptive chain that cannot do without is given None.
        """

    def receive(
        self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Header
    ) -> Reception:
        """Decode what was received.

        Args:
            received: Equalised symbols, complex64 [B, S]; B may exceed the number of images sent if
                that was one.
            no: Their noise variances, float32 [B] or [B, S].
            header: Side information from `transmit`.
        """

    def exchange(
        self, transmission: Transmission, realisations: int, channel: ChannelUse
    ) -> Reception:
        """Send one picture over several realisations of the channel, and receive it from each.

        Once, in `moclink.single_transmission`; a chain with HARQ sends again what did not arrive. A
        chain of the user's own need not have this method.

        Args:
            transmission: What `transmit` made of one picture.
            realisations: Number of realisations, B.
            channel: Sends symbols over some of the realisations.
        """

    def decode(self, demodulated: Demodulated, header: Header) -> Reception:
        """What the modem made of received symbols -> images; for chains that have a modem."""

    def count_errors(self, transmission: Transmission, reception: Reception) -> ErrorRates:
        """Compare a reception with its transmission."""

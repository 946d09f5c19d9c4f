"""What is sent and what is received: transmit chains as values made of two parts.

    image -> [source encoder] -> letters -> [modem] -> symbols
                                                          |  channel (owned by the simulator)
    image <- [source decoder] <- evidence <- [modem] <- received

A *letter* is what a source hands to a modem: a bit (alphabet of 2) or an octonary codebook index
(alphabet of 8). *Evidence* is what the demodulator knows of each letter. Everything that crosses
these doorways is NumPy, so each room keeps its own framework.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Header:
    """Side information, known to the receiver without error and not counted in the rate.

    Attributes:
        height: Image height in pixels, before any padding.
        width: Image width in pixels, before any padding.
        letters: Number of letters in use in each row of the payload; what follows is padding.
    """

    height: int
    width: int
    letters: tuple[int, ...]


@dataclass(frozen=True)
class RateFit:
    """How a file codec met its bit budget.

    Attributes:
        codec: Name of the file codec.
        quality: The codec's own quality parameter that was chosen.
        file_bits: Size of the file in bits.
        budget_bits: The budget in bits.
    """

    codec: str
    quality: int
    file_bits: int
    budget_bits: int

    @property
    def fits(self) -> bool:
        """Whether the file is within its budget (false if even the smallest file is not)."""
        return self.file_bits <= self.budget_bits


@dataclass(frozen=True)
class Payload:
    """What a source hands to the modem.

    Attributes:
        letters: uint8 [B, K], values 0 .. alphabet - 1, zero-padded to the longest row.
        header: Side information for the decoder.
        rate_fits: One record an image where a quality was fitted to a budget, else empty.
    """

    letters: NDArray[np.uint8]
    header: Header
    rate_fits: tuple[RateFit, ...] = ()


@dataclass(frozen=True)
class Decoded:
    """What a source decoder gives back.

    Attributes:
        images: float32 [B, H, W, 3] in [0, 1].
        ok: bool [B]; false where nothing could be decoded (an outage), in which case the image
            is mid-grey.
    """

    images: NDArray[np.float32]
    ok: NDArray[np.bool_]


class Source(Protocol):
    """A codec, learned or classical: images <-> letters of an alphabet."""

    @property
    def alphabet(self) -> int:
        """Number of values of a letter: 2 for bits, N for codebook indices."""

    def encode(self, images: NDArray[np.float32]) -> Payload:
        """Encode float32 [B, H, W, 3] in [0, 1] into letters [B, K] and a header."""

    def decode(self, evidence: NDArray[np.float32], header: Header) -> Decoded:
        """Decode what the modem says of each letter.

        Args:
            evidence: LLRs float32 [B, K], ln P(1)/P(0), for bits; log-likelihoods
                float32 [B, K, N] for indices. B may exceed the number of images encoded if that
                was one (one image, many channel states).
            header: Side information from `encode`.
        """


class Modem(Protocol):
    """Letters <-> complex symbols of unit mean energy, with or without channel code."""

    @property
    def alphabet(self) -> int:
        """Number of values of a letter."""

    @property
    def block_letters(self) -> int | None:
        """Letters in one block of the channel code; None if uncoded."""

    def symbols_for(self, letters: int) -> int:
        """Complex symbols that carry this many letters, padding included."""

    def letters_within(self, symbols: int) -> int:
        """The most letters that this many complex symbols can carry."""

    def modulate(self, letters: NDArray[np.uint8]) -> NDArray[np.complex64]:
        """Map letters [B, K] to symbols [B, S], E|x|^2 = 1."""

    def demodulate(
        self, received: NDArray[np.complex64], no: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Turn received symbols [B, S] and noise variances [B] or [B, S] into evidence.

        Returns:
            LLRs [B, K'] for bits, log-likelihoods [B, K', N] for indices, with K' >= K: padding
            letters, known to be zero at the sender, come last.
        """

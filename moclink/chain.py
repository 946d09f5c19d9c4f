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


@dataclass(frozen=True)
class Demodulated:
    """What a modem makes of received symbols.

    Attributes:
        evidence: LLRs float32 [B, K'], ln P(1)/P(0), for bits; log-likelihoods float32 [B, K', N] for
            indices. K' >= K: padding letters, known to be zero at the sender, come last.
        iterations: int32 [B, blocks], iterations that the channel code's decoder spent on each block;
            None if uncoded.
    """

    evidence: NDArray[np.float32]
    iterations: NDArray[np.int32] | None = None


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

    def demodulate(self, received: NDArray[np.complex64], no: NDArray[np.float32]) -> Demodulated:
        """Turn received symbols [B, S] and noise variances [B] or [B, S] into evidence."""


@dataclass(frozen=True)
class Transmission:
    """What a chain sends for a batch of images.

    Attributes:
        symbols: complex64 [B, S], E|x|^2 = 1.
        header: Side information for the receiver.
        payload: Letters behind the symbols; None for an analog chain.
    """

    symbols: NDArray[np.complex64]
    header: Header
    payload: Payload | None = None


@dataclass(frozen=True)
class Reception:
    """What a chain's receiver makes of a batch of received symbols.

    Attributes:
        images: float32 [B, H, W, 3] in [0, 1].
        decoded: bool [B]; false is an outage (the image is then mid-grey).
        letters: uint8 [B, K] hard decisions; None for analog and ideal chains.
        bits: int64 [B], source bits behind each image; None for an analog chain.
        rate_fits: One record an image where a quality was fitted at the receiver's SNR.
        iterations: float64 [B], mean iterations of the channel decoder a block; None without one.
    """

    images: NDArray[np.float32]
    decoded: NDArray[np.bool_]
    letters: NDArray[np.uint8] | None = None
    bits: NDArray[np.int64] | None = None
    rate_fits: tuple[RateFit, ...] = ()
    iterations: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class ErrorRates:
    """Error rates of one batch; each float64 [B], or None where it has no meaning.

    Attributes:
        ber: Bit errors / bits, over the letters in use.
        ier: Index errors / indices (octonary letters only).
        bler: Blocks with any bit error / blocks (with a channel code only), padding included.
    """

    ber: NDArray[np.float64] | None = None
    ier: NDArray[np.float64] | None = None
    bler: NDArray[np.float64] | None = None


class Chain(Protocol):
    """A way to carry an image over symbols; what the simulator runs."""

    @property
    def name(self) -> str:
        """Name in results and figures."""

    def transmit(self, images: NDArray[np.float32]) -> Transmission:
        """Images float32 [B, H, W, 3] in [0, 1] -> symbols."""

    def receive(self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Header) -> Reception:
        """Received symbols [B, S] and noise variances [B] or [B, S] -> images."""

    def count_errors(self, sent: Transmission, got: Reception) -> ErrorRates:
        """Compare what was received with what was sent."""


@dataclass(frozen=True)
class DigitalChain:
    """Source coder and modem, joined by letters.

    Attributes:
        name: Name in results and figures.
        source: Images <-> letters.
        modem: Letters <-> symbols, of the same alphabet.
    """

    name: str
    source: Source
    modem: Modem

    def __post_init__(self) -> None:
        if self.source.alphabet != self.modem.alphabet:
            raise ValueError(
                f"chain {self.name}: the source has an alphabet of {self.source.alphabet}, "
                f"the modem one of {self.modem.alphabet}"
            )

    def transmit(self, images: NDArray[np.float32]) -> Transmission:
        """See `Chain.transmit`."""
        payload = self.source.encode(images)
        return Transmission(self.modem.modulate(payload.letters), payload.header, payload)

    def receive(self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Header) -> Reception:
        """See `Chain.receive`."""
        return self.decode(self.modem.demodulate(received, no), header)

    def decode(self, got: Demodulated, header: Header) -> Reception:
        """What a modem made of received symbols -> images."""
        letters = hard_letters(got.evidence)
        decoded = self.source.decode(got.evidence, header)
        used = np.broadcast_to(header.letters, len(letters))
        bits = used.astype(np.int64) * int(np.log2(self.source.alphabet))
        iterations = None if got.iterations is None else got.iterations.mean(axis=1)
        return Reception(decoded.images, decoded.ok, letters, bits, iterations=iterations)

    def count_errors(self, sent: Transmission, got: Reception) -> ErrorRates:
        """See `Chain.count_errors`."""
        if sent.payload is None or got.letters is None:
            return ErrorRates()
        return count_letter_errors(
            sent.payload.letters,
            got.letters,
            sent.header.letters,
            self.source.alphabet,
            self.modem.block_letters,
        )


class AnalogCodec(Protocol):
    """A codec whose letters are real numbers: two of them make a complex symbol."""

    def encode(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images [B, H, W, 3] -> reals [B, h, w, C], C even, mean square 1/2 an image."""

    def decode(
        self,
        received: NDArray[np.float32],
        height: int | None = None,
        width: int | None = None,
        snr_db: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Noisy reals [B, h, w, C], received at Es/N0 snr_db [B] -> images [B, height, width, 3]."""


@dataclass(frozen=True)
class AnalogChain:
    """An analog joint source-channel code: reals of the codec are the symbols' I and Q.

    Attributes:
        name: Name in results and figures.
        codec: Images <-> reals.
        channels: Reals a cell of the latent grid, C.
    """

    name: str
    codec: AnalogCodec
    channels: int = 96

    def transmit(self, images: NDArray[np.float32]) -> Transmission:
        """See `Chain.transmit`."""
        reals = np.ascontiguousarray(self.codec.encode(images), np.float32)
        batch, height, width = images.shape[:3]
        symbols = reals.reshape(batch, -1).view(np.complex64)
        return Transmission(symbols, Header(height, width, (reals[0].size,) * batch))

    def receive(self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Header) -> Reception:
        """See `Chain.receive`. The decoder is told the mean SNR of each image's symbols."""
        rows, columns = -(-header.height // 8), -(-header.width // 8)
        reals = np.ascontiguousarray(received).view(np.float32).reshape(-1, rows, columns, self.channels)
        snr_db = 10 * np.log10(np.mean(1 / no.reshape(len(no), -1), axis=1))
        images = self.codec.decode(reals, header.height, header.width, snr_db.astype(np.float32))
        return Reception(np.clip(images, 0, 1), np.ones(len(received), bool))

    def count_errors(self, sent: Transmission, got: Reception) -> ErrorRates:
        """An analog chain has no letters: nothing to count."""
        return ErrorRates()


def hard_letters(evidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Most likely letters, uint8 [B, K], of LLRs [B, K] or log-likelihoods [B, K, N]."""
    if evidence.ndim == 2:
        return (evidence > 0).astype(np.uint8)
    return evidence.argmax(axis=-1).astype(np.uint8)


def count_letter_errors(
    sent: NDArray[np.uint8],
    got: NDArray[np.uint8],
    used: tuple[int, ...],
    alphabet: int,
    block_letters: int | None,
) -> ErrorRates:
    """Count bit, index and block errors: the one place where errors are counted.

    Args:
        sent: uint8 [B, K] or [1, K] (one transmission, many receptions).
        got: uint8 [B', K'], K' >= K; what exceeds K was padded with zeros at the sender.
        used: Letters in use of each row of `sent`.
        alphabet: Values of a letter; an index counts as its log2(alphabet) label bits.
        block_letters: Letters of one codeword, or None if uncoded.
    """
    rows = len(got)
    filled = np.zeros((len(sent), got.shape[1]), np.uint8)
    filled[:, : sent.shape[1]] = sent
    difference = np.bitwise_xor(got, filled)
    in_use = np.arange(got.shape[1]) < np.reshape(used, (-1, 1))
    count = np.broadcast_to(np.maximum(in_use.sum(axis=1), 1), rows)
    wrong = np.bitwise_count(np.where(in_use, difference, 0)).sum(axis=1)
    ber = wrong / (count * np.log2(alphabet))
    ier = np.count_nonzero(np.where(in_use, difference, 0), axis=1) / count if alphabet > 2 else None
    bler = None
    if block_letters:
        blocks = difference.reshape(rows, -1, block_letters)
        bler = blocks.any(axis=2).mean(axis=1)
    return ErrorRates(ber, ier, bler)

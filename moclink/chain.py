"""Transmit chains: from images to symbols, and from received symbols to images.

- `DigitalChain`: a source coder and a modem, joined by indices.
- `AnalogChain`: a codec whose reals are the symbols' I and Q.
- `SymbolChain`: a codec that makes symbols by itself, such as SoftCast.
- `IdealChain`: a source coder and an ideal code at the channel's capacity.
- `BitChain`: random bits through a modem, for error-rate curves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.chain_inputs import check_counted, check_lengths, check_sent, usual_float_errors
from moclink.constants import GREY, LATENT_STRIDE
from moclink.error_rates import count_index_errors
from moclink.power import check_received, undo_scale, unit_power
from moclink.protocols import AnalogSource, Modem, Source, SymbolCodec
from moclink.single_transmission import SingleTransmission
from moclink.snr import mean_capacity, mean_snr_db
from moclink.types import (
    ChannelState,
    Demodulated,
    ErrorRates,
    Header,
    Payload,
    Reception,
    Transmission,
)

ROUNDING = 1e-6  # of noise variances in float32, relative to a capacity


@dataclass(frozen=True)
class DigitalChain(SingleTransmission):
    """Source coder and modem, joined by indices.

    Attributes:
        name: Name in results and figures.
        source: Images <-> indices.
        modem: Indices <-> symbols, of the same alphabet.
        adaptive: Whether the source is told the channel's state.
    """

    name: str
    source: Source
    modem: Modem
    adaptive: bool = False

    def __post_init__(self) -> None:
        if self.source.alphabet != self.modem.alphabet:
            raise ValueError(
                f"chain {self.name}: the source has an alphabet of {self.source.alphabet}, "
                f"the modem one of {self.modem.alphabet}"
            )

    @usual_float_errors
    def transmit(
        self, images: NDArray[np.float32], csi: ChannelState | None = None
    ) -> Transmission:
        """See `Chain.transmit`."""
        images = check_sent(images, csi)
        payload = self.source.encode(images, csi if self.adaptive else None)
        return unit_power(
            Transmission(self.modem.modulate(payload.indices), payload.header, payload)
        )

    @usual_float_errors
    def receive(
        self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Header
    ) -> Reception:
        """See `Chain.receive`."""
        return self.decode(self.modem.demodulate(*undo_scale(received, no, header)), header)

    @usual_float_errors
    def decode(self, demodulated: Demodulated, header: Header) -> Reception:
        """See `Chain.decode`."""
        indices = demodulated.hard()
        check_lengths(header, indices.shape[1])
        decoded = self.source.decode(demodulated, header)
        used = np.broadcast_to(header.lengths, len(indices))
        bits = used.astype(np.int64) * int(np.log2(self.source.alphabet))
        iterations = None if demodulated.iterations is None else demodulated.iterations.mean(axis=1)
        return Reception(decoded.images, decoded.ok, indices, bits, iterations, decoded.problems)

    def count_errors(self, transmission: Transmission, reception: Reception) -> ErrorRates:
        """See `Chain.count_errors`."""
        if transmission.payload is None or reception.indices is None:
            return ErrorRates()
        check_counted(transmission.payload.indices, reception.indices, self.source.alphabet)
        return count_index_errors(
            transmission.payload.indices,
            reception.indices,
            transmission.header.lengths,
            self.source.alphabet,
            self.modem.indices_per_block or self.modem.code_blocks(transmission.symbols.shape[1]),
        )


class _WithoutModem(SingleTransmission):
    """The methods of `Chain` that need a modem, for chains without one."""

    modem = None

    def decode(self, demodulated: Demodulated, header: Header) -> Reception:
        """Refuse: there is no modem whose output could be decoded."""
        raise ValueError(f"{type(self).__name__} has no modem; use receive")

    def count_errors(self, transmission: Transmission, reception: Reception) -> ErrorRates:
        """Nothing to count."""
        return ErrorRates()


@dataclass(frozen=True)
class AnalogChain(_WithoutModem):
    """An analog joint source-channel code: reals of the codec are the symbols' I and Q.

    Attributes:
        name: Name in results and figures.
        codec: Images <-> reals.
        channels: Reals at each position of the latent grid, C.
    """

    name: str
    codec: AnalogSource
    channels: int = 96
    adaptive = False

    @usual_float_errors
    def transmit(
        self, images: NDArray[np.float32], csi: ChannelState | None = None
    ) -> Transmission:
        """See `Chain.transmit`."""
        images = check_sent(images, csi)
        reals = np.ascontiguousarray(self.codec.encode(images), np.float32)
        batch, height, width = images.shape[:3]
        symbols = reals.reshape(batch, -1).view(np.complex64)
        return unit_power(Transmission(symbols, Header(height, width, (reals[0].size,) * batch)))

    @usual_float_errors
    def receive(
        self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Header
    ) -> Reception:
        """See `Chain.receive`. The decoder is told the mean SNR of each image's symbols."""
        received, no = check_received(received, no, header)
        snr_db = mean_snr_db(no)
        received, _ = undo_scale(received, no, header)
        rows, columns = -(-header.height // LATENT_STRIDE), -(-header.width // LATENT_STRIDE)
        reals = (
            np.ascontiguousarray(received)
            .view(np.float32)
            .reshape(-1, rows, columns, self.channels)
        )
        images = self.codec.decode(reals, header.height, header.width, snr_db)
        return Reception(np.clip(images, 0, 1), np.ones(len(received), bool))


@dataclass(frozen=True)
class SymbolHeader(Header):
    """Header of a codec that makes symbols by itself.

    Attributes:
        codec: The codec's own side information.
    """

    codec: Any = None


@dataclass(frozen=True)
class SymbolChain(_WithoutModem):
    """A codec that makes complex symbols of images by itself, such as SoftCast.

    Attributes:
        name: Name in results and figures.
        codec: Images <-> symbols.
        adaptive: Whether the codec is told the channel's state.
    """

    name: str
    codec: SymbolCodec
    adaptive: bool = False

    @usual_float_errors
    def transmit(
        self, images: NDArray[np.float32], csi: ChannelState | None = None
    ) -> Transmission:
        """See `Chain.transmit`."""
        images = check_sent(images, csi)
        symbols, side_information = self.codec.encode(images, csi if self.adaptive else None)
        height, width = images.shape[1:3]
        header = SymbolHeader(height, width, (0,) * len(images), codec=side_information)
        return unit_power(Transmission(np.asarray(symbols, np.complex64), header))

    @usual_float_errors
    def receive(
        self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Header
    ) -> Reception:
        """See `Chain.receive`."""
        if not isinstance(header, SymbolHeader):
            raise ValueError(
                f"{self.name} receives only what it has sent, not {type(header).__name__}"
            )
        received, no = undo_scale(received, no, header)
        images = np.asarray(self.codec.decode(received, no, header.codec), np.float32)
        return Reception(np.clip(images, 0, 1), np.ones(len(received), bool))


@dataclass(frozen=True)
class IdealHeader(Header):
    """Header of an ideal chain.

    Attributes:
        payload: What was sent. An ideal code has no decoder that could be run: its receiver hands
            the indices over where the channel's capacity reaches the rate.
    """

    payload: Payload = None  # type: ignore[assignment]


@dataclass(frozen=True)
class IdealChain(_WithoutModem):
    """A source with an ideal, capacity-achieving code: bits = symbols * log2(1 + SNR).

    The sender knows the SNR and the source fills what the channel can carry, so this is an upper
    bound of separate source and channel coding with that source. Where the channel turns out worse
    than the sender was told, nothing arrives.

    Attributes:
        name: Name in results and figures.
        source: Images <-> bits; its budget follows `capacity_bits`.
        symbols: (height, width) -> complex symbols used.
    """

    name: str
    source: Source
    symbols: Callable[[int, int], int]
    adaptive = True

    @usual_float_errors
    def transmit(
        self, images: NDArray[np.float32], csi: ChannelState | None = None
    ) -> Transmission:
        """Images -> Gaussian symbols of unit mean energy, as an ideal code's are."""
        if csi is None:
            raise ValueError(f"{self.name} fits its files to the channel's capacity; give it csi")
        images = check_sent(images, csi)
        payload = self.source.encode(images, csi)
        count = self.symbols(*images.shape[1:3])
        rng = np.random.default_rng(0)
        symbols = rng.standard_normal((len(images), 2 * count), np.float32).view(np.complex64)
        height, width = images.shape[1:3]
        header = IdealHeader(height, width, payload.header.lengths, payload=payload)
        return unit_power(Transmission(symbols, header, payload))

    @usual_float_errors
    def receive(
        self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Header
    ) -> Reception:
        """Deliver the message in each of B channel states whose capacity reaches its rate."""
        if not isinstance(header, IdealHeader):
            raise ValueError(
                f"{self.name} receives only what an ideal chain has sent, not {header}"
            )
        received, no = check_received(received, no, header)
        bits = np.broadcast_to(np.asarray(header.lengths, np.int64), len(received))
        arrives = bits <= received.shape[1] * mean_capacity(no) * (1 + ROUNDING)
        indices = header.payload.indices
        message = np.broadcast_to(indices, (len(received), indices.shape[1]))
        demodulated = Demodulated(2 * message.astype(np.float32) - 1, no)
        decoded = self.source.decode(demodulated, header.payload.header)
        images = np.where(arrives[:, None, None, None], decoded.images, np.float32(GREY))
        return Reception(images, decoded.ok & arrives, bits=bits)


def capacity_bits(symbols: int, csi: ChannelState | None) -> int:
    """Bits that an ideal code carries over complex symbols: floor(symbols * log2(1 + SNR))."""
    if csi is None:
        raise ValueError("the capacity of a channel needs its SNR; give csi")
    if csi.no == 0:
        raise ValueError(f"the capacity at {csi.snr_db:g} dB is not finite; give up to 100 dB")
    return int(symbols * np.log2(1 + 1 / csi.no))


@dataclass(frozen=True)
class BitChain:
    """Random bits through a modem, for error-rate curves.

    Attributes:
        name: Name in results and figures.
        modem: Bits <-> symbols.
    """

    name: str
    modem: Modem

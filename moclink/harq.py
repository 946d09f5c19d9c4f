"""HARQ with incremental redundancy: a transport block is sent again until its CRC holds, N times at most.

Each transmission is as long as the first and sends another part of the circular buffer, redundancy
version 0, 2, 3, 1 and over again; the receiver adds the LLRs of all of them. Acknowledgements are
free of errors and not counted; all symbols are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from moclink.chain import BitChain
from moclink.power import undo_scale, unit_power
from moclink.protocols import Chain, ChannelUse, Modem
from moclink.types import (
    ChannelState,
    Demodulated,
    ErrorRates,
    Header,
    Reception,
    Transmission,
)
from moclink.wrapped_chain import WrappedChain


class RepeatingModem(Modem, Protocol):
    """A modem that can send a message again, such as `TransportBlockModem`."""

    def modulate(self, indices: NDArray[np.uint8], number: int = 0) -> NDArray[np.complex64]:
        """Indices [B, K] -> symbols [B, S] of the transmission of a number, from 0."""

    def combine(
        self, received: Sequence[NDArray[np.complex64]], no: Sequence[NDArray[np.float32]]
    ) -> tuple[Demodulated, NDArray[np.bool_]]:
        """What the first transmissions say together, and whether the CRC of each row holds."""


@dataclass(frozen=True)
class HarqChain(WrappedChain):
    """A chain of transport blocks that are sent again where they fail.

    `transmit` and `receive` are those of a single transmission; `exchange` sends again.

    Attributes:
        inner: The chain.
        transmissions: The most transmissions, N.
        modem_for: Header -> the modem that sends the indices.
    """

    inner: Chain
    transmissions: int
    modem_for: Callable[[Header], RepeatingModem]

    @property
    def name(self) -> str:
        """Name in results and figures."""
        return self.inner.name

    def transmit(
        self, images: NDArray[np.float32], csi: ChannelState | None = None
    ) -> Transmission:
        """See `Chain.transmit`: the first transmission."""
        return self.inner.transmit(images, csi)

    def receive(
        self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Header
    ) -> Reception:
        """See `Chain.receive`: what the first transmission gives."""
        return self.inner.receive(received, no, header)

    def decode(self, demodulated: Demodulated, header: Header) -> Reception:
        """See `Chain.decode`."""
        return self.inner.decode(demodulated, header)

    def count_errors(self, transmission: Transmission, reception: Reception) -> ErrorRates:
        """See `Chain.count_errors`."""
        return self.inner.count_errors(transmission, reception)

    def exchange(
        self, transmission: Transmission, realisations: int, channel: ChannelUse
    ) -> Reception:
        """See `Chain.exchange`: a picture is sent again where its CRC fails."""
        if transmission.payload is None:
            raise ValueError(f"{self.name} has no indices that could be sent again")
        modem, counts = self.modem_for(transmission.header), np.zeros(realisations, np.int64)
        received: list[NDArray[np.complex64]] = []
        variances: list[NDArray[np.float32]] = []
        values: NDArray[np.float32] | None = None
        spent: NDArray[np.int32] | None = None
        pending, noise = np.arange(realisations), np.ones(realisations, np.float32)
        for number in range(self.transmissions):
            again = transmission if number == 0 else self._again(modem, transmission, number)
            symbols, no = channel(number, pending, again.symbols)
            unscaled, variance = undo_scale(symbols, no, again.header)
            received.append(unscaled)
            variances.append(variance)
            demodulated, crc_ok = modem.combine(received, variances)
            if values is None:
                values = np.empty((realisations, demodulated.values.shape[1]), np.float32)
                blocks = 0 if demodulated.iterations is None else demodulated.iterations.shape[1]
                spent = np.zeros((realisations, blocks), np.int32)
            assert spent is not None
            values[pending] = demodulated.values
            if demodulated.iterations is not None:
                spent[pending] += demodulated.iterations
            noise[pending] = variance.reshape(len(pending), -1).mean(axis=1)
            counts[pending] += 1
            pending = pending[~crc_ok]
            if not len(pending):
                break
            received = [part[~crc_ok] for part in received]
            variances = [part[~crc_ok] for part in variances]
        assert values is not None
        iterations = spent if spent is not None and spent.size else None
        found = self.inner.decode(Demodulated(values, noise, iterations), transmission.header)
        return replace(found, transmissions=counts)

    @staticmethod
    def _again(modem: RepeatingModem, transmission: Transmission, number: int) -> Transmission:
        assert transmission.payload is not None
        symbols = modem.modulate(transmission.payload.indices, number)
        header = Header(
            transmission.header.height, transmission.header.width, transmission.header.lengths
        )
        return unit_power(Transmission(symbols, header))


@dataclass(frozen=True)
class OneModem:
    """(header) -> the same modem whatever the header; an object, so that chains can be pickled."""

    modem: RepeatingModem

    def __call__(self, header: Header) -> RepeatingModem:
        """The modem."""
        return self.modem


def with_harq(chain: Chain | BitChain, transmissions: int) -> Chain | BitChain:
    """The chain with so many transmissions at most; a chain that sends no transport blocks as it is.

    Args:
        chain: A chain whose modem can combine transmissions, or one with a modem for each header.
        transmissions: The most transmissions, N.
    """
    if transmissions == 1 or isinstance(chain, BitChain):
        return chain
    modem, modem_for = chain.modem, getattr(chain, "modem_for", None)
    if modem_for is not None:
        return HarqChain(chain, transmissions, modem_for)
    if hasattr(modem, "combine"):
        return HarqChain(chain, transmissions, OneModem(modem))  # type: ignore[arg-type]
    return chain

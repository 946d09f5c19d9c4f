"""User-defined chains: what they send and return is checked, and sent at unit power."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.errors import ChainError
from moclink.power import undo_scale, unit_power
from moclink.protocols import Chain
from moclink.types import ChannelState, Demodulated, ErrorRates, Header, Reception, Transmission
from moclink.user_codec.analog import Limit
from moclink.user_codec.checks import call_user_code, checked_count, checked_reals, decoded_rows
from moclink.wrapped_chain import WrappedChain

UNIT = 1e-3  # relative deviation of the energy that counts as unit power


@dataclass(frozen=True)
class ScaledHeader(Header):
    """Header of a chain whose symbols had another power.

    Attributes:
        inner: The header that the chain made.
    """

    inner: Header = None  # type: ignore[assignment]


@dataclass(frozen=True)
class CheckedChain(WrappedChain):
    """A user's chain with checks.

    Attributes:
        name: Name in results and figures.
        inner: The chain.
        allowed: Symbols that a picture may take.
    """

    name: str
    inner: Chain
    allowed: Limit

    def transmit(
        self, images: NDArray[np.float32], csi: ChannelState | None = None
    ) -> Transmission:
        """See `Chain.transmit`. Symbols of another power are scaled, and back at the receiver."""
        known = (csi,) if self.adaptive else ()
        sent = call_user_code(self.name, "transmit", lambda: self.inner.transmit(images, *known))
        if not isinstance(sent, Transmission) or not isinstance(sent.header, Header):
            raise ChainError(
                self.name,
                f"transmit returned {type(sent).__name__}; a moclink.types.Transmission is wanted",
            )
        size = images.shape[1], images.shape[2]
        symbols = checked_reals(self.name, sent.symbols, len(images)).astype(np.complex64)
        symbols = symbols.reshape(len(images), -1)
        checked_count(self.name, symbols.shape[1], self.allowed(*size), size)
        sent = replace(sent, symbols=symbols)
        if (np.abs(sent.energy - 1) <= UNIT).all():
            return sent
        header = ScaledHeader(*size, sent.header.lengths, inner=sent.header)
        return unit_power(replace(sent, header=header))

    def receive(
        self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Header
    ) -> Reception:
        """See `Chain.receive`; rows that fail are outages, each with its problem."""
        inner = header
        if isinstance(header, ScaledHeader):
            received, no = undo_scale(received, no, header)
            inner = header.inner
        return self._checked(
            lambda rows: self.inner.receive(received[rows], no[rows], inner), len(received), header
        )

    def decode(self, demodulated: Demodulated, header: Header) -> Reception:
        """See `Chain.decode`."""
        inner = header.inner if isinstance(header, ScaledHeader) else header

        def part(rows: slice) -> Reception:
            iterations = None if demodulated.iterations is None else demodulated.iterations[rows]
            return self.inner.decode(
                Demodulated(demodulated.values[rows], demodulated.no[rows], iterations), inner
            )

        return self._checked(part, len(demodulated.values), header)

    def count_errors(self, transmission: Transmission, reception: Reception) -> ErrorRates:
        """See `Chain.count_errors`; NaN of rows that have failed."""
        header = (
            transmission.header.inner
            if isinstance(transmission.header, ScaledHeader)
            else transmission.header
        )
        rates = call_user_code(
            self.name,
            "count_errors",
            lambda: self.inner.count_errors(replace(transmission, header=header), reception),
        )
        if not reception.problems:
            return rates
        failed = np.array([bool(problem) for problem in reception.problems])
        return ErrorRates(
            *(
                None if each is None else np.where(failed, np.nan, each)
                for each in (rates.ber, rates.ier, rates.bler)
            )
        )

    def _checked(
        self, receive: Callable[[slice], Reception], batch: int, header: Header
    ) -> Reception:
        parts: dict[tuple[int, int], Reception] = {}

        def decode(rows: slice) -> Any:
            reception = receive(rows)
            if not isinstance(reception, Reception):
                raise ChainError(
                    self.name,
                    f"receive returned {type(reception).__name__}; a moclink.types.Reception is wanted",
                )
            parts[rows.start, rows.stop] = reception
            return [
                i if ok else None for i, ok in zip(reception.images, reception.decoded, strict=True)
            ]

        decoded = decoded_rows(self.name, decode, batch, (header.height, header.width))
        row_by_row = batch > 1 and (1, 2) in parts
        if (0, batch) in parts and not decoded.problems and not row_by_row:
            # Its own, with pictures clipped: indices, bits and iterations are as they were.
            return replace(parts[0, batch], images=decoded.images)
        rows = [parts.get((row, row + 1)) for row in range(batch)]
        return Reception(
            decoded.images,
            decoded.ok,
            _stacked([row.indices if row else None for row in rows]),
            _stacked([row.bits if row else None for row in rows]),
            _stacked([row.iterations if row else None for row in rows]),
            decoded.problems,
        )


def _stacked(rows: Sequence[NDArray[Any] | None]) -> Any:
    """Rows of length 1 joined, zeros in the place of those that are missing; None if all are."""
    known = next((row for row in rows if row is not None), None)
    if known is None:
        return None
    return np.concatenate([np.zeros_like(known) if row is None else row for row in rows])

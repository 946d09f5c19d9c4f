"""A user-defined codec of amplitudes as a chain: its reals are the symbols' I and Q."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.errors import ChainError
from moclink.power import undo_scale, unit_power
from moclink.single_transmission import SingleTransmission
from moclink.snr import mean_snr_db
from moclink.types import (
    ChannelState,
    Demodulated,
    ErrorRates,
    Header,
    Reception,
    Transmission,
)
from moclink.user_codec.checks import call_user_code, checked_count, checked_reals, decoded_rows

CLEAN_DB = 50.0  # from here on noise cannot be what takes a picture out of its range

Limit = Callable[[int, int], float | None]  # (height, width) -> symbols allowed, if any is stated


def encoded(chain: str, codec: Any, images: NDArray[np.float32], csi: ChannelState | None) -> Any:
    """What a user's codec makes of images; one that adapts is told the channel's state."""
    adaptive = getattr(codec, "adaptive", False)
    known = {"csi": csi} if adaptive else {}

    def encode() -> Any:
        if not adaptive and (others := _required(codec.encode)):
            raise TypeError(
                f"it asks for {', '.join(others)}; a codec that is told the SNR has adaptive = True "
                "and encode(images, csi), with csi.snr_db"
            )
        if adaptive and not _takes(codec.encode, "csi"):
            raise TypeError("adaptive is set; encode(images, csi) is wanted, with csi.snr_db")
        return codec.encode(images, **known)

    return call_user_code(chain, "encode", encode)


def decode_call(codec: Any) -> Callable[..., Any]:
    """`codec.decode`, called with those of height, width and snr_db, in this order, that it takes."""
    parameters = inspect.signature(codec.decode).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    every = inspect.Parameter.VAR_KEYWORD in kinds

    def decode(received: Any, **known: Any) -> Any:
        if inspect.Parameter.VAR_POSITIONAL in kinds:  # decode(*args)
            return codec.decode(received, *known.values())
        if others := [name for name in _required(codec.decode) if name not in known]:
            raise TypeError(
                f"it asks for {', '.join(others)}; after what is received there are "
                f"{', '.join(known)}, by these names"
            )
        wanted = {k: v for k, v in known.items() if every or k in parameters}
        return codec.decode(received, **wanted)

    return decode


def parameters_of(method: Callable[..., Any]) -> list[inspect.Parameter]:
    """A method's parameters; of compiled code that does not tell, any."""
    try:
        return list(inspect.signature(method).parameters.values())
    except (TypeError, ValueError):
        anything = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return [inspect.Parameter(f"any{kind}", kind) for kind in anything]


def _required(method: Callable[..., Any]) -> list[str]:
    """Parameters after the first that have no default."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    others = parameters_of(method)[1:]
    return [p.name for p in others if p.default is p.empty and p.kind in named]


def _takes(method: Callable[..., Any], name: str) -> bool:
    """Whether a method has a parameter of this name, or takes any."""
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters_of(method))


@dataclass(frozen=True)
class ShapedHeader(Header):
    """Header of amplitudes.

    Attributes:
        shape: Shape of a picture's amplitudes.
        complex_valued: Whether they are complex.
    """

    shape: tuple[int, ...] = ()
    complex_valued: bool = False


@dataclass(frozen=True)
class AnalogUserChain(SingleTransmission):
    """A user's codec whose amplitudes are sent as they are, at unit power.

    Attributes:
        name: Name in results and figures.
        codec: Images <-> amplitudes.
        allowed: Symbols that a picture may take.
        adaptive: Whether the codec is told the channel's state.
    """

    name: str
    codec: Any
    allowed: Limit
    adaptive: bool = False
    modem = None

    def transmit(
        self, images: NDArray[np.float32], csi: ChannelState | None = None
    ) -> Transmission:
        """See `Chain.transmit`. An odd number of reals is followed by a zero."""
        batch, height, width = images.shape[:3]
        values = checked_reals(self.name, encoded(self.name, self.codec, images, csi), batch)
        flat = values.reshape(batch, -1)
        if values.dtype == np.complex64:
            symbols = flat
        else:
            symbols = np.ascontiguousarray(np.pad(flat, ((0, 0), (0, flat.shape[1] % 2)))).view(
                np.complex64
            )
        checked_count(self.name, symbols.shape[1], self.allowed(height, width), (height, width))
        header = ShapedHeader(
            height,
            width,
            (0,) * batch,
            shape=values.shape[1:],
            complex_valued=values.dtype == np.complex64,
        )
        return unit_power(Transmission(symbols, header))

    def receive(
        self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Header
    ) -> Reception:
        """See `Chain.receive`. The decoder may ask for the mean SNR of each picture's symbols."""
        if not isinstance(header, ShapedHeader):
            raise ChainError(self.name, f"it receives only what it has sent, not {header}")
        snr_db, batch = mean_snr_db(no), len(received)
        symbols = np.ascontiguousarray(undo_scale(received, no, header)[0])
        flat = symbols if header.complex_valued else symbols.view(np.float32)
        values = flat[:, : int(np.prod(header.shape))].reshape(batch, *header.shape)
        size, decode = (header.height, header.width), decode_call(self.codec)
        decoded = decoded_rows(
            self.name,
            lambda rows: decode(values[rows], height=size[0], width=size[1], snr_db=snr_db[rows]),
            batch,
            size,
            clean=bool(snr_db.min() > CLEAN_DB),
        )
        return Reception(decoded.images, decoded.ok, problems=decoded.problems)

    def decode(self, demodulated: Demodulated, header: Header) -> Reception:
        """Refuse: there is no modem whose output could be decoded."""
        raise ValueError(f"{self.name} has no modem; use receive")

    def count_errors(self, transmission: Transmission, reception: Reception) -> ErrorRates:
        """Nothing to count."""
        return ErrorRates()
